/* Values of items to literals and how they are compared. */
#include "sigma/lower.h"

static bool lowered_add(struct lowered_list *list, const struct lowered *lowered)
{
    if (list->count == list->size) {
        size_t size = list->size ? list->size * 2 : 8;
        struct lowered *grown = arena_alloc(list->arena, size * sizeof *grown);
        if (!grown)
            return false;
        if (list->count)
            memcpy(grown, list->items, list->count * sizeof *grown);
        list->items = grown;
        list->size = size;
    }
    list->items[list->count++] = *lowered;
    return true;
}

static uint16_t token_first(struct pattern pattern)
{
    return pattern.count ? pattern.tokens[0] : 0;
}

static uint16_t token_last(struct pattern pattern)
{
    return pattern.count ? pattern.tokens[pattern.count - 1] : 0;
}

/* The pattern for RULE_GLOB, where brackets mean something too. */
static span glob_text(struct arena *arena, struct pattern pattern)
{
    static const char dashes[] = "[-/\xe2\x80\x93\xe2\x80\x94\xe2\x80\x95]";
    struct writer out;
    writer_init(&out, pattern.count * sizeof dashes + 1);
    for (size_t at = 0; at < pattern.count; at++) {
        uint16_t token = pattern.tokens[at];
        if (token == TOKEN_ANY)
            writer_byte(&out, '*');
        else if (token == TOKEN_ONE)
            writer_byte(&out, '?');
        else if (token == TOKEN_DASH)
            writer_text(&out, dashes);
        else if (token == '*' || token == '?' || token == '[' || token == '\\')
            writer_format(&out, "\\%c", (char)token);
        else
            writer_byte(&out, (uint8_t)token);
    }
    span text = arena_dup(arena, writer_span(&out));
    writer_free(&out);
    return text;
}

/* Takes stars from the ends and says what they make of the comparison. */
static enum rule_operator ends_take(struct pattern *pattern)
{
    bool is_open_start = token_first(*pattern) == TOKEN_ANY;
    bool is_open_end = token_last(*pattern) == TOKEN_ANY;
    while (token_first(*pattern) == TOKEN_ANY) {
        pattern->tokens++;
        pattern->count--;
    }
    while (token_last(*pattern) == TOKEN_ANY)
        pattern->count--;
    if (is_open_start && is_open_end)
        return RULE_CONTAINS;
    return is_open_start ? RULE_ENDS : is_open_end ? RULE_STARTS : RULE_EQUAL;
}

/* One dash is five literals, which are found together with all others; more of them would be 25
 * and so on, and become a pattern. */
static bool text_lower(struct rule *rule, struct pattern pattern, struct lowered *lowered,
                       struct lowered_list *list)
{
    static const char *const dashes[] = {"-", "/", "\xe2\x80\x93", "\xe2\x80\x94", "\xe2\x80\x95"};
    struct pattern whole = pattern;
    enum rule_operator op = ends_take(&pattern);
    size_t special_count = 0;
    size_t dash_at = 0;
    size_t dash_count = 0;
    for (size_t at = 0; at < pattern.count; at++) {
        special_count += pattern.tokens[at] > UINT8_MAX;
        dash_count += pattern.tokens[at] == TOKEN_DASH;
        dash_at = pattern.tokens[at] == TOKEN_DASH ? at : dash_at;
    }
    lowered->compare.op = op;
    lowered->literal.value.kind = VALUE_TEXT;
    span *text = &lowered->literal.value.text;
    if (pattern.count == 0) /* no case to mind: shared with other questions for a value */
        lowered->compare.case_mode = RULE_CASE_EXACT;
    if (special_count == 0) {
        *text = pattern_text(rule->arena, pattern);
        return text->data && lowered_add(list, lowered);
    }
    if (special_count > 1 || dash_count == 0) {
        lowered->compare.op = RULE_GLOB;
        *text = glob_text(rule->arena, whole);
        return text->data && lowered_add(list, lowered);
    }
    span before = pattern_text(rule->arena, (struct pattern){pattern.tokens, dash_at});
    span behind = pattern_text(
        rule->arena, (struct pattern){pattern.tokens + dash_at + 1, pattern.count - dash_at - 1});
    for (size_t index = 0; index < sizeof dashes / sizeof dashes[0]; index++) {
        struct writer out;
        writer_init(&out, pattern.count + 4);
        writer_put(&out, before);
        writer_text(&out, dashes[index]);
        writer_put(&out, behind);
        *text = arena_dup(rule->arena, writer_span(&out));
        writer_free(&out);
        if (!before.data || !behind.data || !text->data || !lowered_add(list, lowered))
            return false;
    }
    return true;
}

static span regex_text(struct rule *rule, const struct sigma_item *item, span regex)
{
    struct writer out;
    if (!item->is_multiline && !item->is_dotall)
        return regex;
    writer_init(&out, regex.len + 8);
    writer_format(&out, "(?%s%s)", item->is_multiline ? "m" : "", item->is_dotall ? "s" : "");
    writer_put(&out, regex);
    span text = arena_dup(rule->arena, writer_span(&out));
    writer_free(&out);
    return text;
}

/* The literals of one value; not for null, exists and fields. */
bool item_value_lower(struct rule *rule, const struct sigma_item *item,
                      const struct sigma_value *value, struct lowered_list *list)
{
    enum rule_case folding = item->is_cased ? RULE_CASE_EXACT : RULE_CASE_UNICODE;
    struct lowered lowered = {.literal = value->literal, .node = value->node};
    struct rule_compare *compare = &lowered.compare;
    switch (value->form) {
    case FORM_TEXT:
        compare->case_mode = folding;
        return text_lower(rule,
                          item->is_keyword ? pattern_open(rule->arena, value->pattern, true, true)
                                           : value->pattern,
                          &lowered, list);
    case FORM_NUMBER:
    case FORM_BOOL:
        if (item->is_keyword || value->form == FORM_BOOL) {
            *compare = (struct rule_compare){.op = item->is_keyword ? RULE_CONTAINS : RULE_EQUAL,
                                             .case_mode = folding};
            lowered.literal = (struct rule_literal){.value.kind = VALUE_TEXT};
            lowered.literal.value.text = value->node->text;
        } else {
            compare->op = item->has_op ? item->op : RULE_EQUAL;
            compare->type = RULE_TYPE_NUMBER;
        }
        return lowered_add(list, &lowered);
    case FORM_REGEX:
        compare->op = RULE_REGEX;
        compare->case_mode = item->is_caseless ? RULE_CASE_UNICODE : RULE_CASE_EXACT;
        lowered.literal.value = (struct value){.kind = VALUE_TEXT};
        lowered.literal.value.text = regex_text(rule, item, value->text);
        return lowered.literal.value.text.data && lowered_add(list, &lowered);
    case FORM_NETWORK:
        compare->op = RULE_EQUAL;
        compare->type = RULE_TYPE_ADDRESS;
        return lowered_add(list, &lowered);
    case FORM_NULL:
    case FORM_EXISTS:
    case FORM_FIELD:
        break;
    }
    return true;
}
