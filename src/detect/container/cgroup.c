/* Which container a cgroup path belongs to. Layouts, innermost part first:
 *
 *   /docker/ID                                     docker, cgroupfs driver
 *   /system.slice/docker-ID.scope                  docker, systemd driver
 *   /kubepods/burstable/podUID/ID                  containerd's CRI, cgroupfs driver
 *   /kubepods.slice/…-podUID.slice/cri-containerd-ID.scope   the same, systemd driver
 *   /system.slice/x.service/kubepods-podUID.slice:cri-containerd:ID
 *   …/crio-ID, …/crio-ID.scope                     CRI-O
 *   …/libpod-ID, …/libpod-ID.scope/container       podman
 *   /default/NAME                                  ctr: namespace and a free id
 */
#include <stdlib.h>

#include "container/internal.h"

#define HEX_ID_LENGTH 64
#define PARTS_MAX     32 /* of a path; cgroup paths are far flatter */

static const struct {
    const char *prefix;
    enum container_type type;
} prefix_table[] = {
    {"docker", CONTAINER_DOCKER},      {"cri-containerd", CONTAINER_CONTAINERD},
    {"crio", CONTAINER_CRIO},          {"libpod", CONTAINER_PODMAN},
    {"nerdctl", CONTAINER_CONTAINERD},
};

/* Parents of a bare id that tell its runtime. */
static const struct {
    const char *parent;
    enum container_type type;
    bool is_space; /* the parent is containerd's namespace */
} parent_table[] = {
    {"docker", CONTAINER_DOCKER, false},
    {"k8s.io", CONTAINER_CONTAINERD, true},
    {"default", CONTAINER_CONTAINERD, true},
    {"moby", CONTAINER_DOCKER, false},
};

bool is_hex_id(span s)
{
    if (s.len != HEX_ID_LENGTH)
        return false;
    for (size_t index = 0; index < s.len; index++) {
        uint8_t byte = s.data[index];
        if (!(byte >= '0' && byte <= '9') && !(byte >= 'a' && byte <= 'f'))
            return false;
    }
    return true;
}

/* What opener_serve takes for an id or a name. */
bool is_plain_word(span s)
{
    if (s.len == 0 || s.len >= OPENER_ID_BYTES || s.data[0] == '.' || span_contains(s, SPAN("..")))
        return false;
    for (size_t index = 0; index < s.len; index++) {
        uint8_t byte = s.data[index];
        if (!(byte >= 'a' && byte <= 'z') && !(byte >= 'A' && byte <= 'Z') &&
            !(byte >= '0' && byte <= '9') && byte != '_' && byte != '.' && byte != '-')
            return false;
    }
    return true;
}

static span without_suffix(span s, span suffix)
{
    return span_ends(s, suffix) ? span_first(s, s.len - suffix.len) : s;
}

/* "docker-ID", "x.slice:cri-containerd:ID": the id at the end behind a known prefix. */
static bool prefixed_id(span part, struct container_key *ret)
{
    if (part.len <= HEX_ID_LENGTH + 1)
        return false;
    span id = span_after(part, part.len - HEX_ID_LENGTH);
    uint8_t separator = part.data[part.len - HEX_ID_LENGTH - 1];
    span prefix = span_first(part, part.len - HEX_ID_LENGTH - 1);
    if ((separator != '-' && separator != ':') || !is_hex_id(id))
        return false;
    for (size_t index = 0; index < sizeof prefix_table / sizeof *prefix_table; index++) {
        span known = span_str(prefix_table[index].prefix);
        bool is_whole = span_eq(prefix, known);
        bool is_last = separator == ':' && span_ends(prefix, known) && prefix.len > known.len &&
                       prefix.data[prefix.len - known.len - 1] == ':';
        if (is_whole || is_last) {
            *ret = (struct container_key){
                .type = prefix_table[index].type, .is_type_sure = true, .id = id};
            return true;
        }
    }
    return false;
}

static struct container_key bare_id(span id, span parent)
{
    struct container_key key = {.type = CONTAINER_OTHER, .is_type_sure = true, .id = id};
    for (size_t index = 0; index < sizeof parent_table / sizeof *parent_table; index++) {
        if (!span_eq(parent, span_str(parent_table[index].parent)))
            continue;
        key.type = parent_table[index].type;
        if (parent_table[index].is_space)
            key.space = parent;
    }
    if (span_starts(parent, SPAN("pod")))
        key.type = CONTAINER_CONTAINERD;
    return key;
}

/* "podUID" or "kubepods-burstable-podUID.slice". */
static span pod_uid_in(span part)
{
    part = without_suffix(part, SPAN(".slice"));
    size_t uid_length = 36;
    if (part.len < uid_length + 3)
        return (span){0};
    span uid = span_after(part, part.len - uid_length);
    span front = span_first(part, part.len - uid_length);
    if (!span_ends(front, SPAN("pod")) || (front.len > 3 && front.data[front.len - 4] != '-'))
        return (span){0};
    return is_plain_word(uid) ? uid : (span){0};
}

static bool is_unit(span part)
{
    static const char *const suffixes[] = {".slice",  ".scope", ".service", ".mount",
                                           ".socket", ".swap",  ".device",  ".partition"};
    for (size_t index = 0; index < sizeof suffixes / sizeof *suffixes; index++) {
        if (span_ends(part, span_str(suffixes[index])))
            return true;
    }
    return false;
}

/* ctr's /namespace/id. Names that others are known to make at the top are no namespaces. */
static bool free_id(const span *parts, size_t count, struct container_key *ret)
{
    static const char *const others[] = {"kubepods", "docker", "libpod_parent",
                                         "user",     "system", "machine",
                                         "lxc",      "init",   "machine.slice"};
    if (count != 2 || !is_plain_word(parts[0]) || !is_plain_word(parts[1]) || is_unit(parts[0]) ||
        is_unit(parts[1]))
        return false;
    for (size_t index = 0; index < sizeof others / sizeof *others; index++) {
        if (span_eq(parts[0], span_str(others[index])))
            return false;
    }
    *ret = (struct container_key){

        .type = CONTAINER_CONTAINERD, .id = parts[1], .space = parts[0]};
    return true;
}

bool container_from_cgroup(span path, struct container_key *ret)
{
    span parts[PARTS_MAX];
    size_t count = 0;
    while (path.len) {
        span part;
        if (!span_until(&path, '/', &part)) {
            part = path;
            path = span_after(path, path.len);
        }
        if (part.len == 0)
            continue;
        if (count == PARTS_MAX)
            return false;
        parts[count++] = part;
    }
    struct container_key key = {0};
    size_t index = count;
    while (index > 0) {
        index--;
        span part = without_suffix(parts[index], SPAN(".scope"));
        if (prefixed_id(part, &key))
            break;
        if (is_hex_id(part)) {
            key = bare_id(part, index ? parts[index - 1] : (span){0});
            break;
        }
    }
    if (!key.id.data)
        return free_id(parts, count, ret);
    for (size_t outer = 0; outer <= index; outer++) {
        span uid = pod_uid_in(parts[outer]);
        if (!uid.data && outer == index) { /* kubepods-podUID.slice:cri-containerd:ID */
            span rest = parts[outer], slice;
            if (span_until(&rest, ':', &slice))
                uid = pod_uid_in(slice);
        }
        if (uid.data)
            key.pod_uid = uid;
    }
    *ret = key;
    return true;
}

bool container_from_cgroups(span list, struct container_key *ret)
{
    bool has_guess = false;
    while (list.len) {
        span text, controller;
        if (!span_until(&list, 0, &text)) {
            text = list;
            list = span_after(list, list.len);
        }
        struct container_key key;
        if (!span_until(&text, ':', &controller) || !container_from_cgroup(text, &key))
            continue;
        if (key.is_type_sure) {
            *ret = key;
            return true;
        }
        if (!has_guess)
            *ret = key;
        has_guess = true;
    }
    return has_guess;
}
