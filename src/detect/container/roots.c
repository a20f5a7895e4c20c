/* Where the runtimes keep their files: the usual places, and what settings and command lines say.
 * Nothing here is believed: the opener refuses what is not root's own. */
#include "container/internal.h"
#include "core/cleanup.h"

static const struct {
    enum root_kind kind;
    const char *path;
} root_table[] = {
    /* of each kind, the first is tried first */
    {ROOT_DOCKER, "/var/lib/docker"},
    {ROOT_DOCKER, "/var/snap/docker/common/var-lib-docker"},
    {ROOT_CONTAINERD_STATE, "/run/containerd"},
    {ROOT_CONTAINERD_STATE, "/run/k3s/containerd"},
    {ROOT_CONTAINERD_STATE, "/var/snap/microk8s/common/run/containerd"},
    {ROOT_CONTAINERD_DATA, "/var/lib/containerd"},
    {ROOT_CONTAINERD_DATA, "/var/lib/rancher/k3s/agent/containerd"},
    {ROOT_CONTAINERD_DATA, "/var/snap/microk8s/common/var/lib/containerd"},
    {ROOT_STORAGE, "/var/lib/containers/storage"},
    {ROOT_STORAGE_RUN, "/run/containers/storage"},
};

void roots_init(struct roots *roots)
{
    *roots = (struct roots){0};
    for (size_t index = sizeof root_table / sizeof *root_table; index > 0; index--)
        roots_add(roots, root_table[index - 1].kind, span_str(root_table[index - 1].path));
    static const char *const spaces[] = {"moby", "default", "k8s.io"};
    for (size_t index = 0; index < sizeof spaces / sizeof *spaces; index++)
        words_add(&roots->spaces, span_str(spaces[index]));
    static const char *const drivers[] = {"zfs", "btrfs", "vfs", "overlay"};
    for (size_t index = 0; index < sizeof drivers / sizeof *drivers; index++)
        words_add(&roots->drivers, span_str(drivers[index]));
}

/* The one to give up for a new one: the last in the list that found nothing, else the last. */
static size_t root_victim(const struct roots *roots, enum root_kind kind)
{
    for (size_t index = ROOTS_MAX; index > 0; index--) {
        if (!roots->list[kind][index - 1].is_proven)
            return index - 1;
    }
    return ROOTS_MAX - 1;
}

bool roots_add(struct roots *roots, enum root_kind kind, span path)
{
    while (path.len > 1 && path.data[path.len - 1] == '/')
        path = span_first(path, path.len - 1);
    if (path.len < 2 || path.len >= OPENER_ROOT_BYTES || path.data[0] != '/' ||
        memchr(path.data, 0, path.len))
        return false;
    struct root *list = roots->list[kind];
    for (size_t index = 0; index < roots->count[kind]; index++) {
        if (span_eq(span_str(list[index].path), path))
            return false;
    }
    size_t hole = roots->count[kind] < ROOTS_MAX ? roots->count[kind]++ : root_victim(roots, kind);
    memmove(list + 1, list, hole * sizeof *list);
    list[0] = (struct root){0};
    memcpy(list[0].path, path.data, path.len);
    roots->generation++;
    return true;
}

bool words_add(struct word_list *list, span word)
{
    if (!is_plain_word(word) || word.len >= OPENER_NAME_BYTES)
        return false;
    for (size_t index = 0; index < list->count; index++) {
        if (span_eq(span_str(list->words[index]), word))
            return false;
    }
    if (list->count < SPACES_MAX)
        list->count++;
    memmove(list->words + 1, list->words, (list->count - 1) * sizeof *list->words);
    memset(list->words[0], 0, sizeof *list->words);
    memcpy(list->words[0], word.data, word.len);
    return true;
}

/* ---- settings ---- */

static void read_docker_daemon(struct sources *sources, const char *folder)
{
    struct open_request request;
    AUTO(auto_file) struct file file = {0};
    if (!request_init(&request, OPEN_DOCKER_DAEMON, folder, (span){0}, (span){0}) ||
        !sources_read(sources, &request, PARSE_BYTES_MAX, &file))
        return;
    struct err_ctx err;
    AUTO(auto_json) json_t *root = NULL;
    if (json_parse(span_of(file.data, file.len), &root, &err)) {
        sources_complain(sources, &request, &err);
        return;
    }
    static const char *const names[] = {"graph", "data-root"};
    for (size_t index = 0; index < sizeof names / sizeof *names; index++)
        roots_add(&sources->roots, ROOT_DOCKER, json_span(json_object_get(root, names[index])));
}

/* Which key of which section of a settings file names what. */
struct setting {
    const char *section;
    const char *key;
    enum root_kind kind; /* ROOT_KIND_COUNT: a storage driver's name */
};

static const struct setting containerd_settings[] = {
    {"", "root", ROOT_CONTAINERD_DATA},
    {"", "state", ROOT_CONTAINERD_STATE},
};
static const struct setting storage_settings[] = {
    {"storage", "graphroot", ROOT_STORAGE},
    {"storage", "runroot", ROOT_STORAGE_RUN},
    {"storage", "driver", ROOT_KIND_COUNT},
};
static const struct setting crio_settings[] = {
    {"crio", "root", ROOT_STORAGE},
    {"crio", "runroot", ROOT_STORAGE_RUN},
    {"crio", "storage_driver", ROOT_KIND_COUNT},
};

static void read_settings(struct sources *sources, enum open_template what, const char *folder,
                          span name, const struct setting *settings, size_t count)
{
    struct open_request request;
    AUTO(auto_file) struct file file = {0};
    if (!request_init(&request, what, folder, (span){0}, name) ||
        !sources_read(sources, &request, PARSE_BYTES_MAX, &file))
        return;
    struct toml toml = {.rest = span_of(file.data, file.len)};
    span key, value;
    while (toml_next(&toml, &key, &value)) {
        for (size_t index = 0; index < count; index++) {
            const struct setting *setting = &settings[index];
            if (!span_eq(toml.section, span_str(setting->section)) ||
                !span_eq(key, span_str(setting->key)))
                continue;
            if (setting->kind == ROOT_KIND_COUNT)
                words_add(&sources->roots.drivers, value);
            else
                roots_add(&sources->roots, setting->kind, value);
        }
    }
}

#define SETTINGS(table) (table), sizeof(table) / sizeof *(table)

void sources_settings(struct sources *sources)
{
    read_docker_daemon(sources, NULL);
    read_settings(sources, OPEN_CONTAINERD_SETTINGS, NULL, SPAN("config"),
                  SETTINGS(containerd_settings));
    read_settings(sources, OPEN_STORAGE_SETTINGS, "/usr/share/containers", (span){0},
                  SETTINGS(storage_settings));
    read_settings(sources, OPEN_STORAGE_SETTINGS, NULL, (span){0}, SETTINGS(storage_settings));
    read_settings(sources, OPEN_CRIO_SETTINGS, NULL, (span){0}, SETTINGS(crio_settings));
    sources->has_settings = true;
}

/* ---- command lines ---- */

enum option_effect {
    EFFECT_ROOT,        /* the value is a root of `kind` */
    EFFECT_EXEC_ROOT,   /* dockerd's: its own containerd keeps its state below */
    EFFECT_DOCKER_FILE, /* the value is daemon.json */
    EFFECT_TOML_FILE,   /* containerd's settings */
    EFFECT_CRIO_FILE,
    EFFECT_DRIVER,
    EFFECT_SPACE,
    EFFECT_BUNDLE, /* conmon's: ROOT/DRIVER-containers/ID/userdata */
};

static const struct {
    const char *program;
    const char *option; /* as written; a long one also as option=value */
    enum option_effect effect;
    enum root_kind kind;
} option_table[] = {
    {"dockerd", "--data-root", EFFECT_ROOT, ROOT_DOCKER},
    {"dockerd", "--graph", EFFECT_ROOT, ROOT_DOCKER},
    {"dockerd", "-g", EFFECT_ROOT, ROOT_DOCKER},
    {"dockerd", "--exec-root", EFFECT_EXEC_ROOT, 0},
    {"dockerd", "--config-file", EFFECT_DOCKER_FILE, 0},
    {"containerd", "--root", EFFECT_ROOT, ROOT_CONTAINERD_DATA},
    {"containerd", "--state", EFFECT_ROOT, ROOT_CONTAINERD_STATE},
    {"containerd", "--config", EFFECT_TOML_FILE, 0},
    {"containerd", "-c", EFFECT_TOML_FILE, 0},
    {"containerd-shim-runc-v2", "-namespace", EFFECT_SPACE, 0},
    {"crio", "--root", EFFECT_ROOT, ROOT_STORAGE},
    {"crio", "-r", EFFECT_ROOT, ROOT_STORAGE},
    {"crio", "--runroot", EFFECT_ROOT, ROOT_STORAGE_RUN},
    {"crio", "--storage-driver", EFFECT_DRIVER, 0},
    {"crio", "--config", EFFECT_CRIO_FILE, 0},
    {"crio", "-c", EFFECT_CRIO_FILE, 0},
    {"podman", "--root", EFFECT_ROOT, ROOT_STORAGE},
    {"podman", "--runroot", EFFECT_ROOT, ROOT_STORAGE_RUN},
    {"podman", "--storage-driver", EFFECT_DRIVER, 0},
    {"conmon", "-b", EFFECT_BUNDLE, 0},
    {"conmon", "--bundle", EFFECT_BUNDLE, 0},
};

#define OPTION_COUNT (sizeof option_table / sizeof *option_table)

static span base_name(span path)
{
    span part;
    while (span_until(&path, '/', &part))
        continue;
    return path;
}

/* The folder of a path, without the slash; data NULL when it has none. */
static span folder_of(span path)
{
    span name = base_name(path);
    return name.len + 1 < path.len ? span_first(path, path.len - name.len - 1) : (span){0};
}

/* ROOT/DRIVER-containers/ID/userdata. */
static void bundle_seen(struct roots *roots, span bundle)
{
    span containers = folder_of(folder_of(bundle));
    span name = base_name(containers);
    if (!span_ends(name, SPAN("-containers")))
        return;
    words_add(&roots->drivers, span_first(name, name.len - 11));
    roots_add(roots, ROOT_STORAGE, folder_of(containers));
}

static void file_seen(struct sources *sources, enum option_effect effect, span path)
{
    char folder[OPENER_ROOT_BYTES] = "";
    span name = base_name(path), parent = folder_of(path);
    if (!parent.data || parent.len >= sizeof folder)
        return;
    memcpy(folder, parent.data, parent.len);
    if (effect == EFFECT_DOCKER_FILE && span_eq(name, SPAN("daemon.json")))
        read_docker_daemon(sources, folder);
    else if (effect == EFFECT_TOML_FILE && span_ends(name, SPAN(".toml")))
        read_settings(sources, OPEN_CONTAINERD_SETTINGS, folder, span_first(name, name.len - 5),
                      SETTINGS(containerd_settings));
    else if (effect == EFFECT_CRIO_FILE && span_eq(name, SPAN("crio.conf")))
        read_settings(sources, OPEN_CRIO_SETTINGS, folder, (span){0}, SETTINGS(crio_settings));
}

static void exec_root_seen(struct roots *roots, span value)
{
    char path[OPENER_ROOT_BYTES];
    int length = snprintf(path, sizeof path, PRI_SPAN "/containerd/daemon", ARG_SPAN(value));
    if (length > 0 && (size_t)length < sizeof path)
        roots_add(roots, ROOT_CONTAINERD_STATE, span_str(path));
}

/* A relative path counts from the working directory. */
static span absolute(span path, span cwd, char *text, size_t size)
{
    if (span_starts(path, SPAN("./")))
        path = span_after(path, 2);
    if (!path.len || path.data[0] == '/' || !cwd.len || cwd.len + path.len + 2 > size)
        return path;
    memcpy(text, cwd.data, cwd.len);
    text[cwd.len] = '/';
    memcpy(text + cwd.len + 1, path.data, path.len);
    return span_of(text, cwd.len + 1 + path.len);
}

static void option_seen(struct sources *sources, size_t option, span value, span cwd)
{
    struct roots *roots = &sources->roots;
    char text[2 * OPENER_ROOT_BYTES];
    if (option_table[option].effect != EFFECT_DRIVER && option_table[option].effect != EFFECT_SPACE)
        value = absolute(value, cwd, text, sizeof text);
    switch (option_table[option].effect) {
    case EFFECT_ROOT:
        roots_add(roots, option_table[option].kind, value);
        break;
    case EFFECT_EXEC_ROOT:
        exec_root_seen(roots, value);
        break;
    case EFFECT_DOCKER_FILE:
    case EFFECT_TOML_FILE:
    case EFFECT_CRIO_FILE:
        file_seen(sources, option_table[option].effect, value);
        break;
    case EFFECT_DRIVER:
        roots->generation += words_add(&roots->drivers, value);
        break;
    case EFFECT_SPACE:
        roots->generation += words_add(&roots->spaces, value);
        break;
    case EFFECT_BUNDLE:
        bundle_seen(roots, value);
        break;
    }
}

static bool is_daemon(span program)
{
    for (size_t index = 0; index < OPTION_COUNT; index++) {
        if (span_eq(program, span_str(option_table[index].program)))
            return true;
    }
    return false;
}

/* A shim runs in its bundle: STATE/io.containerd.runtime.v2.task/NAMESPACE/ID. */
static void shim_seen(struct roots *roots, span cwd)
{
    span space = folder_of(cwd), tasks = folder_of(space);
    if (!span_eq(base_name(tasks), SPAN("io.containerd.runtime.v2.task")))
        return;
    roots->generation += words_add(&roots->spaces, base_name(space));
    roots_add(roots, ROOT_CONTAINERD_STATE, folder_of(tasks));
}

bool sources_daemon(struct sources *sources, span exe, span argv, span cwd)
{
    span program = base_name(exe);
    if (!is_daemon(program))
        return false;
    uint32_t generation = sources->roots.generation;
    if (span_eq(program, SPAN("containerd-shim-runc-v2")))
        shim_seen(&sources->roots, cwd);
    size_t pending = OPTION_COUNT; /* the option whose value is the next argument */
    while (argv.len) {
        span argument;
        if (!span_until(&argv, 0, &argument)) {
            argument = argv;
            argv = span_after(argv, argv.len);
        }
        if (pending < OPTION_COUNT) {
            option_seen(sources, pending, argument, cwd);
            pending = OPTION_COUNT;
            continue;
        }
        for (size_t index = 0; index < OPTION_COUNT; index++) {
            span option = span_str(option_table[index].option);
            if (!span_eq(program, span_str(option_table[index].program)) ||
                !span_starts(argument, option))
                continue;
            span rest = span_after(argument, option.len);
            if (rest.len == 0)
                pending = index;
            else if (rest.data[0] == '=')
                option_seen(sources, index, span_after(rest, 1), cwd);
        }
    }
    return sources->roots.generation != generation;
}
