#include "container/test_disk.h"

/* ---- cgroups ---- */

static void tells_containers_from_cgroup_paths(void **state)
{
    (void)state;
    /* clang-format off */
    static const struct {
        const char *path;
        enum container_type type;
        const char *id, *space, *pod_uid;
        bool is_guess;
    } cases[] = {
        {"/docker/" HEX_A, CONTAINER_DOCKER, HEX_A, NULL, NULL, false},
        {"/system.slice/docker-" HEX_A ".scope", CONTAINER_DOCKER, HEX_A, NULL, NULL, false},
        {"/system.slice/docker-" HEX_A ".scope/init.scope", CONTAINER_DOCKER, HEX_A, NULL, NULL,
         false},
        {"/docker/" HEX_A "/docker/" HEX_B, CONTAINER_DOCKER, HEX_B, NULL, NULL, false},
        {"/kubepods/burstable/pod0cbaf9be-93a1-4b8d-a92b-1a5a4a2b8c11/" HEX_A, CONTAINER_CONTAINERD,
         HEX_A, NULL, "0cbaf9be-93a1-4b8d-a92b-1a5a4a2b8c11", false},
        {"/kubepods.slice/kubepods-burstable.slice/"
         "kubepods-burstable-pod0cbaf9be_93a1_4b8d_a92b_1a5a4a2b8c11.slice/cri-containerd-" HEX_A
         ".scope",
         CONTAINER_CONTAINERD, HEX_A, NULL, "0cbaf9be_93a1_4b8d_a92b_1a5a4a2b8c11", false},
        {"/system.slice/containerd.service/"
         "kubepods-pod0cbaf9be_93a1_4b8d_a92b_1a5a4a2b8c11.slice:cri-containerd:" HEX_A,
         CONTAINER_CONTAINERD, HEX_A, NULL, "0cbaf9be_93a1_4b8d_a92b_1a5a4a2b8c11", false},
        {"/kubepods.slice/kubepods-podx.slice/crio-" HEX_A ".scope/container", CONTAINER_CRIO,
         HEX_A, NULL, NULL, false},
        {"/machine.slice/libpod-" HEX_A ".scope/container", CONTAINER_PODMAN, HEX_A, NULL, NULL,
         false},
        {"/libpod_parent/libpod-" HEX_A, CONTAINER_PODMAN, HEX_A, NULL, NULL, false},
        {"/k8s.io/" HEX_A, CONTAINER_CONTAINERD, HEX_A, "k8s.io", NULL, false},
        {"/default/web", CONTAINER_CONTAINERD, "web", "default", NULL, true},
        {"/my/own/parent/" HEX_A, CONTAINER_OTHER, HEX_A, NULL, NULL, false},
    };
    /* clang-format on */
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
        ("/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/" HEX_A),
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

/* clang-format off */
static const struct disk_file docker_files[] = {
    {OPEN_DOCKER_DAEMON, "", "", "", "{\"data-root\": \"/srv/dock\"}"},
    {OPEN_DOCKER_CONFIG, "/srv/dock", HEX_A, "", DOCKER_CONFIG},
    {OPEN_DOCKER_HOST_CONFIG, "/srv/dock", HEX_A, "", DOCKER_HOST_CONFIG},
    {OPEN_DOCKER_REPOSITORIES, "/srv/dock", "", "overlay2", DOCKER_REPOSITORIES},
};
/* clang-format on */

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

/* Parses a sample over a fresh info; the arena is the caller's. */
static err_kind parse_docker(span bytes, struct arena *arena, struct container_info *info,
                             struct err_ctx *err)
{
    *info = (struct container_info){.id = SPAN(HEX_A)};
    struct facts facts = {info, arena};
    span driver;
    return docker_config_parse(bytes, &facts, &driver, err);
}

static void every_truncation_of_a_docker_config_is_an_error(void **state)
{
    (void)state;
    span whole = SPAN(DOCKER_CONFIG);
    for (size_t length = 0; length <= whole.len; length++) {
        AUTO(auto_free) uint8_t *copy = malloc(length + 1);
        assert_non_null(copy);
        memcpy(copy, whole.data, length);
        AUTO(arena_free) struct arena arena;
        arena_init(&arena, INFO_BYTES_MAX);
        struct container_info info;
        struct err_ctx err = {0};
        err_kind kind = parse_docker(span_of(copy, length), &arena, &info, &err);
        assert_int_equal(kind, length == whole.len ? OK : ERR_INPUT);
        assert_true(kind == OK || strchr(err.text, ':')); /* says where */
    }
}

static void refuses_anothers_config_and_bad_json(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *reason;
    } cases[] = {
        {"{\"ID\":\"" HEX_B "\"}", "'ID' is not the container's"},
        {"[]", "'ID' is not the container's"},
        {"{\"ID\":\"" HEX_A "\",\"Name\":\"\xff\xfe\"}", "1:"},
        {"{\"ID\":", "1:"},
        {"", "1:0"},
    };
    for (size_t index = 0; index < sizeof cases / sizeof *cases; index++) {
        AUTO(arena_free) struct arena arena;
        arena_init(&arena, INFO_BYTES_MAX);
        struct container_info info;
        struct err_ctx err = {0};
        assert_int_equal(parse_docker(span_str(cases[index].text), &arena, &info, &err), ERR_INPUT);
        if (!strstr(err.text, cases[index].reason))
            fail_msg("'%s', expected '%s'", err.text, cases[index].reason);
    }
    char deep[JSON_DEPTH_MAX + 2];
    memset(deep, '[', sizeof deep);
    struct err_ctx err = {0};
    json_t *value;
    assert_int_equal(json_parse(span_of(deep, sizeof deep), &value, &err), ERR_LIMIT);
    assert_non_null(strstr(err.text, "byte 64"));
}

static void keeps_hostile_names_as_they_are(void **state)
{
    (void)state;
    static const char text[] =
        "{\"ID\":\"" HEX_A "\",\"Name\":\"/a\\n\\u001b[31m\\u202e\",\"Config\":{\"Labels\":{"
        "\"k\\r\":\"\\u0000nul\",\"n\":7,\"list\":[1]}},\"Created\":\"yesterday\",\"Driver\":"
        "\"../../x\"}";
    AUTO(arena_free) struct arena arena;
    arena_init(&arena, INFO_BYTES_MAX);
    struct container_info info;
    struct err_ctx err;
    assert_int_equal(parse_docker(span_of(text, sizeof text - 1), &arena, &info, &err), OK);
    assert_span(info.name, "a\n\x1b[31m\xe2\x80\xae");
    assert_int_equal(info.label_count, 1);
    assert_true(span_eq(info.labels[0].value, SPAN("\0nul")));
    assert_int_equal(info.created_wall_ns, 0);
    struct writer out;
    writer_init(&out, 100000);
    container_info_json(&info, &out);
    json_t *value;
    assert_int_equal(json_parse(writer_span(&out), &value, &err), OK);
    assert_true(span_eq(json_span(json_object_get(value, "container.name")), info.name));
    json_decref(value);
    writer_free(&out);
}

/* A config with `count` labels, each with a value of `length` bytes. */
static void config_with_labels(struct writer *out, size_t count, size_t length)
{
    writer_text(out, "{\"ID\":\"" HEX_A "\",\"Name\":\"/n\",\"Config\":{\"Labels\":{");
    for (size_t index = 0; index < count; index++) {
        writer_format(out, "%s\"k%zu\":\"", index ? "," : "", index);
        for (size_t byte = 0; byte < length; byte++)
            writer_byte(out, 'v');
        writer_byte(out, '"');
    }
    writer_text(out, "}}}");
}

static void keeps_a_bounded_part_of_too_much(void **state)
{
    (void)state;
    static const struct {
        size_t count, length, kept_max;
        bool is_cut;
    } cases[] = {
        {256, 10, 256, false}, {257, 10, 256, true},  {2, 4096, 2, false},
        {2, 4097, 0, true},    {200, 4000, 32, true},
    };
    for (size_t index = 0; index < sizeof cases / sizeof *cases; index++) {
        struct writer out;
        writer_init(&out, 1 << 22);
        config_with_labels(&out, cases[index].count, cases[index].length);
        AUTO(arena_free) struct arena arena;
        arena_init(&arena, INFO_BYTES_MAX);
        struct container_info info;
        struct err_ctx err;
        assert_int_equal(parse_docker(writer_span(&out), &arena, &info, &err), OK);
        assert_int_equal(info.is_cut, cases[index].is_cut);
        assert_true(info.label_count <= cases[index].kept_max);
        assert_span(info.name, "n");
        assert_true(arena.size_bytes <= INFO_BYTES_MAX);
        writer_free(&out);
    }
}

static void names_an_image_that_was_started_by_id(void **state)
{
    (void)state;
    struct container_info info = {.id = SPAN(HEX_A), .image_id = SPAN(HEX_C)};
    AUTO(arena_free) struct arena arena;
    arena_init(&arena, INFO_BYTES_MAX);
    struct facts facts = {&info, &arena};
    struct err_ctx err;
    facts_image_name(&facts, SPAN("sha256:" HEX_C));
    assert_null(info.image_repository.data);
    assert_int_equal(docker_repositories_parse(SPAN(DOCKER_REPOSITORIES), &facts, &err), OK);
    assert_non_null(info.image_repository.data);
    assert_non_null(info.image_digest.data);
}

static void splits_image_names(void **state)
{
    (void)state;
    static const struct {
        const char *image, *repository, *tag, *digest;
    } cases[] = {
        {"nginx", "nginx", "", ""},
        {"nginx:1.25", "nginx", "1.25", ""},
        {"reg:5000/a/b", "reg:5000/a/b", "", ""},
        {"reg:5000/a/b:t@sha256:" HEX_A, "reg:5000/a/b", "t", "sha256:" HEX_A},
        {"a@sha256:" HEX_A, "a", "", "sha256:" HEX_A},
        {"sha256:" HEX_A, "", "", ""},
        {HEX_A, "", "", ""},
        {":", "", "", ""},
        {"@", "", "", ""},
        {"/", "/", "", ""},
        {"", "", "", ""},
    };
    for (size_t index = 0; index < sizeof cases / sizeof *cases; index++) {
        struct container_info info = {0};
        AUTO(arena_free) struct arena arena;
        arena_init(&arena, INFO_BYTES_MAX);
        struct facts facts = {&info, &arena};
        facts_image_name(&facts, span_str(cases[index].image));
        if (!span_eq(info.image_repository, span_str(cases[index].repository)) ||
            !span_eq(info.image_tag, span_str(cases[index].tag)) ||
            !span_eq(info.image_digest, span_str(cases[index].digest)))
            fail_msg("'%s' became '" PRI_SPAN "', '" PRI_SPAN "', '" PRI_SPAN "'",
                     cases[index].image, ARG_SPAN(info.image_repository), ARG_SPAN(info.image_tag),
                     ARG_SPAN(info.image_digest));
    }
}

static void reads_times_as_go_writes_them(void **state)
{
    (void)state;
    assert_int_equal(time_parse(SPAN("2026-11-21T04:00:41.5Z")), 1795233641500000000u);
    assert_int_equal(time_parse(SPAN("2026-11-21T06:00:41+02:00")), 1795233641000000000u);
    assert_int_equal(time_parse(SPAN("2026-11-20T23:30:41-04:30")), 1795233641000000000u);
    static const char *const wrong[] = {"0001-01-01T00:00:00Z",
                                        "2026-11-21T04:00:41",
                                        "2026-13-21T04:00:41Z",
                                        "2026-11-21T04:00:41.Z",
                                        "2026-11-21T04:00:41Zx",
                                        "",
                                        "-"};
    for (size_t index = 0; index < sizeof wrong / sizeof *wrong; index++)
        assert_int_equal(time_parse(span_str(wrong[index])), 0);
}

/* ---- the cache ---- */

static void tries_again_with_growing_pauses_then_gives_up(void **state)
{
    (void)state;
    struct disk disk = {NULL, 0, 0};
    struct container_cache *cache = cache_on(&disk, 8);
    struct container_key key = key_of("/docker/" HEX_A);
    const struct container_info *info;
    enum container_state found;
    size_t looks = 0, opens = 0;
    for (uint64_t now = 0; now < 100 * SECOND; now += SECOND / 200) {
        found = container_lookup(cache, &key, 0, 0, now, &info);
        looks += disk.opens != opens;
        opens = disk.opens;
        assert_true(found == (looks > 5 ? CONTAINER_UNKNOWN : CONTAINER_PENDING));
        assert_span(info->short_id, "aaaaaaaaaaaa");
        assert_null(info->name.data);
    }
    assert_int_equal(looks, 6);
    assert_int_equal(container_cache_stats(cache)->given_up, 1);
    container_cache_close(cache);
}

static void a_root_that_is_learned_later_finds_what_was_given_up(void **state)
{
    (void)state;
    struct disk disk = {docker_files + 1, 3, 0};
    struct container_cache *cache = cache_on(&disk, 8);
    struct container_key key = key_of("/docker/" HEX_A);
    const struct container_info *info;
    for (uint64_t now = 0; now < 100 * SECOND; now += SECOND)
        assert_true(container_lookup(cache, &key, 0, 0, now, &info) != CONTAINER_FOUND);
    static const char argv[] = "dockerd\0--data-root\0/srv/dock/\0-H\0unix:///x";
    assert_true(container_daemon_seen(cache, SPAN("/usr/bin/dockerd"), span_of(argv, sizeof argv),
                                      (span){0}));
    assert_false(container_daemon_seen(cache, SPAN("/usr/bin/dockerd"), span_of(argv, sizeof argv),
                                       (span){0}));
    assert_int_equal(container_lookup(cache, &key, 0, 0, 101 * SECOND, &info), CONTAINER_FOUND);
    assert_span(info->name, "front");
    container_cache_close(cache);
}

#define EARLY_CONFIG                                                                               \
    "{\"ID\":\"" HEX_A "\",\"Name\":\"/"                                                           \
    "early\",\"State\":{\"StartedAt\":\"0001-01-01T00:00:00Z\"}}"

static void reads_again_what_docker_adds_after_the_start(void **state)
{
    (void)state;
    struct disk_file files[] = {
        {OPEN_DOCKER_CONFIG, "/var/lib/docker", HEX_A, "", EARLY_CONFIG, 0}};
    struct disk disk = {files, 1, 0};
    struct container_cache *cache = cache_on(&disk, 8);
    struct container_key key = key_of("/docker/" HEX_A);
    const struct container_info *info;
    assert_int_equal(container_lookup(cache, &key, 0, 0, 0, &info), CONTAINER_FOUND);
    assert_int_equal(info->started_wall_ns, 0);
    files[0].content = DOCKER_CONFIG;
    container_lookup(cache, &key, 0, 0, SECOND / 2, &info);
    assert_span(info->name, "early");
    container_lookup(cache, &key, 0, 0, SECOND, &info);
    assert_span(info->ip, "172.17.0.2");
    container_cache_close(cache);

    /* the files of one that ended are gone: what was read stays, and is not asked for for ever */
    files[0].content = EARLY_CONFIG;
    cache = cache_on(&disk, 8);
    container_lookup(cache, &key, 0, 0, 0, &info);
    disk.count = 0;
    for (uint64_t now = 0; now < 60 * SECOND; now += SECOND)
        assert_int_equal(container_lookup(cache, &key, 0, 0, now, &info), CONTAINER_FOUND);
    size_t opens = disk.opens;
    for (uint64_t now = 60 * SECOND; now < 90 * SECOND; now += SECOND)
        container_lookup(cache, &key, 0, 0, now, &info);
    assert_int_equal(disk.opens, opens);
    assert_span(info->name, "early");
    container_cache_close(cache);
}

static void forgets_the_least_recently_used(void **state)
{
    (void)state;
    struct disk disk = {docker_files, 4, 0};
    struct container_cache *cache = cache_on(&disk, 3);
    struct container_key first = key_of("/docker/" HEX_A);
    const struct container_info *info;
    assert_int_equal(container_lookup(cache, &first, 0, 0, 0, &info), CONTAINER_FOUND);
    for (int number = 0; number < 100; number++) {
        char path[100];
        snprintf(path, sizeof path, "/docker/%064x", number);
        struct container_key key = key_of(path);
        assert_int_equal(container_lookup(cache, &key, 0, 0, 0, &info), CONTAINER_PENDING);
        size_t opens = disk.opens;
        assert_int_equal(container_lookup(cache, &first, 0, 0, 0, &info), CONTAINER_FOUND);
        assert_int_equal(disk.opens, opens);
    }
    assert_int_equal(container_cache_stats(cache)->evicted, 98);
    container_cache_close(cache);
}

static void counts_and_tells_of_a_broken_file(void **state)
{
    (void)state;
    struct disk_file files[] = {
        {OPEN_DOCKER_CONFIG, "/var/lib/docker", HEX_A, "", "{\"ID\": oops", 0},
    };
    struct disk disk = {files, 1, 0};
    struct container_cache *cache = cache_on(&disk, 8);
    struct container_key key = key_of("/docker/" HEX_A);
    const struct container_info *info;
    assert_int_equal(container_lookup(cache, &key, 0, 0, 0, &info), CONTAINER_PENDING);
    const struct container_stats *stats = container_cache_stats(cache);
    assert_int_equal(stats->bad_files, 1);
    assert_non_null(strstr(stats->last_error, "docker-config /var/lib/docker " HEX_A ": 1:"));
    AUTO(auto_free) char *huge = malloc(PARSE_BYTES_MAX + 1);
    assert_non_null(huge);
    memset(huge, ' ', PARSE_BYTES_MAX + 1);
    files[0].content = huge;
    files[0].length = PARSE_BYTES_MAX + 1;
    container_lookup(cache, &key, 0, 0, SECOND, &info);
    assert_non_null(strstr(stats->last_error, "over 1048576 bytes"));
    container_cache_close(cache);
}

/* ---- stored facts ---- */

static void stores_facts_and_loads_them_again(void **state)
{
    (void)state;
    struct disk disk = {docker_files, 4, 0}, empty = {NULL, 0, 0};
    struct container_cache *from = cache_on(&disk, 8), *to = cache_on(&empty, 8);
    struct container_key key = key_of("/docker/" HEX_A), other = key_of("/docker/" HEX_B);
    const struct container_info *info;
    container_lookup(from, &other, 0, 0, 0, &info);
    container_lookup(from, &key, 0, 0, 0, &info);
    struct writer stored, before, after;
    writer_init(&stored, 1 << 20);
    writer_init(&before, 1 << 20);
    writer_init(&after, 1 << 20);
    container_info_json(info, &before);
    container_cache_save(from, &stored);
    struct err_ctx err;
    assert_int_equal(container_cache_load(to, writer_span(&stored), 0, &err), OK);
    assert_int_equal(container_lookup(to, &key, 0, 0, 0, &info), CONTAINER_FOUND);
    assert_int_equal(empty.opens, 0);
    container_info_json(info, &after);
    assert_true(span_eq(writer_span(&before), writer_span(&after)));
    assert_int_equal(container_lookup(to, &other, 0, 0, 0, &info), CONTAINER_PENDING);

    /* every truncation and every changed byte is refused, and adds nothing */
    struct container_cache *none = cache_on(&empty, 8);
    for (size_t length = 0; length < stored.len; length++)
        assert_int_equal(container_cache_load(none, span_of(stored.data, length), 0, &err),
                         ERR_INPUT);
    for (size_t index = 0; index < stored.len; index++) {
        stored.data[index] ^= 0x41;
        assert_int_equal(container_cache_load(none, writer_span(&stored), 0, &err), ERR_INPUT);
        stored.data[index] ^= 0x41;
    }
    assert_int_equal(container_lookup(none, &key, 0, 0, 0, &info), CONTAINER_PENDING);
    writer_free(&stored);
    writer_free(&before);
    writer_free(&after);
    container_cache_close(from);
    container_cache_close(to);
    container_cache_close(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_containers_from_cgroup_paths),
        cmocka_unit_test(leaves_the_hosts_processes_alone),
        cmocka_unit_test(takes_the_surest_of_a_list_of_cgroups),
        cmocka_unit_test(reads_a_docker_container_at_first_sight),
        cmocka_unit_test(every_truncation_of_a_docker_config_is_an_error),
        cmocka_unit_test(refuses_anothers_config_and_bad_json),
        cmocka_unit_test(keeps_hostile_names_as_they_are),
        cmocka_unit_test(keeps_a_bounded_part_of_too_much),
        cmocka_unit_test(names_an_image_that_was_started_by_id),
        cmocka_unit_test(splits_image_names),
        cmocka_unit_test(reads_times_as_go_writes_them),
        cmocka_unit_test(tries_again_with_growing_pauses_then_gives_up),
        cmocka_unit_test(a_root_that_is_learned_later_finds_what_was_given_up),
        cmocka_unit_test(reads_again_what_docker_adds_after_the_start),
        cmocka_unit_test(forgets_the_least_recently_used),
        cmocka_unit_test(counts_and_tells_of_a_broken_file),
        cmocka_unit_test(stores_facts_and_loads_them_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
