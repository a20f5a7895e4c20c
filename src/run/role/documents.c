#include "role/documents.h"

#include "sink/sink.h"

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

/* Two files of one name in two folders would be one sink. */
static bool is_same_stem(span a, span b)
{
    const uint8_t *slash_a = memrchr(a.data, '/', a.len), *slash_b = memrchr(b.data, '/', b.len);
    a = slash_a ? span_after(a, (size_t)(slash_a + 1 - a.data)) : a;
    b = slash_b ? span_after(b, (size_t)(slash_b + 1 - b.data)) : b;
    const uint8_t *dot_a = memrchr(a.data, '.', a.len), *dot_b = memrchr(b.data, '.', b.len);
    return span_eq(span_first(a, dot_a ? (size_t)(dot_a - a.data) : a.len),
                   span_first(b, dot_b ? (size_t)(dot_b - b.data) : b.len));
}

static bool is_declaration(span name)
{
    return !span_ends(name, SPAN(".md"));
}

/* Complains of a file when one of its name came before it. O(files). */
static err_kind name_check(span bundle, span name, struct diagnostics *diagnostics,
                           struct err_ctx *err)
{
    for (;;) {
        span other, content;
        bool is_end;
        err_kind kind = bundle_next(&bundle, &other, &content, &is_end, err);
        if (kind != OK || is_end || other.data == name.data)
            return kind;
        if (!is_declaration(other) || !is_same_stem(other, name))
            continue;
        struct position at = {.file = name, .line = 1, .column = 1};
        diagnostics_error(diagnostics, &at, NULL, "'" PRI_SPAN "' declares a sink of this name",
                          ARG_SPAN(other));
    }
}

err_kind documents_make_sinks(span bundle, struct diagnostics *diagnostics, struct writer *out,
                              struct err_ctx *err)
{
    span rest = bundle;
    writer_byte(out, '[');
    for (;;) {
        span name, content;
        bool is_end;
        err_kind kind = bundle_next(&rest, &name, &content, &is_end, err);
        if (kind == OK && !is_end && is_declaration(name))
            kind = name_check(bundle, name, diagnostics, err);
        if (kind != OK)
            return kind;
        if (is_end)
            break;
        if (!is_declaration(name))
            continue;
        writer_text(out, out->len > 1 ? "," : "");
        sink_declare(name, content, diagnostics, out);
    }
    writer_byte(out, ']');
    return out->is_full ? err_set(err, ERR_LIMIT, "the declarations are too large") : OK;
}
