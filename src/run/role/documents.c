#include "role/documents.h"

/* Recursion is bounded: a tree's depth is at most YAML_DEPTH_MAX. */
static void node_put(const struct yaml_node *node, struct writer *out)
{
    if (node->kind == YAML_SCALAR) {
        if (yaml_is_null(node))
            writer_text(out, "null");
        else
            writer_json_string(out, node->text);
        return;
    }
    bool is_mapping = node->kind == YAML_MAPPING;
    writer_byte(out, is_mapping ? '{' : '[');
    for (const struct yaml_node *child = node->first; child; child = child->next) {
        if (child != node->first)
            writer_byte(out, ',');
        if (is_mapping) {
            writer_json_string(out, child->text);
            writer_byte(out, ':');
        }
        node_put(is_mapping ? child->value : child, out);
    }
    writer_byte(out, is_mapping ? '}' : ']');
}

static void file_put(span name, span content, struct diagnostics *diagnostics, struct writer *out)
{
    struct yaml_file file;
    if (yaml_open(&file, name, content, diagnostics)) {
        writer_text(out, out->len > 1 ? ",{\"file\":" : "{\"file\":");
        writer_json_string(out, name);
        writer_text(out, ",\"documents\":[");
        for (size_t index = 0; index < file.document_count; index++) {
            writer_text(out, index ? "," : "");
            node_put(file.documents[index], out);
        }
        writer_text(out, "]}");
    }
    yaml_close(&file);
}

err_kind documents_make(span bundle, struct diagnostics *diagnostics, struct writer *out,
                        struct err_ctx *err)
{
    writer_byte(out, '[');
    for (;;) {
        span name, content;
        bool is_end;
        err_kind kind = bundle_next(&bundle, &name, &content, &is_end, err);
        if (kind != OK)
            return kind;
        if (is_end)
            break;
        file_put(name, content, diagnostics, out);
    }
    writer_byte(out, ']');
    return out->is_full ? err_set(err, ERR_LIMIT, "the documents are too large") : OK;
}
