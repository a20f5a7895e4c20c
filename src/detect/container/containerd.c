/* containerd's bundles: STATE/io.containerd.runtime.v2.task/NAMESPACE/ID/config.json. */
#include "container/internal.h"
#include "core/cleanup.h"

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

bool containerd_find(struct sources *sources, span space, struct facts *facts)
{
    struct roots *roots = &sources->roots;
    if (!is_plain_word(facts->info->id))
        return false;
    for (size_t index = 0; index < roots->count[ROOT_CONTAINERD_STATE]; index++) {
        struct root *root = &roots->list[ROOT_CONTAINERD_STATE][index];
        if (is_plain_word(space) && bundle_find(sources, root, space, facts))
            return true;
        for (size_t word = 0; !space.data && word < roots->spaces.count; word++) {
            if (bundle_find(sources, root, span_str(roots->spaces.words[word]), facts))
                return true;
        }
    }
    return false;
}
