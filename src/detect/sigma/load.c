/* Files to documents, documents to rules. */
#include <stdlib.h>

#include "core/vector.h"
#include "sigma/pipeline.h"

#define ARENA_MAX      ((size_t)256 << 20)
#define RULE_ARENA_MAX ((size_t)256 << 20)
#define DOCUMENTS_MAX  200000u

/* ---- collections: what `action` says of a document and the ones around it ---- */

struct collection {
    const struct yaml_node *global;   /* put below every document that follows; NULL: none */
    const struct yaml_node *previous; /* the last rule, as it was read */
};

static struct yaml_node *key_copy(struct compile *compile, const struct yaml_node *key)
{
    struct yaml_node *copy = arena_alloc(&compile->arena, sizeof *copy);
    if (copy) {
        *copy = *key;
        copy->next = NULL;
    }
    return copy;
}

static void key_append(struct yaml_node *mapping, struct yaml_node *key)
{
    if (mapping->last)
        mapping->last->next = key;
    else
        mapping->first = key;
    mapping->last = key;
    mapping->count++;
}

static struct yaml_node *key_find(const struct yaml_node *mapping, span name)
{
    for (struct yaml_node *key = mapping->first; key; key = key->next)
        if (span_eq(key->text, name))
            return key;
    return NULL;
}

/* Both mappings in one, `over` winning where both say something. NULL: no room. Depth is bounded by
 * that of YAML. */
static struct yaml_node *merge(struct compile *compile, const struct yaml_node *under,
                               const struct yaml_node *over)
{
    struct yaml_node *both = arena_alloc(&compile->arena, sizeof *both);
    if (!both)
        return NULL;
    *both = *over;
    both->first = both->last = NULL;
    both->count = 0;
    for (const struct yaml_node *key = under->first; key; key = key->next) {
        struct yaml_node *copy = key_copy(compile, key);
        if (!copy)
            return NULL;
        key_append(both, copy);
    }
    for (const struct yaml_node *key = over->first; key; key = key->next) {
        struct yaml_node *old = key_find(both, key->text);
        struct yaml_node *copy = old ? old : key_copy(compile, key);
        if (!copy)
            return NULL;
        if (!old) {
            key_append(both, copy);
            continue;
        }
        bool is_deep = old->value->kind == YAML_MAPPING && key->value->kind == YAML_MAPPING;
        struct yaml_node *deep = is_deep ? merge(compile, old->value, key->value) : NULL;
        if (is_deep && !deep)
            return NULL;
        copy->value = is_deep ? deep : key->value;
        copy->line = key->line;
        copy->column = key->column;
    }
    return both;
}

/* The document as its collection makes it; NULL: it is no rule by itself, or wrong and reported. */
static const struct yaml_node *collection_read(struct compile *compile,
                                               struct collection *collection,
                                               const struct yaml_file *file,
                                               const struct yaml_node *document)
{
    static const char *const names[] = {"global", "reset", "repeat"};
    const struct yaml_node *action = yaml_get(document, "action");
    struct position at = yaml_position(file, action ? action : document);
    const struct yaml_node *under = collection->global;
    if (action && span_eq(action->text, SPAN("reset"))) {
        *collection = (struct collection){0};
        return NULL;
    }
    bool is_global = action && span_eq(action->text, SPAN("global"));
    if (action && span_eq(action->text, SPAN("repeat"))) {
        under = collection->previous;
        if (!under)
            diagnostics_error(compile->diagnostics, &at, NULL, "nothing to repeat before this");
    } else if (action && !is_global) {
        diagnostics_error(compile->diagnostics, &at, sigma_hint(names, 3, action->text),
                          "'action': expected global, reset or repeat");
        return NULL;
    }
    const struct yaml_node *whole = under ? merge(compile, under, document) : document;
    if (!whole)
        diagnostics_error(compile->diagnostics, &at, NULL, "no room for this file");
    if (is_global)
        collection->global = whole;
    else
        collection->previous = whole;
    return is_global || !whole || (action && !under) ? NULL : whole;
}

/* ---- documents ---- */

static bool kind_find(struct compile *compile, struct document *document)
{
    static const struct {
        const char *key;
        enum document_kind kind;
    } kinds[] = {
        {"correlation", DOCUMENT_CORRELATION},
        {"filter", DOCUMENT_FILTER},
        {"detection", DOCUMENT_RULE},
    };
    for (size_t index = 0; index < sizeof kinds / sizeof kinds[0]; index++) {
        if (!yaml_get(document->root, kinds[index].key))
            continue;
        document->kind = kinds[index].kind;
        return true;
    }
    struct position at = yaml_position(document->file, document->root);
    bool is_pipeline = yaml_get(document->root, "transformations") != NULL;
    diagnostics_error(compile->diagnostics, &at, NULL,
                      is_pipeline ? "this is a processing pipeline: name it by --pipeline"
                                  : "expected a rule with 'detection', a 'filter' or a "
                                    "'correlation'");
    return false;
}

static void document_add(struct compile *compile, struct document document)
{
    if (!kind_find(compile, &document))
        return;
    if (!vector_grow(&compile->documents, &compile->documents_size, compile->document_count,
                     DOCUMENTS_MAX, sizeof document)) {
        struct position at = yaml_position(document.file, document.root);
        diagnostics_error(compile->diagnostics, &at, NULL, "more than %u rules", DOCUMENTS_MAX);
        return;
    }
    compile->documents[compile->document_count] = document;
    document_read(compile, &compile->documents[compile->document_count++]);
}

/* A file of one rule is closed until the rule is built: thousands of trees are not held at once. */
static void file_rest(struct compile *compile, size_t document_first, struct yaml_file *file)
{
    if (file->document_count != 1 || compile->document_count != document_first + 1)
        return;
    struct document *document = &compile->documents[document_first];
    if (document->kind != DOCUMENT_RULE)
        return;
    document->root = document->own = NULL;
    yaml_close(file);
}

static void file_read(struct compile *compile, struct yaml_file *file,
                      const struct sigma_input *input)
{
    struct collection collection = {0};
    size_t document_first = compile->document_count;
    for (size_t index = 0; index < file->document_count; index++) {
        const struct yaml_node *root = file->documents[index];
        struct position at = yaml_position(file, root);
        if (yaml_is_null(root))
            continue;
        if (root->kind != YAML_MAPPING) {
            diagnostics_error(compile->diagnostics, &at, NULL,
                              "expected a Sigma rule, which is a mapping, or a list of Falco's "
                              "rules");
            continue;
        }
        const struct yaml_node *whole = collection_read(compile, &collection, file, root);
        if (!whole)
            continue;
        document_add(compile,
                     (struct document){.file = file, .root = whole, .own = root, .input = input});
    }
    file_rest(compile, document_first, file);
}

/* ---- loading ---- */

/* What is wrong with the YAML was told when it was read first. */
static void document_build(struct compile *compile, struct document *document, struct arena *arena)
{
    struct diagnostics told;
    bool is_closed = !document->root;
    if (document->kind != DOCUMENT_RULE || document->is_wrong)
        return;
    diagnostics_init(&told, 0);
    if (is_closed) {
        (void)yaml_open(document->file, document->input->name, document->input->bytes, &told);
        if (document->file->document_count)
            document->root = document->own = document->file->documents[0];
    }
    if (document->root)
        sigma_rule_build(compile, document, arena);
    if (is_closed) {
        document->root = document->own = NULL;
        yaml_close(document->file);
    }
    diagnostics_free(&told);
}

static void documents_build(struct compile *compile)
{
    struct arena arena;
    arena_init(&arena, RULE_ARENA_MAX);
    filters_check(compile, &arena);
    correlations_check(compile, &arena);
    for (size_t index = 0; index < compile->document_count; index++) {
        document_build(compile, &compile->documents[index], &arena);
        arena_reset(&arena);
    }
    arena_free(&arena);
}

bool sigma_load(const struct sigma_input *inputs, size_t count, const struct sigma_input *pipelines,
                size_t pipeline_count, const struct schema *schema, struct rule_builder *builder,
                struct diagnostics *diagnostics, struct sigma_counts *ret_counts)
{
    struct compile compile = {.schema = schema, .builder = builder, .diagnostics = diagnostics};
    size_t errors_before = diagnostics->error_count;
    struct yaml_file *files = calloc(count + 1, sizeof *files);
    if (!files)
        return false;
    arena_init(&compile.arena, ARENA_MAX);
    map_init(&compile.ids, DOCUMENTS_MAX, 21);
    map_init(&compile.names, DOCUMENTS_MAX, 22);
    for (size_t index = 0; index < count; index++) {
        (void)yaml_open(&files[index], inputs[index].name, inputs[index].bytes, diagnostics);
        file_read(&compile, &files[index], &inputs[index]);
    }
    bool has_room = pipelines_read(&compile, pipelines, pipeline_count);
    if (has_room)
        documents_build(&compile);
    *ret_counts = compile.counts;
    free(compile.documents);
    free(compile.asked);
    map_free(&compile.ids);
    map_free(&compile.names);
    pipelines_free(compile.pipelines);
    arena_free(&compile.arena);
    for (size_t index = 0; index < count; index++)
        yaml_close(&files[index]);
    free(files);
    return has_room && diagnostics->error_count == errors_before;
}

/* ---- which language ---- */

bool sigma_is_source(span bytes)
{
    span line = {NULL, 0};
    while (bytes.len) {
        if (!span_until(&bytes, '\n', &line)) {
            line = bytes;
            bytes.len = 0;
        }
        while (line.len && (line.data[0] == ' ' || line.data[0] == '\t' || line.data[0] == '\r'))
            line = span_after(line, 1);
        if (span_starts(line, SPAN("\xef\xbb\xbf")))
            line = span_after(line, 3);
        if (span_starts(line, SPAN("---")))
            line = span_after(line, 4); /* content behind the mark */
        else if (span_starts(line, SPAN("%")))
            line.len = 0; /* a directive */
        if (line.len && line.data[0] != '#')
            break;
    }
    return line.len && line.data[0] != '#' && line.data[0] != '[' &&
           !(line.data[0] == '-' && (line.len == 1 || line.data[1] == ' ' || line.data[1] == '\r'));
}
