/* libyaml's events into a tree. */
#include <stdlib.h>
#include <yaml.h>

#include "core/map.h"
#include "core/vector.h"
#include "yaml/yaml.h"

#define ARENA_MAX     ((size_t)512 << 20)
#define ANCHORS_MAX   4096u
#define DOCUMENTS_MAX 10000u

struct anchor {
    span name;
    struct yaml_node *node;
    bool is_open; /* its node has not ended */
};

struct reader {
    struct yaml_file *file;
    struct diagnostics *diagnostics;
    yaml_parser_t parser;
    struct yaml_node *open[YAML_DEPTH_MAX]; /* collections that have not ended */
    struct yaml_node *key[YAML_DEPTH_MAX];  /* mapping: the key that waits for its value */
    size_t depth;
    size_t node_count;
    struct yaml_node *root;
    struct anchor anchors[ANCHORS_MAX]; /* of the document */
    size_t anchor_count;
};

static bool fail(struct reader *reader, const yaml_mark_t *mark, const char *text)
{
    struct position at = {reader->file->name, (uint32_t)mark->line + 1, (uint32_t)mark->column + 1};
    diagnostics_error(reader->diagnostics, &at, NULL, "%s", text);
    return false;
}

static struct yaml_node *node_new(struct reader *reader, const yaml_mark_t *mark,
                                  enum yaml_kind kind)
{
    if (++reader->node_count > YAML_NODES_MAX) {
        fail(reader, mark, "too many nodes (aliases are counted with what they stand for)");
        return NULL;
    }
    struct yaml_node *node = arena_alloc(&reader->file->arena, sizeof *node);
    if (!node) {
        fail(reader, mark, "no room for this file");
        return NULL;
    }
    node->kind = kind;
    node->line = (uint32_t)mark->line + 1;
    node->column = (uint32_t)mark->column + 1;
    return node;
}

static void append(struct yaml_node *parent, struct yaml_node *child)
{
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
}

/* Puts a node where the reader stands: root, item, key or value. */
static bool place(struct reader *reader, const yaml_mark_t *mark, struct yaml_node *node)
{
    if (reader->depth == 0) {
        reader->root = node;
        return true;
    }
    struct yaml_node *parent = reader->open[reader->depth - 1];
    struct yaml_node **key = &reader->key[reader->depth - 1];
    if (parent->kind == YAML_SEQUENCE) {
        append(parent, node);
    } else if (*key) {
        (*key)->value = node;
        *key = NULL;
    } else if (node->kind != YAML_SCALAR) {
        return fail(reader, mark, "expected a scalar as key, found a collection");
    } else {
        append(parent, node);
        *key = node;
    }
    return true;
}

static bool anchor_put(struct reader *reader, const yaml_mark_t *mark, const yaml_char_t *name,
                       struct yaml_node *node)
{
    if (!name)
        return true;
    if (reader->anchor_count == ANCHORS_MAX)
        return fail(reader, mark, "too many anchors");
    span own = arena_dup(&reader->file->arena, span_str((const char *)name));
    if (!own.data)
        return fail(reader, mark, "no room for this file");
    reader->anchors[reader->anchor_count++] = (struct anchor){own, node, node->kind != YAML_SCALAR};
    return true;
}

/* Depth is bounded: the tree that is copied lies within YAML_DEPTH_MAX. */
static struct yaml_node *node_copy(struct reader *reader, const yaml_mark_t *mark,
                                   const struct yaml_node *from, size_t depth)
{
    if (depth > YAML_DEPTH_MAX) {
        fail(reader, mark, "nested too deeply");
        return NULL;
    }
    struct yaml_node *node = node_new(reader, mark, from->kind);
    if (!node)
        return NULL;
    *node = *from;
    node->first = node->last = node->next = node->value = NULL;
    node->count = 0;
    for (const struct yaml_node *child = from->first; child; child = child->next) {
        struct yaml_node *own = node_copy(reader, mark, child, depth + 1);
        if (!own)
            return NULL;
        append(node, own);
        if (child->value && !(own->value = node_copy(reader, mark, child->value, depth + 1)))
            return NULL;
    }
    return node;
}

static bool on_alias(struct reader *reader, const yaml_event_t *event)
{
    span name = span_str((const char *)event->data.alias.anchor);
    for (size_t index = reader->anchor_count; index-- > 0;) {
        const struct anchor *anchor = &reader->anchors[index];
        if (!span_eq(anchor->name, name))
            continue;
        if (anchor->is_open)
            return fail(reader, &event->start_mark, "an alias inside of what it stands for");
        struct yaml_node *node = node_copy(reader, &event->start_mark, anchor->node, reader->depth);
        return node && place(reader, &event->start_mark, node);
    }
    return fail(reader, &event->start_mark, "alias of an unknown anchor");
}

static enum yaml_style style_of(yaml_scalar_style_t style)
{
    switch (style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE:
        return YAML_SINGLE;
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
        return YAML_DOUBLE;
    case YAML_LITERAL_SCALAR_STYLE:
        return YAML_LITERAL;
    case YAML_FOLDED_SCALAR_STYLE:
        return YAML_FOLDED;
    case YAML_ANY_SCALAR_STYLE:
    case YAML_PLAIN_SCALAR_STYLE:
        break;
    }
    return YAML_PLAIN;
}

static bool on_scalar(struct reader *reader, const yaml_event_t *event)
{
    span text = span_of(event->data.scalar.value, event->data.scalar.length);
    if (text.len > YAML_SCALAR_MAX)
        return fail(reader, &event->start_mark, "scalar over 1 MiB");
    struct yaml_node *node = node_new(reader, &event->start_mark, YAML_SCALAR);
    if (!node)
        return false;
    node->style = style_of(event->data.scalar.style);
    node->text = arena_dup(&reader->file->arena, text);
    if (!node->text.data)
        return fail(reader, &event->start_mark, "no room for this file");
    return anchor_put(reader, &event->start_mark, event->data.scalar.anchor, node) &&
           place(reader, &event->start_mark, node);
}

static bool on_start(struct reader *reader, const yaml_event_t *event, enum yaml_kind kind,
                     const yaml_char_t *anchor)
{
    if (reader->depth == YAML_DEPTH_MAX)
        return fail(reader, &event->start_mark, "nested too deeply");
    struct yaml_node *node = node_new(reader, &event->start_mark, kind);
    if (!node || !anchor_put(reader, &event->start_mark, anchor, node) ||
        !place(reader, &event->start_mark, node))
        return false;
    reader->open[reader->depth] = node;
    reader->key[reader->depth++] = NULL;
    return true;
}

/* Equal keys: reported one by one, so that the rest of the file is still read. */
static void keys_check(struct reader *reader, const struct yaml_node *mapping)
{
    struct map seen;
    map_init(&seen, YAML_NODES_MAX, 0x6b79u);
    for (const struct yaml_node *key = mapping->first; key; key = key->next) {
        uint32_t line;
        struct position at = yaml_position(reader->file, key);
        if (map_get(&seen, key->text, &line))
            diagnostics_error(reader->diagnostics, &at, NULL,
                              "key '" PRI_SPAN "' is already given in line %u", ARG_SPAN(key->text),
                              line);
        else if (!map_put(&seen, key->text, key->line))
            break;
    }
    map_free(&seen);
}

/* Copies the keys of `from` that the mapping lacks. */
static bool merge_mapping(struct reader *reader, const yaml_mark_t *mark, struct yaml_node *mapping,
                          const struct yaml_node *from)
{
    struct map seen;
    bool is_good = true;
    map_init(&seen, YAML_NODES_MAX, 0x6d67u);
    for (const struct yaml_node *key = mapping->first; key && is_good; key = key->next)
        is_good = map_put(&seen, key->text, key->line);
    for (const struct yaml_node *key = from->first; key && is_good; key = key->next) {
        uint32_t line;
        if (map_get(&seen, key->text, &line))
            continue;
        struct yaml_node *own = node_copy(reader, mark, key, reader->depth);
        is_good = own && (own->value = node_copy(reader, mark, key->value, reader->depth));
        if (is_good)
            append(mapping, own);
    }
    map_free(&seen);
    return is_good;
}

static struct yaml_node *merge_key_take(struct yaml_node *mapping)
{
    struct yaml_node *before = NULL;
    for (struct yaml_node *key = mapping->first; key; before = key, key = key->next) {
        if (key->style != YAML_PLAIN || !span_eq(key->text, SPAN("<<")))
            continue;
        *(before ? &before->next : &mapping->first) = key->next;
        if (mapping->last == key)
            mapping->last = before;
        mapping->count--;
        return key;
    }
    return NULL;
}

/* `<<` with a mapping, or a list of them of which the first that has a key gives it. */
static bool merge(struct reader *reader, const yaml_mark_t *mark, struct yaml_node *mapping)
{
    const struct yaml_node *key = merge_key_take(mapping);
    if (!key)
        return true;
    const struct yaml_node *value = key->value;
    bool is_list = value->kind == YAML_SEQUENCE;
    for (const struct yaml_node *from = is_list ? value->first : value; from;
         from = is_list ? from->next : NULL) {
        if (from->kind != YAML_MAPPING) {
            struct position at = yaml_position(reader->file, from);
            diagnostics_error(reader->diagnostics, &at, NULL,
                              "'<<': expected a mapping, or a list of mappings");
        } else if (!merge_mapping(reader, mark, mapping, from)) {
            return false;
        }
    }
    return true;
}

static bool on_end(struct reader *reader, const yaml_event_t *event)
{
    struct yaml_node *node = reader->open[--reader->depth];
    for (size_t index = 0; index < reader->anchor_count; index++)
        if (reader->anchors[index].node == node)
            reader->anchors[index].is_open = false;
    if (node->kind != YAML_MAPPING)
        return true;
    keys_check(reader, node);
    return merge(reader, &event->start_mark, node);
}

static bool on_document_end(struct reader *reader, const yaml_event_t *event)
{
    struct yaml_file *file = reader->file;
    reader->anchor_count = 0;
    if (!reader->root)
        return true;
    if (!vector_grow(&file->documents, &file->documents_size, file->document_count, DOCUMENTS_MAX,
                     sizeof(struct yaml_node *)))
        return fail(reader, &event->start_mark, "too many documents");
    file->documents[file->document_count++] = reader->root;
    reader->root = NULL;
    return true;
}

static bool on_event(struct reader *reader, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(reader, event);
    case YAML_ALIAS_EVENT:
        return on_alias(reader, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(reader, event, YAML_SEQUENCE, event->data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT:
        return on_start(reader, event, YAML_MAPPING, event->data.mapping_start.anchor);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(reader, event);
    case YAML_DOCUMENT_END_EVENT:
        return on_document_end(reader, event);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
        break;
    }
    return true;
}

static bool read_all(struct reader *reader)
{
    bool is_done = false;
    while (!is_done) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reader->parser, &event)) {
            const yaml_parser_t *parser = &reader->parser;
            bool has_mark =
                parser->error == YAML_SCANNER_ERROR || parser->error == YAML_PARSER_ERROR;
            const yaml_mark_t *mark = has_mark ? &parser->problem_mark : &parser->mark;
            return fail(reader, mark, parser->problem ? parser->problem : "not YAML");
        }
        is_done = event.type == YAML_STREAM_END_EVENT;
        bool is_good = on_event(reader, &event);
        yaml_event_delete(&event);
        if (!is_good)
            return false;
    }
    return true;
}

/* Line and column of the first byte that is not UTF-8; false: all of it is. */
static bool find_wrong_utf8(span bytes, struct position *at)
{
    at->line = at->column = 1;
    while (bytes.len) {
        uint32_t code = bytes.data[0];
        size_t length = code < 0x80 ? 1 : utf8_length(bytes, &code);
        if (length == 0)
            return true;
        at->column++;
        if (code == '\n') {
            at->line++;
            at->column = 1;
        }
        bytes = span_after(bytes, length);
    }
    return false;
}

static void lines_mark(struct yaml_file *file)
{
    size_t line_count = 1;
    for (size_t at = 0; at < file->bytes.len; at++)
        line_count += file->bytes.data[at] == '\n';
    size_t mark_count = (line_count - 1) / YAML_LINES_A_MARK + 1;
    file->line_marks = arena_alloc(&file->arena, mark_count * sizeof *file->line_marks);
    if (!file->line_marks)
        return;
    file->line_marks[file->line_mark_count++] = 0;
    size_t line = 0;
    for (size_t at = 0; at < file->bytes.len; at++)
        if (file->bytes.data[at] == '\n' && ++line % YAML_LINES_A_MARK == 0)
            file->line_marks[file->line_mark_count++] = (uint32_t)at + 1;
}

bool yaml_open(struct yaml_file *file, span name, span bytes, struct diagnostics *diagnostics)
{
    if (span_starts(bytes, SPAN("\xef\xbb\xbf"))) /* a byte order mark is in no column */
        bytes = span_after(bytes, 3);
    *file = (struct yaml_file){.name = name, .bytes = bytes};
    arena_init(&file->arena, ARENA_MAX);
    struct position at = {.file = name};
    if (bytes.len > YAML_BYTES_MAX) {
        diagnostics_error(diagnostics, &at, NULL, "file over %zu MiB", YAML_BYTES_MAX >> 20);
        return false;
    }
    if (find_wrong_utf8(bytes, &at)) {
        diagnostics_error(diagnostics, &at, NULL, "expected UTF-8, found another byte");
        return false;
    }
    struct reader *reader = calloc(1, sizeof *reader);
    if (!reader || !yaml_parser_initialize(&reader->parser)) {
        free(reader);
        diagnostics_error(diagnostics, &at, NULL, "no room for this file");
        return false;
    }
    lines_mark(file);
    reader->file = file;
    reader->diagnostics = diagnostics;
    size_t errors_before = diagnostics->error_count;
    yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->parser, bytes.data ? bytes.data : (const uint8_t *)"",
                                 bytes.len);
    (void)read_all(reader);
    yaml_parser_delete(&reader->parser);
    free(reader);
    return diagnostics->error_count == errors_before;
}

void yaml_close(struct yaml_file *file)
{
    arena_free(&file->arena);
    free(file->documents);
    *file = (struct yaml_file){0};
}

const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key)
{
    if (mapping->kind != YAML_MAPPING)
        return NULL;
    for (const struct yaml_node *at = mapping->first; at; at = at->next)
        if (span_eq(at->text, span_str(key)))
            return at->value;
    return NULL;
}

bool yaml_is_null(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && node->style == YAML_PLAIN &&
           (node->text.len == 0 || span_eq(node->text, SPAN("~")) ||
            span_eq(node->text, SPAN("null")));
}
