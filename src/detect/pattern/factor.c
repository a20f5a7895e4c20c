/* The literals that a pattern cannot match without. Everything that is not understood ends a run of
 * literal characters or gives up: fewer literals cost time, never a match. */
#include "pattern/pattern.h"

#define FACTORS_MAX 32 /* alternatives of one pattern */
#define DEPTH_MAX   20
#define RUN_MAX     256
#define USEFUL_MIN  2 /* bytes */

/* A run of literal characters as it grows, and the longest so far. */
struct run {
    uint8_t bytes[RUN_MAX];
    size_t len;
    bool is_full; /* what comes behind is left out */
};

static void run_put(struct run *run, span character)
{
    run->is_full |= run->len + character.len > RUN_MAX;
    if (run->is_full)
        return;
    memcpy(run->bytes + run->len, character.data, character.len);
    run->len += character.len;
}

static size_t character_length(span text)
{
    uint32_t code;
    size_t length = text.data[0] < 0x80 ? 1 : utf8_length(text, &code);
    return length ? length : 1;
}

/* ---- globs ---- */

bool factor_of_glob(span pattern, struct arena *arena, struct factors *ret)
{
    struct run run = {.len = 0};
    struct run best = {.len = 0};
    *ret = (struct factors){0};
    while (pattern.len) {
        uint8_t first = pattern.data[0];
        if (first == '[') /* classes may hold anything: what follows is not looked at */
            break;
        if (first == '*' || first == '?') {
            run.len = 0;
            run.is_full = false;
            pattern = span_after(pattern, 1);
            continue;
        }
        if (first == '\\')
            pattern = span_after(pattern, 1);
        if (pattern.len == 0)
            break;
        size_t length = character_length(pattern);
        run_put(&run, span_first(pattern, length));
        pattern = span_after(pattern, length);
        if (run.len > best.len)
            best = run;
    }
    if (best.len < USEFUL_MIN)
        return true;
    ret->texts = arena_alloc(arena, sizeof *ret->texts);
    if (!ret->texts)
        return false;
    ret->texts[0] = arena_dup(arena, span_of(best.bytes, best.len));
    ret->count = ret->texts[0].data ? 1 : 0;
    return ret->count;
}

/* ---- regexes ---- */

/* Any of these is in every match; count 0: nothing known. */
struct set {
    span texts[FACTORS_MAX];
    size_t count;
};

struct parser {
    span rest;
    struct arena *arena;
    unsigned depth;
    bool gives_up;
    bool is_full;
};

static void parse_alternatives(struct parser *parser, struct set *ret);

static size_t shortest(const struct set *set)
{
    size_t least = set->count ? SIZE_MAX : 0;
    for (size_t index = 0; index < set->count; index++)
        least = set->texts[index].len < least ? set->texts[index].len : least;
    return least;
}

static void keep_better(struct set *best, const struct set *other)
{
    if (shortest(other) > shortest(best))
        *best = *other;
}

static void run_end(struct parser *parser, struct run *run, struct set *best)
{
    /* where a text is not UTF-8 the regex sees this character in the place of its bytes */
    span stray = SPAN("\xef\xbf\xbd");
    span text = span_of(run->bytes, run->len);
    if (run->len > shortest(best) && !span_contains(text, stray)) {
        best->texts[0] = arena_dup(parser->arena, text);
        best->count = 1;
        parser->is_full |= !best->texts[0].data;
    }
    run->len = 0;
    run->is_full = false;
}

static bool next_is(const struct parser *parser, uint8_t byte)
{
    return parser->rest.len && parser->rest.data[0] == byte;
}

static void skip(struct parser *parser, size_t count)
{
    parser->rest = span_after(parser->rest, count);
}

/* {n}, {n,} or {n,m}; false: the brace is a literal. */
static bool take_braces(struct parser *parser, bool *ret_is_optional)
{
    span text = parser->rest;
    size_t at = 1;
    size_t digits = 0;
    bool is_zero = true;
    for (; at < text.len && text.data[at] >= '0' && text.data[at] <= '9'; at++, digits++)
        is_zero &= text.data[at] == '0';
    if (digits == 0)
        return false;
    if (at < text.len && text.data[at] == ',')
        for (at++; at < text.len && text.data[at] >= '0' && text.data[at] <= '9'; at++)
            continue;
    if (at >= text.len || text.data[at] != '}')
        return false;
    skip(parser, at + 1);
    *ret_is_optional = is_zero;
    return true;
}

enum repeat { REPEAT_ONCE, REPEAT_OPTIONAL, REPEAT_MORE };

static bool take_quantifier(struct parser *parser, bool *ret_is_optional)
{
    *ret_is_optional = next_is(parser, '*') || next_is(parser, '?');
    if (!*ret_is_optional && !next_is(parser, '+'))
        return next_is(parser, '{') && take_braces(parser, ret_is_optional);
    skip(parser, 1);
    return true;
}

static enum repeat take_repeat(struct parser *parser)
{
    bool is_optional, is_again;
    if (!take_quantifier(parser, &is_optional))
        return REPEAT_ONCE;
    if (next_is(parser, '?') || next_is(parser, '+'))
        skip(parser, 1);
    parser->gives_up |= take_quantifier(parser, &is_again); /* a{2}{0} */
    return is_optional ? REPEAT_OPTIONAL : REPEAT_MORE;
}

/* Behind the bracket up to its end. */
static void skip_class(struct parser *parser)
{
    if (next_is(parser, '^'))
        skip(parser, 1);
    if (next_is(parser, ']'))
        skip(parser, 1);
    while (parser->rest.len && !next_is(parser, ']')) {
        if (span_starts(parser->rest, SPAN("[:")) || span_starts(parser->rest, SPAN("[.")) ||
            span_starts(parser->rest, SPAN("[=")) || span_starts(parser->rest, SPAN("\\Q")) ||
            span_starts(parser->rest, SPAN("\\E"))) {
            parser->gives_up = true; /* may hold a bracket of its own */
            return;
        }
        skip(parser, next_is(parser, '\\') ? 2 : 1);
    }
    skip(parser, 1);
}

/* Behind the backslash. True: a literal character, still to be taken. */
static bool take_escape(struct parser *parser)
{
    if (parser->rest.len == 0) {
        parser->gives_up = true;
        return false;
    }
    uint8_t byte = parser->rest.data[0];
    bool is_letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
    if (byte >= 0x80 || (!is_letter && (byte < '0' || byte > '9')))
        return true;
    /* one byte, and no more behind it; the rest take arguments or change what follows */
    parser->gives_up |= !strchr("dDwWsShHvVRbBAzZGtnrfae", byte);
    skip(parser, 1);
    return false;
}

/* Behind the parenthesis: nothing, or ?:. */
static void take_group(struct parser *parser, struct set *ret)
{
    if (span_starts(parser->rest, SPAN("?:")))
        skip(parser, 2);
    else if (next_is(parser, '?') || next_is(parser, '*'))
        parser->gives_up = true;
    if (parser->gives_up || ++parser->depth > DEPTH_MAX) {
        parser->gives_up = true;
        return;
    }
    parse_alternatives(parser, ret);
    parser->depth--;
    if (!next_is(parser, ')'))
        parser->gives_up = true;
    skip(parser, 1);
}

static void take_literal(struct parser *parser, struct run *run, struct set *best)
{
    size_t length = character_length(parser->rest);
    span character = span_first(parser->rest, length);
    skip(parser, length);
    size_t before = run->len;
    run_put(run, character);
    enum repeat repeat = take_repeat(parser);
    if (repeat == REPEAT_OPTIONAL)
        run->len = before;
    if (repeat != REPEAT_ONCE)
        run_end(parser, run, best);
}

static void parse_branch(struct parser *parser, struct set *best)
{
    struct run run = {.len = 0};
    best->count = 0;
    while (parser->rest.len && !parser->gives_up && !next_is(parser, '|') &&
           !next_is(parser, ')')) {
        uint8_t byte = parser->rest.data[0];
        struct set inner = {.count = 0};
        bool is_literal = !strchr("\\[(.^$", byte) || byte == 0;
        if (byte == '\\') {
            skip(parser, 1);
            is_literal = take_escape(parser);
        }
        if (is_literal) {
            take_literal(parser, &run, best);
            continue;
        }
        run_end(parser, &run, best);
        if (byte != '\\')
            skip(parser, 1);
        if (byte == '[')
            skip_class(parser);
        else if (byte == '(')
            take_group(parser, &inner);
        if (take_repeat(parser) != REPEAT_OPTIONAL)
            keep_better(best, &inner);
    }
    run_end(parser, &run, best);
}

/* Recursion is bounded by DEPTH_MAX. */
static void parse_alternatives(struct parser *parser, struct set *ret)
{
    bool is_known = true;
    ret->count = 0;
    for (;;) {
        struct set branch;
        parse_branch(parser, &branch);
        is_known = is_known && branch.count && ret->count + branch.count <= FACTORS_MAX;
        for (size_t index = 0; is_known && index < branch.count; index++)
            ret->texts[ret->count++] = branch.texts[index];
        if (parser->gives_up || !next_is(parser, '|'))
            break;
        skip(parser, 1);
    }
    if (!is_known)
        ret->count = 0;
}

/* (?i), (?s), (?m) and several of them at the start. */
static void take_flags(struct parser *parser, bool *is_caseless)
{
    while (span_starts(parser->rest, SPAN("(?"))) {
        size_t at = 2;
        bool is_folding = false;
        for (;
             at < parser->rest.len && strchr("ims", parser->rest.data[at]) && parser->rest.data[at];
             at++)
            is_folding |= parser->rest.data[at] == 'i';
        if (at == 2 || at >= parser->rest.len || parser->rest.data[at] != ')')
            return;
        *is_caseless |= is_folding;
        skip(parser, at + 1);
    }
}

bool factor_of_regex(span pattern, bool is_caseless, struct arena *arena, struct factors *ret)
{
    struct parser parser = {.rest = pattern, .arena = arena};
    struct set found;
    *ret = (struct factors){.is_caseless = is_caseless};
    take_flags(&parser, &ret->is_caseless);
    parse_alternatives(&parser, &found);
    if (parser.is_full)
        return false;
    if (parser.gives_up || parser.rest.len || shortest(&found) < USEFUL_MIN)
        return true;
    ret->texts = arena_alloc(arena, found.count * sizeof *ret->texts);
    if (!ret->texts)
        return false;
    memcpy(ret->texts, found.texts, found.count * sizeof *ret->texts);
    ret->count = found.count;
    return true;
}
