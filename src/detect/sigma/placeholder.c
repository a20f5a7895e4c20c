/* `%name%` in values stands for values that pipelines give. */
#include <stdlib.h>

#include "sigma/compile.h"

#define PLACEHOLDERS_MAX 64
#define EXPANSIONS_MAX   100000u

static bool complain(const struct rule *rule, const struct sigma_item *item,
                     const struct yaml_node *node, const char *text)
{
    struct position at = yaml_position(item->file, node);
    diagnostics_error(rule->compile->diagnostics, &at, NULL, "%s", text);
    return false;
}

/* Names have no blanks, so that `50% of 10%` holds none. */
static bool is_name(uint16_t token)
{
    return token > ' ' && token <= UINT8_MAX && token != '%' && token != '\\';
}

static bool is_word(uint16_t token)
{
    return (token >= '0' && token <= '9') || (token >= 'a' && token <= 'z') ||
           (token >= 'A' && token <= 'Z') || token == '_';
}

/* The length of %name% at the start of the tokens, 0: it is none. */
static size_t name_length(const uint16_t *tokens, size_t count)
{
    size_t length = 1;
    while (length < count && is_name(tokens[length]))
        length++;
    bool is_whole = count && tokens[0] == '%' && length > 1 && length < count;
    return is_whole && tokens[length] == '%' ? length + 1 : 0;
}

/* ---- names to tokens ---- */

static bool name_add(struct rule *rule, struct sigma_item *item, span name, uint16_t *ret)
{
    if (!item->placeholders)
        item->placeholders = arena_alloc(rule->arena, PLACEHOLDERS_MAX * sizeof(span));
    for (size_t index = 0; item->placeholders && index < item->placeholder_count; index++) {
        *ret = (uint16_t)(TOKEN_PLACEHOLDER + index);
        if (span_eq(item->placeholders[index], name))
            return true;
    }
    if (!item->placeholders || item->placeholder_count == PLACEHOLDERS_MAX || !name.data)
        return false;
    *ret = (uint16_t)(TOKEN_PLACEHOLDER + item->placeholder_count);
    item->placeholders[item->placeholder_count++] = name;
    return true;
}

/* A backslash takes the percent sign behind it as it is. */
static bool pattern_expand(struct rule *rule, struct sigma_item *item, struct pattern *pattern)
{
    struct pattern out = {arena_alloc_raw(rule->arena, (pattern->count + 1) * sizeof(uint16_t)), 0};
    if (!out.tokens)
        return false;
    for (size_t at = 0; at < pattern->count;) {
        const uint16_t *here = pattern->tokens + at;
        size_t length = name_length(here, pattern->count - at);
        if (here[0] == '\\' && at + 1 < pattern->count && here[1] == '%') {
            out.tokens[out.count++] = '%';
            at += 2;
        } else if (length) {
            struct pattern name = {pattern->tokens + at + 1, length - 2};
            if (!name_add(rule, item, pattern_text(rule->arena, name), &out.tokens[out.count++]))
                return false;
            at += length;
        } else {
            out.tokens[out.count++] = here[0];
            at++;
        }
    }
    *pattern = out;
    return true;
}

/* A regex as tokens, each byte one. */
static struct pattern regex_pattern(struct arena *arena, span text)
{
    struct pattern pattern = {arena_alloc_raw(arena, (text.len + 1) * sizeof(uint16_t)), 0};
    for (size_t at = 0; pattern.tokens && at < text.len; at++)
        pattern.tokens[pattern.count++] = text.data[at];
    return pattern;
}

bool sigma_item_expand(struct rule *rule, struct sigma_item *item)
{
    item->is_expanded = true;
    for (size_t index = 0; index < item->value_count; index++) {
        struct sigma_value *value = &item->values[index];
        if (value->form == FORM_REGEX)
            value->pattern = regex_pattern(rule->arena, value->text);
        if (!value->pattern.tokens || !pattern_expand(rule, item, &value->pattern))
            return complain(rule, item, value->node, "more placeholders than there is room for");
    }
    return true;
}

span placeholder_left(const struct sigma_item *item, const struct sigma_value *value)
{
    for (size_t at = 0; item->is_expanded && at < value->pattern.count; at++)
        if (value->pattern.tokens[at] >= TOKEN_PLACEHOLDER)
            return item->placeholders[value->pattern.tokens[at] - TOKEN_PLACEHOLDER];
    return (span){NULL, 0};
}

/* ---- values in their place ---- */

/* A value inside of a regex stands for itself but for its wildcards. */
static struct pattern regex_quote(struct arena *arena, struct pattern pattern)
{
    struct pattern out = {arena_alloc_raw(arena, (pattern.count * 2 + 1) * sizeof(uint16_t)), 0};
    for (size_t at = 0; out.tokens && at < pattern.count; at++) {
        uint16_t token = pattern.tokens[at];
        if (token == TOKEN_ANY || token == TOKEN_ONE) {
            out.tokens[out.count++] = '.';
            if (token == TOKEN_ANY)
                out.tokens[out.count++] = '*';
            continue;
        }
        if (token < 0x80 && !is_word(token))
            out.tokens[out.count++] = '\\';
        out.tokens[out.count++] = token;
    }
    return out;
}

/* The value with `by` in the place of every token `which`. */
static struct pattern replaced(struct arena *arena, struct pattern pattern, uint16_t which,
                               struct pattern by)
{
    size_t count = 0;
    for (size_t at = 0; at < pattern.count; at++)
        count += pattern.tokens[at] == which ? by.count : 1;
    struct pattern out = {arena_alloc_raw(arena, (count + 1) * sizeof(uint16_t)), 0};
    for (size_t at = 0; out.tokens && at < pattern.count; at++) {
        if (pattern.tokens[at] != which) {
            out.tokens[out.count++] = pattern.tokens[at];
            continue;
        }
        if (by.count)
            memcpy(out.tokens + out.count, by.tokens, by.count * sizeof(uint16_t));
        out.count += by.count;
    }
    return out;
}

static bool value_put(struct rule *rule, struct sigma_item *item, const struct sigma_value *old,
                      uint16_t which, const struct yaml_node *by)
{
    struct pattern put = pattern_parse(rule->arena, by->text);
    if (old->form == FORM_REGEX && put.tokens)
        put = regex_quote(rule->arena, put);
    struct sigma_value *value = put.tokens && item->value_count < EXPANSIONS_MAX
                                    ? item_value_add(rule, item, old->node, old->group)
                                    : NULL;
    if (!value)
        return complain(rule, item, old->node, "placeholders stand for too many values");
    value->form = old->form;
    value->pattern = replaced(rule->arena, old->pattern, which, put);
    return value->pattern.tokens ||
           complain(rule, item, old->node, "placeholders stand for too many values");
}

/* One name in all values. */
static bool name_replace(struct rule *rule, struct sigma_item *item, uint16_t which,
                         const struct yaml_node *values)
{
    struct sigma_item from = *item;
    bool is_good = true;
    item->values = NULL;
    item->value_count = item->values_size = 0;
    for (size_t index = 0; is_good && index < from.value_count; index++) {
        const struct sigma_value *old = &from.values[index];
        bool has_name = false;
        for (size_t at = 0; at < old->pattern.count; at++)
            has_name |= old->pattern.tokens[at] == which;
        if (!has_name) {
            struct sigma_value *value = item_value_add(rule, item, old->node, old->group);
            is_good = value;
            if (value)
                *value = *old;
            continue;
        }
        const struct yaml_node *one = values->kind == YAML_SEQUENCE ? values->first : values;
        for (; is_good && one; one = one == values ? NULL : one->next)
            is_good = value_put(rule, item, old, which, one);
    }
    return is_good;
}

bool placeholders_replace(struct rule *rule, struct sigma_item *item,
                          bool (*find)(void *context, span name, const struct yaml_node **ret),
                          void *context)
{
    for (size_t index = 0; index < item->placeholder_count; index++) {
        const struct yaml_node *values;
        if (find(context, item->placeholders[index], &values) &&
            !name_replace(rule, item, (uint16_t)(TOKEN_PLACEHOLDER + index), values))
            return false;
    }
    return true;
}
