/* For each rule that may match an open, one clause of its necessary conditions is chosen that the
 * kernel can test: every path that satisfies it has one of a few components, or the open is for
 * writing. A rule without such a clause switches the filter off. */
#include "pipeline/prefilter.h"

#include <string.h>

static const char *const open_calls[] = {"open", "openat", "openat2", "open_by_handle_at", "creat"};

static const span asked[] = {
    {(const uint8_t *)"fd.name", 7},
    {(const uint8_t *)"fd.directory", 12},
    {(const uint8_t *)"fd.filename", 11},
    {(const uint8_t *)"fs.path.name", 12},
    {(const uint8_t *)"evt.is_open_write", 17},
    {(const uint8_t *)"evt.failed", 10},
    {(const uint8_t *)"fd.num", 6},
};

/* ---- one text: a component that every matching path has ---- */

/* The deepest whole component of a path pattern: the rarest, most often. from_start: the
 * text begins where the path does; to_end: it ends where the path does. */
static span component_of(span text, bool from_start, bool to_end)
{
    span best = {NULL, 0};
    size_t begin = 0;
    bool is_whole = from_start && text.len && text.data[0] == '/';
    for (size_t at = 0; at <= text.len; at++) {
        bool is_slash = at < text.len && text.data[at] == '/';
        if (at < text.len && !is_slash)
            continue;
        span part = span_of(text.data + begin, at - begin);
        bool ends_whole = is_slash || to_end;
        if (is_whole && ends_whole && part.len)
            best = part;
        begin = at + 1;
        is_whole = true;
    }
    return best;
}

static bool has_wildcard(span text)
{
    return span_contains(text, SPAN("*")) || span_contains(text, SPAN("?")) ||
           span_contains(text, SPAN("[")) || span_contains(text, SPAN("\\"));
}

/* data NULL: there is none. */
static span component_for(const struct rule_need *need, span text)
{
    bool is_directory = span_eq(need->field, SPAN("fd.directory"));
    if (need->case_mode != RULE_CASE_EXACT || need->is_negated)
        return (span){NULL, 0};
    if (span_eq(need->field, SPAN("fd.filename")))
        return need->op == RULE_EQUAL ? text : (span){NULL, 0};
    switch (need->op) {
    case RULE_EQUAL:
        return component_of(text, true, true);
    case RULE_STARTS:
        return component_of(text, true, false);
    case RULE_CONTAINS:
        return component_of(text, false, false);
    case RULE_ENDS:
        return component_of(text, false, true);
    case RULE_PATH_PREFIX:
        return has_wildcard(text) ? (span){NULL, 0} : component_of(text, true, !is_directory);
    default:
        return (span){NULL, 0};
    }
}

/* ---- clauses ---- */

static bool is_on_path(const struct rule_need *need)
{
    return span_starts(need->field, SPAN("fd.")) ? !span_eq(need->field, SPAN("fd.num"))
                                                 : span_eq(need->field, SPAN("fs.path.name"));
}

/* Every path that satisfies the clause has a component that can be named. */
static bool is_usable(const struct rule_need_clause *clause)
{
    for (size_t index = 0; index < clause->count; index++) {
        const struct rule_need *need = &clause->any_of[index];
        if (!is_on_path(need))
            return false;
        for (size_t text = 0; text < need->count; text++) {
            span component = component_for(need, need->texts[text]);
            if (!component.data || component.len == 0 || component.len > PREFILTER_NAME_BYTES)
                return false;
        }
    }
    return clause->count > 0;
}

/* All of the clause's conditions are this one. */
static bool says(const struct rule_need_clause *clause, const char *field, enum rule_operator op,
                 const char *text, bool is_negated)
{
    for (size_t index = 0; index < clause->count; index++) {
        const struct rule_need *need = &clause->any_of[index];
        if (!span_eq(need->field, span_str(field)) || need->op != op ||
            need->is_negated != is_negated || need->count != 1 ||
            !span_eq(need->texts[0], span_str(text)))
            return false;
    }
    return clause->count > 0;
}

static bool says_success(const struct rule_need_clause *clause)
{
    return says(clause, "evt.failed", RULE_EQUAL, "true", true) ||
           says(clause, "evt.failed", RULE_EQUAL, "false", false) ||
           says(clause, "fd.num", RULE_GREATER_EQUAL, "0", false);
}

static size_t text_count(const struct rule_need_clause *clause)
{
    size_t count = 0;
    for (size_t index = 0; index < clause->count; index++)
        count += clause->any_of[index].count;
    return count;
}

/* ---- the filter ---- */

struct making {
    struct prefilter *into;
    bool is_write; /* the call is for writing by itself */
    bool keeps_all;
    uint32_t keeps_rule; /* the first that is why */
};

static bool name_put(struct prefilter *into, span component, uint8_t flags)
{
    for (size_t index = 0; index < into->count; index++) {
        struct prefilter_name *name = &into->names[index];
        if (!span_eq(span_of(name->text, name->len), component))
            continue;
        name->flags |= flags;
        return true;
    }
    if (into->count == OPEN_NAMES_MAX)
        return false;
    struct prefilter_name *name = &into->names[into->count++];
    *name = (struct prefilter_name){.len = (uint8_t)component.len, .flags = flags};
    if (component.len)
        memcpy(name->text, component.data, component.len);
    return true;
}

static bool clause_take(struct prefilter *into, const struct rule_need_clause *clause,
                        uint8_t flags)
{
    for (size_t index = 0; index < clause->count; index++) {
        const struct rule_need *need = &clause->any_of[index];
        for (size_t text = 0; text < need->count; text++)
            if (!name_put(into, component_for(need, need->texts[text]), flags))
                return false;
    }
    return true;
}

static void rule_take(void *context, uint32_t rule, const struct rule_need_clause *clauses,
                      size_t count)
{
    struct making *making = context;
    const struct rule_need_clause *best = NULL;
    bool needs_write = making->is_write, needs_success = false;
    for (size_t index = 0; index < count; index++) {
        const struct rule_need_clause *clause = &clauses[index];
        needs_write |= says(clause, "evt.is_open_write", RULE_EQUAL, "true", false);
        needs_success |= says_success(clause);
        if (is_usable(clause) && (!best || text_count(clause) < text_count(best)))
            best = clause;
    }
    if (!needs_success)
        making->into->filter.failed = 1;
    bool is_taken = true;
    if (best)
        is_taken = clause_take(making->into, best, needs_write ? OPEN_NAME_WRITE : OPEN_NAME_ANY);
    else if (needs_write)
        making->into->filter.writes = 1;
    else
        is_taken = false;
    if (!is_taken && !making->keeps_all)
        making->keeps_rule = rule;
    making->keeps_all |= !is_taken;
}

err_kind prefilter_make(struct rule_program *program, struct prefilter *ret, struct err_ctx *err)
{
    struct making making = {.into = ret, .keeps_rule = UINT32_MAX};
    err_kind kind = OK;
    *ret = (struct prefilter){0};
    for (size_t index = 0; index < sizeof open_calls / sizeof *open_calls && kind == OK; index++) {
        making.is_write = strcmp(open_calls[index], "creat") == 0;
        kind = rule_program_needs(program, span_str(open_calls[index]), asked,
                                  sizeof asked / sizeof *asked, rule_take, &making, err);
    }
    if (kind != OK || making.keeps_all)
        *ret = (struct prefilter){0};
    else
        ret->filter.excludes = 1;
    ret->keeps_rule = making.keeps_rule;
    return kind;
}
