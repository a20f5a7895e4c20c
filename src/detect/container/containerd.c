/* containerd's files: the bundle of a running container, STATE/io.containerd.runtime.v2.task/
 * NAMESPACE/ID/config.json, and the metadata of all containers and images, a bbolt file whose
 * buckets are v1/NAMESPACE/containers/ID and v1/NAMESPACE/images/NAME (containerd
 * metadata/buckets.go). */
#include "container/bolt.h"
#include "container/internal.h"
#include "core/cleanup.h"

#define ATTEMPTS 3 /* at a file that changes under the reading */

static bool bundle_find(struct sources *sources, struct root *root, span space, struct facts *facts)
{
    struct open_request request;
    AUTO(auto_file) struct file file = {0};
    if (!request_init(&request, OPEN_CONTAINERD_BUNDLE, root->path, facts->info->id, space) ||
        !sources_read(sources, &request, PARSE_BYTES_MAX, &file))
        return false;
    struct err_ctx err;
    if (oci_spec_parse(span_of(file.data, file.len), facts, &err)) {
        sources_complain(sources, &request, &err);
        return false;
    }
    root->is_proven = true;
    return true;
}

/* ---- metadata ---- */

/* What one reading found; borrows from the pages. */
struct record {
    span image, digest;
    struct label_list labels, pod_labels;
};

static err_kind labels_read(struct bolt *bolt, const struct bolt_bucket *container,
                            struct label_list *ret, struct err_ctx *err)
{
    struct bolt_bucket labels;
    bool found;
    if (bolt_child(bolt, container, SPAN("labels"), &labels, &found, err))
        return err->kind;
    return found ? bolt_each(bolt, &labels, label_list_add, ret, err) : OK;
}

static err_kind digest_read(struct bolt *bolt, span space, span image, span *ret,
                            struct err_ctx *err)
{
    struct bolt_bucket bucket = bolt_root(bolt);
    const span names[] = {SPAN("v1"), space, SPAN("images"), image, SPAN("target")};
    bool found;
    if (bolt_descend(bolt, &bucket, names, 5, &found, err))
        return err->kind;
    return found ? bolt_value(bolt, &bucket, SPAN("digest"), ret, &found, err) : OK;
}

static err_kind record_read(struct bolt *bolt, span space, const struct container_info *info,
                            struct record *ret, bool *ret_found, struct err_ctx *err)
{
    struct bolt_bucket container = bolt_root(bolt), sandbox = container;
    const span names[] = {SPAN("v1"), space, SPAN("containers"), info->id};
    if (bolt_descend(bolt, &container, names, 4, ret_found, err))
        return err->kind;
    if (!*ret_found)
        return OK;
    bool found;
    if (bolt_value(bolt, &container, SPAN("image"), &ret->image, &found, err) ||
        labels_read(bolt, &container, &ret->labels, err))
        return err->kind;
    span image = ret->image.len ? ret->image : info->image;
    if (image.len && digest_read(bolt, space, image, &ret->digest, err))
        return err->kind;
    if (!info->pod_sandbox_id.len)
        return OK;
    const span sandbox_names[] = {SPAN("v1"), space, SPAN("containers"), info->pod_sandbox_id};
    if (bolt_descend(bolt, &sandbox, sandbox_names, 4, &found, err))
        return err->kind;
    return found ? labels_read(bolt, &sandbox, &ret->pod_labels, err) : OK;
}

static void record_keep(const struct record *record, struct facts *facts)
{
    struct container_info *info = facts->info;
    span image = record->image;
    if (is_hex_id(without_algorithm(image))) {
        facts_text(facts, &info->image_id, without_algorithm(image));
    } else if (image.len) {
        facts_text(facts, &info->image, image);
        facts_image_name(facts, image);
    }
    facts_text(facts, &info->image_digest, record->digest);
    facts_label_list(facts, &record->labels, false);
    facts_label_list(facts, &record->pod_labels, true);
    const struct container_label *labels = info->labels;
    size_t count = info->label_count;
    facts_text(facts, &info->name, container_label_find(labels, count, SPAN("nerdctl/name")));
    facts_text(facts, &info->name,
               container_label_find(labels, count, SPAN("io.kubernetes.container.name")));
    facts_text(facts, &info->pod_name,
               container_label_find(labels, count, SPAN("io.kubernetes.pod.name")));
    facts_text(facts, &info->pod_namespace,
               container_label_find(labels, count, SPAN("io.kubernetes.pod.namespace")));
    facts_text(facts, &info->pod_uid,
               container_label_find(labels, count, SPAN("io.kubernetes.pod.uid")));
}

/* One reading; *ret_again when the file changed under it. */
static err_kind metadata_read(int fd, span space, struct facts *facts, bool *ret_found,
                              bool *ret_again, struct err_ctx *err)
{
    AUTO(arena_free) struct arena pages;
    arena_init(&pages, BOLT_BYTES_MAX);
    struct bolt bolt;
    struct record *record = arena_alloc(&pages, sizeof *record);
    if (!record || bolt_open(&bolt, fd, &pages, err))
        return record ? err->kind : err_set(err, ERR_SYSTEM, "memory");
    err_kind kind = record_read(&bolt, space, facts->info, record, ret_found, err);
    *ret_again = !bolt_is_unchanged(&bolt);
    if (!kind && *ret_found && !*ret_again)
        record_keep(record, facts);
    return kind;
}

static bool metadata_find(struct sources *sources, struct root *root, span space,
                          struct facts *facts)
{
    struct open_request request;
    if (!request_init(&request, OPEN_CONTAINERD_METADATA, root->path, (span){0}, (span){0}))
        return false;
    AUTO(auto_close) int fd = sources_open(sources, &request);
    if (fd < 0)
        return false;
    struct err_ctx err;
    bool found = false, again = true;
    err_kind kind = OK;
    for (int attempt = 0; again && attempt < ATTEMPTS; attempt++) {
        again = false;
        kind = metadata_read(fd, space, facts, &found, &again, &err);
    }
    if (kind && !again)
        sources_complain(sources, &request, &err);
    return !kind && !again && found;
}

/* ---- together ---- */

static bool space_find(struct sources *sources, span space, struct facts *facts)
{
    struct roots *roots = &sources->roots;
    bool is_found = false;
    for (size_t index = 0; index < roots->count[ROOT_CONTAINERD_STATE] && !is_found; index++)
        is_found = bundle_find(sources, &roots->list[ROOT_CONTAINERD_STATE][index], space, facts);
    bool has_record = false;
    for (size_t index = 0; index < roots->count[ROOT_CONTAINERD_DATA] && !has_record; index++)
        has_record =
            metadata_find(sources, &roots->list[ROOT_CONTAINERD_DATA][index], space, facts);
    return is_found || has_record;
}

bool containerd_find(struct sources *sources, span space, struct facts *facts)
{
    struct container_info *info = facts->info;
    struct roots *roots = &sources->roots;
    if (!is_plain_word(info->id) || (space.data && !is_plain_word(space)))
        return false;
    bool is_found = space.data && space_find(sources, space, facts);
    for (size_t word = 0; !space.data && !is_found && word < roots->spaces.count; word++)
        is_found = space_find(sources, span_str(roots->spaces.words[word]), facts);
    if (!is_found)
        return false;
    if (info->type == CONTAINER_OTHER)
        info->type = CONTAINER_CONTAINERD;
    if (!is_hex_id(info->id)) /* chosen by the user: it is the name */
        facts_text(facts, &info->name, info->id);
    return true;
}
