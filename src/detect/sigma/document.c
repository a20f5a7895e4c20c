/* What rules, filters and correlations have in common: title, id, name, logsource. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sigma/compile.h"

const char *sigma_hint(const char *const *names, size_t count, span name)
{
    struct field_desc *all = calloc(count + 1, sizeof *all);
    if (!all)
        return NULL;
    for (size_t index = 0; index < count; index++)
        all[index].name = names[index];
    const struct schema schema = {.fields = all, .field_count = count};
    const char *hint = schema_nearest(&schema, name);
    free(all);
    return hint;
}

bool document_text(struct compile *compile, const struct document *document, const char *key,
                   span *ret)
{
    const struct yaml_node *node = yaml_get(document->root, key);
    *ret = (span){NULL, 0};
    if (!node || yaml_is_null(node))
        return true;
    *ret = node->text;
    struct position at = yaml_position(document->file, node);
    if (node->kind != YAML_SCALAR)
        diagnostics_error(compile->diagnostics, &at, NULL, "'%s': expected a text", key);
    return node->kind == YAML_SCALAR;
}

static bool document_word(struct compile *compile, const struct document *document, const char *key,
                          const char *const *words, size_t count, size_t *ret)
{
    span word;
    if (!document_text(compile, document, key, &word))
        return false;
    *ret = count;
    for (size_t index = 0; word.data && index < count; index++)
        if (span_eq(word, span_str(words[index])))
            *ret = index;
    if (*ret < count || !word.data)
        return true;
    struct position at = yaml_position(document->file, yaml_get(document->root, key));
    char all[256];
    size_t used = 0;
    for (size_t index = 0; index < count && used < sizeof all; index++)
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", index ? ", " : "",
                                 words[index]);
    diagnostics_error(compile->diagnostics, &at, sigma_hint(words, count, word),
                      "'%s': expected one of %s, found '" PRI_SPAN "'", key, all, ARG_SPAN(word));
    return false;
}

bool document_texts(struct compile *compile, const struct document *document,
                    const struct yaml_node *node, const char *key, struct arena *arena, span **ret,
                    size_t *ret_count)
{
    bool is_good = true;
    *ret = NULL;
    *ret_count = 0;
    if (!node || yaml_is_null(node))
        return true;
    struct position at = yaml_position(document->file, node);
    const struct yaml_node *first = node->kind == YAML_SEQUENCE ? node->first : node;
    *ret = arena_alloc(arena, (node->count + 1) * sizeof **ret);
    if (!*ret || node->kind == YAML_MAPPING) {
        diagnostics_error(compile->diagnostics, &at, NULL,
                          *ret ? "'%s': expected a list of texts" : "'%s': no room", key);
        return false;
    }
    for (const struct yaml_node *one = first; one; one = one == node ? NULL : one->next) {
        if (one->kind == YAML_SCALAR) {
            (*ret)[(*ret_count)++] = one->text;
            continue;
        }
        at = yaml_position(document->file, one);
        diagnostics_error(compile->diagnostics, &at, NULL, "'%s': expected a text", key);
        is_good = false;
    }
    return is_good;
}

/* ---- levels ---- */

static const char *const level_names[] = {"informational", "low", "medium", "high", "critical"};
static const uint8_t level_priorities[] = {PRIORITY_INFORMATIONAL, PRIORITY_NOTICE,
                                           PRIORITY_WARNING, PRIORITY_ERROR, PRIORITY_CRITICAL};
#define LEVEL_COUNT  (sizeof level_names / sizeof level_names[0])
#define LEVEL_MEDIUM 2

static const char *const status_names[] = {"stable", "test", "experimental", "deprecated",
                                           "unsupported"};
#define STATUS_COUNT (sizeof status_names / sizeof status_names[0])

bool document_level(struct compile *compile, const struct document *document, span *ret_name,
                    uint8_t *ret_priority)
{
    size_t level, status;
    bool is_good = document_word(compile, document, "level", level_names, LEVEL_COUNT, &level);
    is_good &= document_word(compile, document, "status", status_names, STATUS_COUNT, &status);
    if (!is_good || level == LEVEL_COUNT)
        level = LEVEL_MEDIUM;
    *ret_name = span_str(level_names[level]);
    *ret_priority = level_priorities[level];
    return is_good;
}

/* ---- logsources ---- */

static bool part_read(struct compile *compile, const struct yaml_file *file,
                      const struct yaml_node *logsource, const char *key, span *ret)
{
    const struct yaml_node *node = yaml_get(logsource, key);
    *ret = (span){NULL, 0};
    if (!node || yaml_is_null(node))
        return true;
    struct position at = yaml_position(file, node);
    if (node->kind != YAML_SCALAR || node->text.len == 0) {
        diagnostics_error(compile->diagnostics, &at, NULL, "'%s': expected a text", key);
        return false;
    }
    uint8_t *lower = arena_alloc_raw(&compile->arena, node->text.len);
    if (!lower) {
        diagnostics_error(compile->diagnostics, &at, NULL, "no room for this rule");
        return false;
    }
    for (size_t at_byte = 0; at_byte < node->text.len; at_byte++) {
        uint8_t byte = node->text.data[at_byte];
        lower[at_byte] = byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
    }
    *ret = span_of(lower, node->text.len);
    return true;
}

bool logsource_read(struct compile *compile, const struct yaml_file *file,
                    const struct yaml_node *node, struct logsource *ret)
{
    struct position at = yaml_position(file, node);
    *ret = (struct logsource){0};
    if (node->kind != YAML_MAPPING) {
        diagnostics_error(compile->diagnostics, &at, NULL,
                          "expected a mapping with product, category or service");
        return false;
    }
    bool is_good = part_read(compile, file, node, "product", &ret->product);
    is_good &= part_read(compile, file, node, "category", &ret->category);
    is_good &= part_read(compile, file, node, "service", &ret->service);
    if (is_good && !ret->product.data && !ret->category.data && !ret->service.data) {
        diagnostics_error(compile->diagnostics, &at, NULL,
                          "the logsource names none of product, category and service: the rule "
                          "would be for every event");
        return false;
    }
    return is_good;
}

static bool part_contains(span whole, span part)
{
    return !whole.data || (part.data && span_eq(whole, part));
}

bool logsource_contains(const struct logsource *whole, const struct logsource *part)
{
    return part_contains(whole->product, part->product) &&
           part_contains(whole->category, part->category) &&
           part_contains(whole->service, part->service);
}

/* ---- documents ---- */

static bool is_uuid(span id)
{
    for (size_t at = 0; at < id.len; at++) {
        uint8_t byte = id.data[at];
        bool is_dash = at == 8 || at == 13 || at == 18 || at == 23;
        bool is_hex =
            (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f');
        if (is_dash ? byte != '-' : !is_hex)
            return false;
    }
    return id.len == 36;
}

/* Registers a key that no two documents may share. */
static bool key_register(struct compile *compile, const struct document *document, const char *key,
                         span text, uint32_t *ret_line, struct map *map)
{
    uint32_t other;
    uint32_t index = (uint32_t)(document - compile->documents);
    if (!text.data)
        return true;
    *ret_line = yaml_get(document->root, key)->line;
    if (map_get(map, text, &other)) {
        const struct document *first = &compile->documents[other];
        struct position at = yaml_position(document->file, yaml_get(document->root, key));
        if (!yaml_get(document->own, key)) /* several documents of one collection */
            return true;
        diagnostics_error(compile->diagnostics, &at, NULL,
                          "the %s '" PRI_SPAN "' is already that of " PRI_SPAN ":%u", key,
                          ARG_SPAN(text), ARG_SPAN(first->input->name),
                          map == &compile->ids ? first->id_line : first->name_line);
        return false;
    }
    return map_put(map, text, index);
}

/* They outlive the file. */
static bool texts_keep(struct compile *compile, struct document *document)
{
    span *texts[] = {&document->title, &document->id, &document->name};
    for (size_t index = 0; index < sizeof texts / sizeof texts[0]; index++) {
        if (!texts[index]->data)
            continue;
        *texts[index] = arena_dup(&compile->arena, *texts[index]);
        if (!texts[index]->data)
            return false;
    }
    return true;
}

void document_read(struct compile *compile, struct document *document)
{
    struct position at = yaml_position(document->file, document->root);
    bool is_good = document_text(compile, document, "title", &document->title);
    if (is_good && document->title.len == 0) {
        diagnostics_error(compile->diagnostics, &at, NULL, "expected a 'title'");
        is_good = false;
    }
    is_good &= document_text(compile, document, "id", &document->id);
    is_good &= document_text(compile, document, "name", &document->name);
    if (!texts_keep(compile, document)) {
        diagnostics_error(compile->diagnostics, &at, NULL, "no room for this rule");
        is_good = false;
    }
    is_good = is_good && key_register(compile, document, "id", document->id, &document->id_line,
                                      &compile->ids);
    is_good &= is_good && key_register(compile, document, "name", document->name,
                                       &document->name_line, &compile->names);
    if (document->id.data && document->id.len && !is_uuid(document->id)) {
        at = yaml_position(document->file, yaml_get(document->root, "id"));
        diagnostics_warning(compile->diagnostics, &at, "the id is no UUID");
    }
    const struct yaml_node *logsource = yaml_get(document->root, "logsource");
    if (logsource) {
        is_good &= logsource_read(compile, document->file, logsource, &document->logsource);
    } else if (document->kind != DOCUMENT_CORRELATION) {
        at = yaml_position(document->file, document->root);
        diagnostics_error(compile->diagnostics, &at, NULL, "expected a 'logsource'");
        is_good = false;
    }
    document->is_wrong = !is_good;
}

struct document *document_find(const struct compile *compile, span reference)
{
    uint32_t index;
    if (map_get(&compile->ids, reference, &index) || map_get(&compile->names, reference, &index))
        return &compile->documents[index];
    return NULL;
}
