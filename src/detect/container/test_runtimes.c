/* containerd, CRI-O and podman: their files, settings and command lines. */
#include <sqlite3.h>

#include "container/bolt.h"
#include "container/test_disk.h"

/* ---- runtime specifications ---- */

#define SPEC_LINUX                                                                                 \
    "\"linux\":{\"maskedPaths\":[\"/proc/kcore\"],\"resources\":{\"devices\":[{\"allow\":false,"   \
    "\"access\":\"rwm\"}]},\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\",\"path\":"         \
    "\"/proc/7/ns/ipc\"},{\"type\":\"mount\"}]}"
#define SPEC_MOUNTS                                                                                \
    "\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"               \
    "{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"/srv/d\",\"options\":[\"rbind\","   \
    "\"rprivate\",\"ro\"]},{\"destination\":\"/x\",\"type\":\"none\",\"source\":\"/y\","           \
    "\"options\":[\"rbind\",\"rw\"]}]"

#define CRI_SPEC                                                                                   \
    "{\"annotations\":{\"io.kubernetes.cri.container-name\":\"app\","                              \
    "\"io.kubernetes.cri.container-type\":\"container\",\"io.kubernetes.cri.image-name\":"         \
    "\"docker.io/library/nginx:1.25\",\"io.kubernetes.cri.sandbox-id\":\"" HEX_B                   \
    "\",\"io.kubernetes.cri.sandbox-name\":\"shop-0\",\"io.kubernetes.cri.sandbox-namespace\":"    \
    "\"prod\",\"io.kubernetes.cri.sandbox-uid\":\"uid-1\"}," SPEC_MOUNTS "," SPEC_LINUX "}"

static err_kind parse_spec(const char *text, struct arena *arena, struct container_info *info,
                           struct err_ctx *err)
{
    arena_init(arena, INFO_BYTES_MAX);
    *info = (struct container_info){.id = SPAN(HEX_A)};
    struct facts facts = {info, arena};
    return oci_spec_parse(span_str(text), &facts, err);
}

static void reads_a_pods_container_of_containerd(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena arena;
    struct container_info info;
    struct err_ctx err;
    assert_int_equal(parse_spec(CRI_SPEC, &arena, &info, &err), OK);
    assert_int_equal(info.type, CONTAINER_CONTAINERD);
    assert_span(info.name, "app");
    assert_span(info.image, "docker.io/library/nginx:1.25");
    assert_span(info.image_repository, "docker.io/library/nginx");
    assert_span(info.image_tag, "1.25");
    assert_span(info.pod_name, "shop-0");
    assert_span(info.pod_namespace, "prod");
    assert_span(info.pod_uid, "uid-1");
    assert_span(info.pod_sandbox_id, HEX_B);
    assert_false(info.is_sandbox);
    assert_int_equal(info.mount_count, 2);
    assert_span(info.mounts[0].dest, "/data");
    assert_span(info.mounts[0].propagation, "rprivate");
    assert_false(info.mounts[0].is_writable);
    assert_true(info.mounts[1].is_writable);
    assert_int_equal(info.host_pid, TRUTH_NO);
    assert_int_equal(info.host_network, TRUTH_YES);
    assert_int_equal(info.host_ipc, TRUTH_UNKNOWN);
    assert_int_equal(info.privileged, TRUTH_NO);
}

static void reads_a_pods_container_of_crio(void **state)
{
    (void)state;
    static const char text[] =
        "{\"annotations\":{\"io.container.manager\":\"cri-o\",\"io.kubernetes.container.name\":"
        "\"app\",\"io.kubernetes.cri-o.ContainerName\":\"k8s_app_shop-0_prod_uid_0\","
        "\"io.kubernetes.cri-o.ContainerType\":\"sandbox\",\"io.kubernetes.cri-o.ImageName\":"
        "\"quay.io/a/b:2\",\"io.kubernetes.cri-o.ImageRef\":\"" HEX_C
        "\",\"io.kubernetes.cri-o.SandboxID\":\"" HEX_B "\",\"io.kubernetes.cri-o.IP.0\":"
        "\"10.0.0.7\",\"io.kubernetes.cri-o.CNIResult\":\"{\\\"cniVersion\\\":\\\"1\\\"}\","
        "\"io.kubernetes.cri-o.Labels\":\"{\\\"app\\\":\\\"shop\\\"}\",\"io.kubernetes.pod.name\":"
        "\"shop-0\",\"io.kubernetes.pod.namespace\":\"prod\",\"io.kubernetes.pod.uid\":\"uid-1\","
        "\"io.kubernetes.cri-o.PrivilegedRuntime\":\"true\",\"io.kubernetes.cri-o.Created\":"
        "\"2026-11-21T04:00:41Z\"}," SPEC_LINUX "}";
    AUTO(arena_free) struct arena arena;
    struct container_info info;
    struct err_ctx err;
    assert_int_equal(parse_spec(text, &arena, &info, &err), OK);
    assert_int_equal(info.type, CONTAINER_CRIO);
    assert_span(info.name, "app");
    assert_span(info.image, "quay.io/a/b:2");
    assert_span(info.image_id, HEX_C);
    assert_span(info.ip, "10.0.0.7");
    assert_span(info.cni_json, "{\"cniVersion\":\"1\"}");
    assert_span(info.pod_name, "shop-0");
    assert_span(info.pod_sandbox_id, HEX_B);
    assert_true(info.is_sandbox);
    assert_int_equal(info.pod_label_count, 1);
    assert_span(info.pod_labels[0].value, "shop");
    assert_int_equal(info.label_count, 0);
    assert_int_equal(info.privileged, TRUTH_YES);
    assert_int_equal(info.created_wall_ns, 1795233641000000000u);
}

static void tells_a_privileged_specification(void **state)
{
    (void)state;
    static const char text[] =
        "{\"process\":{\"capabilities\":{\"bounding\":[\"CAP_SYS_ADMIN\",\"CAP_SYS_MODULE\"]}},"
        "\"linux\":{\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rwm\"}]},"
        "\"namespaces\":[]}}";
    AUTO(arena_free) struct arena arena;
    struct container_info info;
    struct err_ctx err;
    assert_int_equal(parse_spec(text, &arena, &info, &err), OK);
    assert_int_equal(info.privileged, TRUTH_YES);
    assert_int_equal(info.host_pid, TRUTH_YES);
}

static void every_truncation_of_a_specification_is_an_error(void **state)
{
    (void)state;
    span whole = SPAN(CRI_SPEC);
    for (size_t length = 0; length < whole.len; length++) {
        AUTO(auto_free) char *copy = strndup(CRI_SPEC, length);
        assert_non_null(copy);
        AUTO(arena_free) struct arena arena;
        struct container_info info;
        struct err_ctx err;
        assert_int_equal(parse_spec(copy, &arena, &info, &err), ERR_INPUT);
    }
    AUTO(arena_free) struct arena arena;
    struct container_info info;
    struct err_ctx err;
    assert_int_equal(parse_spec("{\"linux\":7}", &arena, &info, &err), ERR_INPUT);
    assert_int_equal(
        parse_spec("{\"linux\":{},\"mounts\":7,\"annotations\":[]}", &arena, &info, &err), OK);
}

/* ---- bbolt ---- */

#define PAGE 4096

struct put {
    const char *key;
    span value;
    bool is_bucket;
};

static void put_u16(uint8_t *at, uint16_t value)
{
    memcpy(at, &value, 2);
}

static void put_u32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, 4);
}

static void put_u64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, 8);
}

/* A leaf with these pairs; returns its length. */
static size_t leaf_write(uint8_t *page, uint64_t id, const struct put *puts, size_t count)
{
    put_u64(page, id);
    put_u16(page + 8, 2);
    put_u16(page + 10, (uint16_t)count);
    size_t data = 16 + count * 16;
    for (size_t index = 0; index < count; index++) {
        uint8_t *element = page + 16 + index * 16;
        size_t key_length = strlen(puts[index].key);
        put_u32(element, puts[index].is_bucket);
        put_u32(element + 4, (uint32_t)(data - 16 - index * 16));
        put_u32(element + 8, (uint32_t)key_length);
        put_u32(element + 12, (uint32_t)puts[index].value.len);
        memcpy(page + data, puts[index].key, key_length);
        memcpy(page + data + key_length, puts[index].value.data, puts[index].value.len);
        data += key_length + puts[index].value.len;
    }
    return data;
}

/* The value of a bucket that holds its only page itself. */
static span bucket_inlined(uint8_t *memory, const struct put *puts, size_t count)
{
    memset(memory, 0, 16);
    return span_of(memory, 16 + leaf_write(memory + 16, 0, puts, count));
}

static span bucket_at(uint8_t *memory, uint64_t page)
{
    memset(memory, 0, 16);
    put_u64(memory, page);
    return span_of(memory, 16);
}

static void meta_write(uint8_t *page, uint64_t id, uint64_t transaction, uint64_t page_count)
{
    put_u64(page, id);
    put_u16(page + 8, 4);
    uint8_t *meta = page + 16;
    put_u32(meta, 0xed0cdaed);
    put_u32(meta + 4, 2);
    put_u32(meta + 8, PAGE);
    put_u64(meta + 16, 3);
    put_u64(meta + 32, 2);
    put_u64(meta + 40, page_count);
    put_u64(meta + 48, transaction);
    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t index = 0; index < 56; index++)
        sum = (sum ^ meta[index]) * 0x100000001b3u;
    put_u64(meta + 56, sum);
}

#define BOLT_PAGES 12
#define BOLT_BYTES (BOLT_PAGES * PAGE)

/* What containerd would keep of one container `web` with an image and two labels: a tree with a
 * branch page, a page with overflow and inlined buckets. */
static uint8_t *metadata_sample(void)
{
    uint8_t *file = calloc(1, BOLT_BYTES);
    assert_non_null(file);
    static uint8_t memory[8][2048], large[PAGE + 100];
    memset(large, 's', sizeof large);
    meta_write(file, 0, 8, BOLT_PAGES);
    meta_write(file + PAGE, 1, 9, BOLT_PAGES);
    struct put root[] = {{"v1", bucket_at(memory[0], 4), true}};
    leaf_write(file + 3 * PAGE, 3, root, 1);
    struct put spaces[] = {{"default", bucket_at(memory[0], 5), true}};
    leaf_write(file + 4 * PAGE, 4, spaces, 1);

    struct put target[] = {{"digest", SPAN("sha256:" HEX_C), false}};
    struct put image[] = {{"target", bucket_inlined(memory[1], target, 1), true}};
    struct put images[] = {{"docker.io/x:1", bucket_inlined(memory[2], image, 1), true}};
    struct put space[] = {{"containers", bucket_at(memory[0], 6), true},
                          {"images", bucket_inlined(memory[3], images, 1), true}};
    leaf_write(file + 5 * PAGE, 5, space, 2);

    uint8_t *branch = file + 6 * PAGE; /* "aaa" at page 7, "web" at page 8 */
    put_u64(branch, 6);
    put_u16(branch + 8, 1);
    put_u16(branch + 10, 2);
    for (uint32_t index = 0; index < 2; index++) {
        uint8_t *element = branch + 16 + index * 16;
        put_u32(element, 32 - index * 16 + index * 3);
        put_u32(element + 4, 3);
        put_u64(element + 8, 7 + index);
    }
    memcpy(branch + 48, "aaaweb", 6);
    struct put labels[] = {{"color", SPAN("blue"), false}, {"odd", SPAN("a\nb"), false}};
    struct put container[] = {
        {"image", SPAN("docker.io/x:1"), false},
        {"labels", bucket_inlined(memory[4], labels, 2), true},
        {"spec", span_of(large, sizeof large), false},
    };
    struct put first[] = {{"aaa", bucket_at(memory[5], 9), true}};
    struct put second[] = {{"web", bucket_at(memory[6], 9), true}};
    leaf_write(file + 7 * PAGE, 7, first, 1);
    leaf_write(file + 8 * PAGE, 8, second, 1);
    leaf_write(file + 9 * PAGE, 9, container, 3);
    put_u32(file + 9 * PAGE + 12, 1); /* overflow */
    return file;
}

static int fd_of(const uint8_t *data, size_t length)
{
    int fd = memfd_create("bolt", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, length), length);
    return fd;
}

static void reads_containerds_labels_image_and_digest(void **state)
{
    (void)state;
    AUTO(auto_free) uint8_t *file = metadata_sample();
    struct disk_file files[] = {
        {OPEN_CONTAINERD_METADATA, "/srv/ctrd", "", "", (char *)file, BOLT_BYTES},
        {OPEN_CONTAINERD_BUNDLE, "/run/x", "web", "default", "{" SPEC_LINUX "}", 0},
    };
    struct disk disk = {files, 2, 0};
    struct container_cache *cache = cache_on(&disk, 8);
    static const char argv[] = "containerd\0--root=/srv/ctrd\0--state\0/run/x";
    assert_true(
        container_daemon_seen(cache, SPAN("containerd"), span_of(argv, sizeof argv), (span){0}));
    struct container_key key = key_of("/default/web");
    const struct container_info *info;
    assert_int_equal(container_lookup(cache, &key, 0, 0, 0, &info), CONTAINER_FOUND);
    assert_int_equal(info->type, CONTAINER_CONTAINERD);
    assert_span(info->name, "web");
    assert_span(info->image, "docker.io/x:1");
    assert_span(info->image_digest, "sha256:" HEX_C);
    assert_int_equal(info->label_count, 2);
    assert_span(container_label_find(info->labels, 2, SPAN("odd")), "a\nb");
    /* the same name in another namespace is another container */
    struct container_key other = key_of("/tests/web");
    assert_int_equal(container_lookup(cache, &other, 0, 0, 0, &info), CONTAINER_PENDING);
    container_cache_close(cache);
}

/* Reads all that there is to read; the content may be anything. */
static void bolt_try(const uint8_t *data, size_t length)
{
    AUTO(auto_close) int fd = fd_of(data, length);
    AUTO(arena_free) struct arena pages;
    arena_init(&pages, 1 << 20);
    struct bolt bolt;
    struct err_ctx err;
    if (bolt_open(&bolt, fd, &pages, &err))
        return;
    struct bolt_bucket bucket = bolt_root(&bolt);
    const span names[] = {SPAN("v1"), SPAN("default"), SPAN("containers"), SPAN("web"),
                          SPAN("labels")};
    bool found;
    struct label_list *labels = calloc(1, sizeof *labels);
    assert_non_null(labels);
    if (!bolt_descend(&bolt, &bucket, names, 5, &found, &err) && found)
        (void)!bolt_each(&bolt, &bucket, label_list_add, labels, &err);
    free(labels);
}

static void a_damaged_bbolt_file_is_never_more_than_an_error(void **state)
{
    (void)state;
    AUTO(auto_free) uint8_t *file = metadata_sample();
    for (size_t length = 0; length < BOLT_BYTES; length += 97)
        bolt_try(file, length);
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0xff};
    for (size_t page = 0; page < 10; page++) {
        for (size_t index = 0; index < 200; index++) {
            uint8_t *at = file + page * PAGE + index;
            uint8_t old = *at;
            for (size_t value = 0; value < sizeof values; value++) {
                *at = values[value];
                bolt_try(file, BOLT_BYTES);
            }
            *at = old;
        }
    }
}

static void takes_the_newer_whole_head(void **state)
{
    (void)state;
    AUTO(auto_free) uint8_t *file = metadata_sample();
    AUTO(arena_free) struct arena pages;
    arena_init(&pages, 1 << 20);
    struct bolt bolt;
    struct err_ctx err;
    AUTO(auto_close) int fd = fd_of(file, BOLT_BYTES);
    assert_int_equal(bolt_open(&bolt, fd, &pages, &err), OK);
    assert_int_equal(bolt.transaction, 9);
    file[PAGE + 60] ^= 1;
    AUTO(auto_close) int half = fd_of(file, BOLT_BYTES);
    assert_int_equal(bolt_open(&bolt, half, &pages, &err), OK);
    assert_int_equal(bolt.transaction, 8);
    assert_true(bolt_is_unchanged(&bolt));
    meta_write(file, 0, 10, BOLT_PAGES);
    assert_int_equal(pwrite(half, file, PAGE, 0), PAGE);
    assert_false(bolt_is_unchanged(&bolt));
    file[70] ^= 1;
    AUTO(auto_close) int none = fd_of(file, BOLT_BYTES);
    assert_int_equal(bolt_open(&bolt, none, &pages, &err), ERR_INPUT);
}

/* ---- podman ---- */

#define PODMAN_CONFIG                                                                              \
    "{\"id\":\"" HEX_A "\",\"name\":\"api\",\"labels\":{\"color\":\"red\"},\"rootfsImageName\":"   \
    "\"localhost/bb:1\",\"rootfsImageID\":\"" HEX_C "\"}"

static void reads_podmans_sqlite(void **state)
{
    (void)state;
    sqlite3 *database;
    assert_int_equal(sqlite3_open(":memory:", &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database,
                                  "CREATE TABLE ContainerConfig(ID TEXT PRIMARY KEY NOT NULL, Name "
                                  "TEXT, PodID TEXT, JSON TEXT NOT NULL);"
                                  "INSERT INTO ContainerConfig VALUES('" HEX_A
                                  "','api','','" PODMAN_CONFIG "');",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_int64 length;
    uint8_t *bytes = sqlite3_serialize(database, "main", &length, 0);
    assert_non_null(bytes);
    for (sqlite3_int64 cut = 0; cut <= length; cut += 64) {
        AUTO(auto_file) struct file file = {malloc((size_t)length), (size_t)(length - cut)};
        assert_non_null(file.data);
        memcpy(file.data, bytes, file.len);
        struct container_info info = {.id = SPAN(HEX_A)};
        AUTO(arena_free) struct arena arena;
        arena_init(&arena, INFO_BYTES_MAX);
        struct facts facts = {&info, &arena};
        struct err_ctx err;
        err_kind kind = podman_sqlite_parse(&file, &facts, &err);
        if (cut == 0) {
            assert_int_equal(kind, OK);
            assert_int_equal(info.label_count, 1);
            assert_span(info.name, "api");
        }
    }
    sqlite3_free(bytes);
    sqlite3_close(database);
}

#define STORAGE_CONTAINERS                                                                         \
    "[{\"id\":\"" HEX_B "\",\"names\":[\"no\"]},{\"id\":\"" HEX_A                                  \
    "\",\"names\":[\"api\"],\"image\":\"" HEX_C "\",\"metadata\":\"{\\\"image-name\\\":"           \
    "\\\"localhost/bb:1\\\",\\\"name\\\":\\\"api\\\"}\",\"created\":\"2026-11-21T04:00:41Z\"}]"
#define STORAGE_IMAGES                                                                             \
    "[{\"id\":\"" HEX_C "\",\"digest\":\"sha256:" HEX_B "\",\"names\":[\"localhost/bb:1\"]}]"
#define PODMAN_SPEC                                                                                \
    "{\"annotations\":{\"io.container.manager\":\"libpod\",\"io.podman.annotations.privileged\":"  \
    "\"FALSE\"}," SPEC_LINUX "}"

static void reads_a_podman_container_below_a_root_of_its_own(void **state)
{
    (void)state;
    static const struct disk_file files[] = {
        {OPEN_STORAGE_SPEC, "/srv/pod", HEX_A, "odd", PODMAN_SPEC, 0},
        {OPEN_STORAGE_CONTAINERS, "/srv/pod", "", "odd", STORAGE_CONTAINERS, 0},
        {OPEN_STORAGE_IMAGES, "/srv/pod", "", "odd", STORAGE_IMAGES, 0},
    };
    struct disk disk = {files, 3, 0};
    struct container_cache *cache = cache_on(&disk, 8);
    static const char argv[] =
        "/usr/bin/conmon\0-c\0" HEX_A "\0-b\0/srv/pod/odd-containers/" HEX_A "/userdata\0-n\0api";
    assert_true(container_daemon_seen(cache, SPAN("/usr/bin/conmon"), span_of(argv, sizeof argv),
                                      (span){0}));
    struct container_key key = key_of("/machine.slice/libpod-" HEX_A ".scope/container");
    const struct container_info *info;
    assert_int_equal(container_lookup(cache, &key, 0, 0, 0, &info), CONTAINER_FOUND);
    assert_int_equal(info->type, CONTAINER_PODMAN);
    assert_span(info->name, "api");
    assert_span(info->image, "localhost/bb:1");
    assert_span(info->image_id, HEX_C);
    assert_span(info->image_digest, "sha256:" HEX_B);
    assert_int_equal(info->privileged, TRUTH_NO);
    assert_int_equal(info->created_wall_ns, 1795233641000000000u);
    container_cache_close(cache);
}

/* ---- settings and command lines ---- */

static void takes_strings_from_toml_and_nothing_else(void **state)
{
    (void)state;
    static const char text[] = "version = 2\nroot = \"/a\" # why\n  state='/b'\r\n"
                               "list = [\n  \"x = 1\",\n]\nlong = \"\"\"\nroot = \"/no\"\n\"\"\"\n"
                               "esc = \"a\\nb\"\nbad = \"open\nodd key = \"x\"\n"
                               "[grpc]\nroot = \"/c\"\n[broken\nroot = \"/d\"\n= \"\"\nlast = \"\"";
    struct toml toml = {.rest = span_of(text, sizeof text - 1)};
    static const char *const want[] = {"|root=/a", "|state=/b", "grpc|root=/c", "?|root=/d",
                                       "?|last="};
    span key, value;
    size_t count = 0;
    while (toml_next(&toml, &key, &value)) {
        char line[200];
        snprintf(line, sizeof line, PRI_SPAN "|" PRI_SPAN "=" PRI_SPAN, ARG_SPAN(toml.section),
                 ARG_SPAN(key), ARG_SPAN(value));
        assert_true(count < 5);
        assert_string_equal(line, want[count++]);
    }
    assert_int_equal(count, 5);
}

static bool has_root(const struct sources *sources, enum root_kind kind, const char *path)
{
    for (size_t index = 0; index < sources->roots.count[kind]; index++) {
        if (strcmp(sources->roots.list[kind][index].path, path) == 0)
            return true;
    }
    return false;
}

static void learns_roots_from_settings(void **state)
{
    (void)state;
    /* clang-format off */
    static const struct disk_file files[] = {
        {OPEN_DOCKER_DAEMON, "", "", "", "{\"data-root\":\"/d1\"}", 0},
        {OPEN_CONTAINERD_SETTINGS, "", "", "config",
         "root=\"/c1\"\nstate=\"/s1\"\n[x]\nroot=\"/no\"", 0},
        {OPEN_STORAGE_SETTINGS, "", "", "", "[storage]\ngraphroot=\"/g1\"\nrunroot=\"/r1\"", 0},
        {OPEN_CRIO_SETTINGS, "", "", "", "[crio]\nroot=\"/k1\"\nstorage_driver=\"odd\"", 0},
        {OPEN_CONTAINERD_SETTINGS, "/etc/my", "", "own", "state = \"/s2\"", 0},
        {OPEN_DOCKER_DAEMON, "/etc/my", "", "", "{\"data-root\":\"/d2\"}", 0},
    };
    /* clang-format on */
    struct disk disk = {files, 6, 0};
    struct sources sources = {.open = disk_open, .context = &disk};
    roots_init(&sources.roots);
    sources_settings(&sources);
    assert_true(has_root(&sources, ROOT_DOCKER, "/d1"));
    assert_true(has_root(&sources, ROOT_DOCKER, "/var/lib/docker"));
    assert_string_equal(sources.roots.list[ROOT_DOCKER][0].path, "/d1");
    assert_true(has_root(&sources, ROOT_CONTAINERD_DATA, "/c1"));
    assert_true(has_root(&sources, ROOT_CONTAINERD_STATE, "/s1"));
    assert_false(has_root(&sources, ROOT_CONTAINERD_DATA, "/no"));
    assert_true(has_root(&sources, ROOT_STORAGE, "/g1"));
    assert_true(has_root(&sources, ROOT_STORAGE_RUN, "/r1"));
    assert_true(has_root(&sources, ROOT_STORAGE, "/k1"));
    assert_string_equal(sources.roots.drivers.words[0], "odd");

    static const char ctrd[] = "containerd\0-c\0own.toml";
    assert_true(
        sources_daemon(&sources, SPAN("containerd"), span_of(ctrd, sizeof ctrd), SPAN("/etc/my")));
    assert_string_equal(sources.roots.list[ROOT_CONTAINERD_STATE][0].path, "/s2");
    static const char dockerd[] = "dockerd\0--config-file=/etc/my/daemon.json\0--exec-root\0/x";
    assert_true(sources_daemon(&sources, SPAN("/usr/sbin/dockerd"),
                               span_of(dockerd, sizeof dockerd), SPAN("/")));
    assert_true(has_root(&sources, ROOT_DOCKER, "/d2"));
    assert_true(has_root(&sources, ROOT_CONTAINERD_STATE, "/x/containerd/daemon"));
    static const char shim[] = "containerd-shim-runc-v2\0-namespace\0team\0-id\0x";
    assert_true(sources_daemon(&sources, SPAN("/bin/containerd-shim-runc-v2"),
                               span_of(shim, sizeof shim),
                               SPAN("/run/own/io.containerd.runtime.v2.task/team/x")));
    assert_true(has_root(&sources, ROOT_CONTAINERD_STATE, "/run/own"));
    assert_string_equal(sources.roots.spaces.words[0], "team");
}

static void other_programs_teach_nothing(void **state)
{
    (void)state;
    struct disk disk = {NULL, 0, 0};
    struct sources sources = {.open = disk_open, .context = &disk};
    roots_init(&sources.roots);
    static const char argv[] = "sh\0--data-root\0/x\0--root\0/y";
    static const char hostile[] = "dockerd\0--data-root\0relative\0--data-root\0\0--data-root=\0-g";
    assert_false(sources_daemon(&sources, SPAN("/bin/sh"), span_of(argv, sizeof argv), (span){0}));
    assert_false(
        sources_daemon(&sources, SPAN("dockerd"), span_of(hostile, sizeof hostile - 1), (span){0}));
    assert_false(sources_daemon(&sources, (span){0}, (span){0}, (span){0}));
}

static void a_flood_of_roots_does_not_push_out_a_proven_one(void **state)
{
    (void)state;
    struct roots roots;
    roots_init(&roots);
    roots_add(&roots, ROOT_DOCKER, SPAN("/proven"));
    roots.list[ROOT_DOCKER][0].is_proven = true;
    for (int number = 0; number < 1000; number++) {
        char path[32];
        snprintf(path, sizeof path, "/flood/%d", number);
        assert_true(roots_add(&roots, ROOT_DOCKER, span_str(path)));
    }
    assert_int_equal(roots.count[ROOT_DOCKER], ROOTS_MAX);
    struct sources sources = {.roots = roots};
    assert_true(has_root(&sources, ROOT_DOCKER, "/proven"));
    assert_true(has_root(&sources, ROOT_DOCKER, "/flood/999"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_pods_container_of_containerd),
        cmocka_unit_test(reads_a_pods_container_of_crio),
        cmocka_unit_test(tells_a_privileged_specification),
        cmocka_unit_test(every_truncation_of_a_specification_is_an_error),
        cmocka_unit_test(reads_containerds_labels_image_and_digest),
        cmocka_unit_test(a_damaged_bbolt_file_is_never_more_than_an_error),
        cmocka_unit_test(takes_the_newer_whole_head),
        cmocka_unit_test(reads_podmans_sqlite),
        cmocka_unit_test(reads_a_podman_container_below_a_root_of_its_own),
        cmocka_unit_test(takes_strings_from_toml_and_nothing_else),
        cmocka_unit_test(learns_roots_from_settings),
        cmocka_unit_test(other_programs_teach_nothing),
        cmocka_unit_test(a_flood_of_roots_does_not_push_out_a_proven_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
