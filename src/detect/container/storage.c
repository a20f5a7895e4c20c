/* containers/storage, which podman and CRI-O keep their containers in: the specification below
 * DRIVER-containers/ID/userdata, names and images in containers.json and images.json. */
#include "container/internal.h"
#include "core/cleanup.h"

/* The members of an object which is kept as text in a member. */
static void read_metadata(struct facts *facts, span text)
{
    struct err_ctx err;
    AUTO(auto_json) json_t *metadata = NULL;
    if (!text.data || json_parse(text, &metadata, &err))
        return;
    struct container_info *info = facts->info;
    span image = json_span(json_object_get(metadata, "image-name"));
    facts_text(facts, &info->image, image);
    facts_image_name(facts, image);
    facts_text(facts, &info->image_id, json_span(json_object_get(metadata, "image-id")));
    facts_text(facts, &info->name, json_span(json_object_get(metadata, "metadata-name")));
    facts_text(facts, &info->name, json_span(json_object_get(metadata, "name")));
    facts_text(facts, &info->pod_namespace, json_span(json_object_get(metadata, "namespace")));
    facts_text(facts, &info->pod_sandbox_id, json_span(json_object_get(metadata, "pod-id")));
}

/* The member of a list of objects whose `id` is this; NULL when there is none. */
static const json_t *list_find(const json_t *list, span id)
{
    size_t index;
    json_t *value;
    json_array_foreach(list, index, value)
    {
        if (id.len && span_eq(json_span(json_object_get(value, "id")), id))
            return value;
    }
    return NULL;
}

err_kind storage_containers_parse(span bytes, struct facts *facts, bool *ret_found,
                                  struct err_ctx *err)
{
    AUTO(auto_json) json_t *root = NULL;
    if (json_parse(bytes, &root, err))
        return err->kind;
    struct container_info *info = facts->info;
    const json_t *container = list_find(root, info->id);
    *ret_found = container != NULL;
    if (!container)
        return OK;
    read_metadata(facts, json_span(json_object_get(container, "metadata")));
    facts_text(facts, &info->name,
               json_span(json_array_get(json_object_get(container, "names"), 0)));
    facts_text(facts, &info->image_id, json_span(json_object_get(container, "image")));
    if (info->created_wall_ns == 0)
        info->created_wall_ns = time_parse(json_span(json_object_get(container, "created")));
    return OK;
}

err_kind storage_images_parse(span bytes, struct facts *facts, struct err_ctx *err)
{
    AUTO(auto_json) json_t *root = NULL;
    if (json_parse(bytes, &root, err))
        return err->kind;
    const json_t *image = list_find(root, facts->info->image_id);
    facts_text(facts, &facts->info->image_digest, json_span(json_object_get(image, "digest")));
    span name = json_span(json_array_get(json_object_get(image, "names"), 0));
    if (name.len && !facts->info->image_repository.data)
        facts_image_name(facts, name);
    return OK;
}

/* ---- where they lie ---- */

static bool read_spec(struct sources *sources, const char *root, span driver, struct facts *facts)
{
    struct open_request request;
    AUTO(auto_file) struct file file = {0};
    struct err_ctx err;
    if (!request_init(&request, OPEN_STORAGE_SPEC, root, facts->info->id, driver) ||
        !sources_read(sources, &request, PARSE_BYTES_MAX, &file))
        return false;
    if (!oci_spec_parse(span_of(file.data, file.len), facts, &err))
        return true;
    sources_complain(sources, &request, &err);
    return false;
}

static bool read_containers(struct sources *sources, enum open_template what, const char *root,
                            span driver, struct facts *facts)
{
    struct open_request request;
    AUTO(auto_file) struct file file = {0};
    struct err_ctx err;
    bool is_found = false;
    if (!request_init(&request, what, root, (span){0}, driver) ||
        !sources_read(sources, &request, INDEX_BYTES_MAX, &file))
        return false;
    if (storage_containers_parse(span_of(file.data, file.len), facts, &is_found, &err))
        sources_complain(sources, &request, &err);
    return is_found;
}

static void read_images(struct sources *sources, const char *root, span driver, struct facts *facts)
{
    struct open_request request;
    AUTO(auto_file) struct file file = {0};
    struct err_ctx err;
    if (request_init(&request, OPEN_STORAGE_IMAGES, root, (span){0}, driver) &&
        sources_read(sources, &request, INDEX_BYTES_MAX, &file) &&
        storage_images_parse(span_of(file.data, file.len), facts, &err))
        sources_complain(sources, &request, &err);
}

/* The specification may lie in the run root or the graph root (podman), containers.json in the
 * graph root, that of containers which end with the host's run in the run root. */
static bool root_find(struct sources *sources, const char *root, span driver, struct facts *facts)
{
    bool has_spec = read_spec(sources, root, driver, facts);
    bool has_entry = read_containers(sources, OPEN_STORAGE_CONTAINERS, root, driver, facts);
    if (!has_spec && !has_entry)
        return false;
    const struct roots *roots = &sources->roots;
    for (size_t run = 0; run < roots->count[ROOT_STORAGE_RUN]; run++) {
        const char *path = roots->list[ROOT_STORAGE_RUN][run].path;
        if (!has_spec)
            has_spec = read_spec(sources, path, driver, facts);
        if (!has_entry)
            has_entry = read_containers(sources, OPEN_STORAGE_VOLATILE, path, driver, facts);
    }
    if (facts->info->type != CONTAINER_CRIO)
        podman_read(sources, root, facts);
    if (facts->info->image_id.data)
        read_images(sources, root, driver, facts);
    return true;
}

bool storage_find(struct sources *sources, struct facts *facts)
{
    struct roots *roots = &sources->roots;
    for (size_t index = 0; index < roots->count[ROOT_STORAGE]; index++) {
        struct root *root = &roots->list[ROOT_STORAGE][index];
        for (size_t word = 0; word < roots->drivers.count; word++) {
            if (root_find(sources, root->path, span_str(roots->drivers.words[word]), facts)) {
                root->is_proven = true;
                return true;
            }
        }
    }
    return false;
}
