#include <errno.h>
#include <unistd.h>

#include <sys/mman.h>

#include "container/internal.h"
#include "core/cleanup.h"
#include "core/test.h"

#define HEX_A  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_C  "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define SECOND 1000000000ull

/* ---- a disk of texts ---- */

struct disk_file {
    enum open_template what;
    const char *root; /* "" : the template's default */
    const char *id;
    const char *name;
    const char *content;
};

struct disk {
    const struct disk_file *files;
    size_t count;
    size_t opens;
};

static int disk_open(void *context, const struct open_request *request)
{
    struct disk *disk = context;
    disk->opens++;
    for (size_t index = 0; index < disk->count; index++) {
        const struct disk_file *file = &disk->files[index];
        if (file->what != request->what || strcmp(file->root, request->root) != 0 ||
            strcmp(file->id, request->id) != 0 || strcmp(file->name, request->name) != 0)
            continue;
        int fd = memfd_create("disk", MFD_CLOEXEC);
        assert_true(fd >= 0);
        size_t length = strlen(file->content);
        assert_int_equal(write(fd, file->content, length), length);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        return fd;
    }
    return -ENOENT;
}

static struct container_cache *cache_on(struct disk *disk, size_t containers_max)
{
    struct container_cache *cache = NULL;
    struct err_ctx err;
    struct container_options options = {
        .open = disk_open, .context = disk, .containers_max = containers_max, .seed = 5};
    assert_int_equal(container_cache_open(&options, &cache, &err), OK);
    return cache;
}

static struct container_key key_of(const char *path)
{
    struct container_key key;
    if (!container_from_cgroup(span_str(path), &key))
        fail_msg("no container in '%s'", path);
    return key;
}

static void assert_span(span s, const char *text)
{
    if (!s.data || !span_eq(s, span_str(text)))
        fail_msg("'" PRI_SPAN "', expected '%s'", ARG_SPAN(s), text);
}

/* ---- cgroups ---- */

static void tells_containers_from_cgroup_paths(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum container_type type;
        const char *id, *space, *pod_uid;
        bool is_guess;
    } cases[] = {
        {"/docker/" HEX_A,                                                                        CONTAINER_DOCKER,     HEX_A, NULL,      NULL,                                   false},
        {"/system.slice/docker-" HEX_A ".scope",                                                  CONTAINER_DOCKER,     HEX_A, NULL,      NULL,                                   false},
        {"/system.slice/docker-" HEX_A ".scope/init.scope",                                       CONTAINER_DOCKER,     HEX_A, NULL,      NULL,
         false                                                                                                                                                                         },
        {"/docker/" HEX_A "/docker/" HEX_B,                                                       CONTAINER_DOCKER,     HEX_B, NULL,      NULL,                                   false},
        {"/kubepods/burstable/pod0cbaf9be-93a1-4b8d-a92b-1a5a4a2b8c11/" HEX_A,                    CONTAINER_CONTAINERD,
         HEX_A,                                                                                                                NULL,      "0cbaf9be-93a1-4b8d-a92b-1a5a4a2b8c11", false},
        {"/kubepods.slice/kubepods-burstable.slice/"
         "kubepods-burstable-pod0cbaf9be_93a1_4b8d_a92b_1a5a4a2b8c11.slice/cri-containerd-" HEX_A
         ".scope",                                                                       CONTAINER_CONTAINERD, HEX_A, NULL,      "0cbaf9be_93a1_4b8d_a92b_1a5a4a2b8c11", false},
        {"/system.slice/containerd.service/"
         "kubepods-pod0cbaf9be_93a1_4b8d_a92b_1a5a4a2b8c11.slice:cri-containerd:" HEX_A,
         CONTAINER_CONTAINERD,                                                                                          HEX_A, NULL,      "0cbaf9be_93a1_4b8d_a92b_1a5a4a2b8c11", false},
        {"/kubepods.slice/kubepods-podx.slice/crio-" HEX_A ".scope/container",                    CONTAINER_CRIO,
         HEX_A,                                                                                                                NULL,      NULL,                                   false},
        {"/machine.slice/libpod-" HEX_A ".scope/container",                                       CONTAINER_PODMAN,     HEX_A, NULL,      NULL,
         false                                                                                                                                                                         },
        {"/libpod_parent/libpod-" HEX_A,                                                          CONTAINER_PODMAN,     HEX_A, NULL,      NULL,                                   false},
        {"/k8s.io/" HEX_A,                                                                        CONTAINER_CONTAINERD, HEX_A, "k8s.io",  NULL,                                   false},
        {"/default/web",                                                                          CONTAINER_CONTAINERD, "web", "default", NULL,                                   true },
        {"/my/own/parent/" HEX_A,                                                                 CONTAINER_OTHER,      HEX_A, NULL,      NULL,                                   false},
    };
    for (size_t index = 0; index < sizeof cases / sizeof *cases; index++) {
        struct container_key key = key_of(cases[index].path);
        assert_int_equal(key.type, cases[index].type);
        assert_span(key.id, cases[index].id);
        assert_int_equal(key.is_type_sure, !cases[index].is_guess);
        if (cases[index].space)
            assert_span(key.space, cases[index].space);
        else
            assert_null(key.space.data);
        if (cases[index].pod_uid)
            assert_span(key.pod_uid, cases[index].pod_uid);
        else
            assert_null(key.pod_uid.data);
    }
}

static void leaves_the_hosts_processes_alone(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "",
        "/",
        "/init.scope",
        "/system.slice/ssh.service",
        "/user.slice/user-0.slice/session-1.scope",
        "/system.slice/crio-conmon-" HEX_A ".scope",
        "/machine.slice/libpod-conmon-" HEX_A ".scope",
        "/docker/abcdef",
        "/kubepods/besteffort",
        "/system.slice/docker-AAAA" HEX_A ".scope",
        "/a/b/c",
        "/default/../x",
        "/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/" HEX_A,
    };
    for (size_t index = 0; index < sizeof paths / sizeof *paths; index++) {
        struct container_key key;
        if (container_from_cgroup(span_str(paths[index]), &key))
            fail_msg("a container in '%s'", paths[index]);
    }
}

static void takes_the_surest_of_a_list_of_cgroups(void **state)
{
    (void)state;
    struct container_key key;
    static const char list[] = "cpu:/jobs/7\0memory:/docker/" HEX_A "\0:/docker/" HEX_B;
    assert_true(container_from_cgroups(span_of(list, sizeof list), &key));
    assert_span(key.id, HEX_A);
    static const char guess[] = "cpu:/jobs/7\0:/";
    assert_true(container_from_cgroups(span_of(guess, sizeof guess), &key));
    assert_false(key.is_type_sure);
    static const char host[] = "cpu:/\0:/init.scope";
    assert_false(container_from_cgroups(span_of(host, sizeof host - 1), &key));
    assert_false(container_from_cgroups((span){0}, &key));
}

/* ---- docker ---- */

#define DOCKER_CONFIG                                                                              \
    "{\"StreamConfig\":{},\"State\":{\"Running\":true,\"StartedAt\":\"2026-11-21T04:00:41."        \
    "488669438Z\"},\"ID\":\"" HEX_A "\",\"Created\":\"2026-11-21T04:00:41Z\",\"Config\":{"         \
    "\"Image\":\"reg.example:5000/team/web:1.2\",\"Labels\":{\"app\":\"web\",\"multi\":\"a\\nb\"," \
    "\"empty\":\"\"}},\"Image\":\"sha256:" HEX_C "\",\"NetworkSettings\":{\"Networks\":{\"x\":{"   \
    "\"IPAddress\":\"172.17.0.2\"}}},\"Name\":\"/front\",\"Driver\":\"overlay2\",\"MountPoints\":" \
    "{\"/vol\":{\"Source\":\"/srv/v\",\"Destination\":\"/vol\",\"RW\":true,\"Relabel\":\"z\","     \
    "\"Propagation\":\"rprivate\"}}}"
#define DOCKER_HOST_CONFIG                                                                         \
    "{\"Privileged\":true,\"PidMode\":\"host\",\"NetworkMode\":\"bridge\",\"IpcMode\":"            \
    "\"private\"}"
#define DOCKER_REPOSITORIES                                                                        \
    "{\"Repositories\":{\"other\":{\"other@sha256:" HEX_B "\":\"sha256:" HEX_C "\"},"              \
    "\"reg.example:5000/team/web\":{\"reg.example:5000/team/web:1.2\":\"sha256:" HEX_C             \
    "\",\"reg.example:5000/team/web@sha256:" HEX_A "\":\"sha256:" HEX_C "\"}}}"

static const struct disk_file docker_files[] = {
    {OPEN_DOCKER_DAEMON,       "",          "",    "",         "{\"data-root\": \"/srv/dock\"}"},
    {OPEN_DOCKER_CONFIG,       "/srv/dock", HEX_A, "",         DOCKER_CONFIG                   },
    {OPEN_DOCKER_HOST_CONFIG,  "/srv/dock", HEX_A, "",         DOCKER_HOST_CONFIG              },
    {OPEN_DOCKER_REPOSITORIES, "/srv/dock", "",    "overlay2", DOCKER_REPOSITORIES             },
};

static void reads_a_docker_container_at_first_sight(void **state)
{
    (void)state;
    struct disk disk = {docker_files, 4, 0};
    struct container_cache *cache = cache_on(&disk, 8);
    struct container_key key = key_of("/docker/" HEX_A);
    const struct container_info *info = NULL;
    assert_int_equal(container_lookup(cache, &key, 0, 0, 1, &info), CONTAINER_FOUND);
    assert_string_equal(container_type_name(info->type), "docker");
    assert_span(info->id, HEX_A);
    assert_span(info->short_id, "aaaaaaaaaaaa");
    assert_span(info->name, "front");
    assert_span(info->image, "reg.example:5000/team/web:1.2");
    assert_span(info->image_id, HEX_C);
    assert_span(info->image_repository, "reg.example:5000/team/web");
    assert_span(info->image_tag, "1.2");
    assert_span(info->image_digest, "sha256:" HEX_A);
    assert_int_equal(info->label_count, 3);
    assert_span(container_label_find(info->labels, 3, SPAN("multi")), "a\nb");
    assert_span(container_label_find(info->labels, 3, SPAN("empty")), "");
    assert_null(container_label_find(info->labels, 3, SPAN("none")).data);
    assert_int_equal(info->mount_count, 1);
    assert_span(info->mounts[0].source, "/srv/v");
    assert_span(info->mounts[0].dest, "/vol");
    assert_span(info->mounts[0].mode, "z");
    assert_true(info->mounts[0].is_writable);
    assert_int_equal(info->privileged, TRUTH_YES);
    assert_int_equal(info->host_pid, TRUTH_YES);
    assert_int_equal(info->host_network, TRUTH_NO);
    assert_span(info->ip, "172.17.0.2");
    assert_int_equal(info->started_wall_ns, 1795233641488669438u);
    assert_int_equal(info->created_wall_ns, 1795233641000000000u);
    assert_null(info->pod_name.data);
    size_t opens = disk.opens;
    assert_int_equal(container_lookup(cache, &key, 0, 0, 3600 * SECOND, &info), CONTAINER_FOUND);
    assert_int_equal(disk.opens, opens);
    container_cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_containers_from_cgroup_paths),
        cmocka_unit_test(leaves_the_hosts_processes_alone),
        cmocka_unit_test(takes_the_surest_of_a_list_of_cgroups),
        cmocka_unit_test(reads_a_docker_container_at_first_sight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
