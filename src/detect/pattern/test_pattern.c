/* Case folding against PCRE2's, globs. */
#include <stdlib.h>

#include "core/test.h"
#include "pattern/pattern.h"

#define CODE_MAX 0x10ffffu

static bool is_surrogate(uint32_t code)
{
    return code >= 0xd800 && code <= 0xdfff;
}

static void put_utf8(struct writer *out, uint32_t code)
{
    if (code < 0x80) {
        writer_byte(out, (uint8_t)code);
    } else if (code < 0x800) {
        writer_byte(out, (uint8_t)(0xc0 | code >> 6));
        writer_byte(out, (uint8_t)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        writer_byte(out, (uint8_t)(0xe0 | code >> 12));
        writer_byte(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
        writer_byte(out, (uint8_t)(0x80 | (code & 0x3f)));
    } else {
        writer_byte(out, (uint8_t)(0xf0 | code >> 18));
        writer_byte(out, (uint8_t)(0x80 | (code >> 12 & 0x3f)));
        writer_byte(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
        writer_byte(out, (uint8_t)(0x80 | (code & 0x3f)));
    }
}

/* Does PCRE2 take the two for one character in different cases? */
static bool pcre2_is_same(uint32_t a, uint32_t b, struct writer *out, struct arena *scratch)
{
    struct regex *regex;
    struct err_ctx err = {0};
    writer_reset(out);
    writer_format(out, "\\x{%x}", a);
    assert_int_equal(regex_open(writer_span(out), (struct regex_options){true, true}, &regex, &err),
                     OK);
    writer_reset(out);
    put_utf8(out, b);
    enum regex_answer answer = regex_match(regex, writer_span(out), scratch);
    regex_close(regex);
    return answer == REGEX_YES;
}

/* For every code point that folds. */
static void folding_is_that_of_pcre2(void **state)
{
    (void)state;
    size_t folded = 0;
    struct writer out;
    struct arena scratch;
    writer_init(&out, 64);
    arena_init(&scratch, 1 << 16);
    for (uint32_t code = 0; code <= CODE_MAX; code++) {
        uint32_t to = fold_code(code, TEXT_CASE_UNICODE);
        assert_int_equal(fold_code(to, TEXT_CASE_UNICODE), to);
        if (to == code || is_surrogate(code))
            continue;
        folded++;
        if (!pcre2_is_same(to, code, &out, &scratch))
            fail_msg("U+%04X is not U+%04X", code, to);
    }
    arena_free(&scratch);
    writer_free(&out);
    assert_int_equal(folded, 1428 + 26); /* mappings C and S of 14.0; those of ASCII */
}

static span folded(const char *text, size_t len, enum text_case mode, struct arena *arena)
{
    span out = fold_text(span_of(text, len), mode, arena);
    assert_non_null(out.data);
    return out;
}

static void texts_fold(void **state)
{
    (void)state;
    static const struct {
        const char *from, *ascii, *unicode;
    } cases[] = {
        {"", "", ""},
        {"AbC[`{@", "abc[`{@", "abc[`{@"},
        {"CAF\xc3\x89 \xce\xa3\xcf\x82", "caf\xc3\x89 \xce\xa3\xcf\x82",
         "caf\xc3\xa9 \xcf\x83\xcf\x83"},
        {"\xe2\x84\xaa\xc5\xbf", "\xe2\x84\xaa\xc5\xbf", "ks"}, /* Kelvin sign, long s */
        {"\xc8\xba", "\xc8\xba", "\xe2\xb1\xa5"},               /* grows by a byte */
        {"\xf0\x90\x90\x80", "\xf0\x90\x90\x80", "\xf0\x90\x90\xa8"},
        {"A\xff\xc3Z\xe1\xc3\x89", "a\xff\xc3z\xe1\xc3\x89", "a\xff\xc3z\xe1\xc3\xa9"},
        {"\xc4\xb0\xc3\x9f", "\xc4\xb0\xc3\x9f", "\xc4\xb0\xc3\x9f"}, /* no simple folding */
    };
    struct arena arena;
    arena_init(&arena, 1 << 16);
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        size_t len = strlen(cases[index].from);
        span ascii = folded(cases[index].from, len, TEXT_CASE_ASCII, &arena);
        span unicode = folded(cases[index].from, len, TEXT_CASE_UNICODE, &arena);
        assert_true(span_eq(ascii, span_str(cases[index].ascii)));
        assert_true(span_eq(unicode, span_str(cases[index].unicode)));
    }
    arena_free(&arena);
}

static void globs(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        enum text_case mode;
        bool holds;
    } cases[] = {
        {"", "", TEXT_CASE_EXACT, true},
        {"*", "", TEXT_CASE_EXACT, true},
        {"?", "", TEXT_CASE_EXACT, false},
        {"a*b", "a\nx/b", TEXT_CASE_EXACT, true},
        {"a?b", "a\nb", TEXT_CASE_EXACT, true},
        {"a?b",
         "a\xc3\xa9"
         "b",
         TEXT_CASE_EXACT, true},
        {"a??b",
         "a\xc3\xa9"
         "b",
         TEXT_CASE_EXACT, false},
        {"a?b",
         "a\xff"
         "b",
         TEXT_CASE_EXACT, true},
        {"\\*\\?\\\\", "*?\\", TEXT_CASE_EXACT, true},
        {"\\*", "x", TEXT_CASE_EXACT, false},
        {"\\", "\\", TEXT_CASE_EXACT, false},
        {"\xc3\x89*", "\xc3\xa9t\xc3\xa9", TEXT_CASE_UNICODE, true},
        {"\xc3\x89*", "\xc3\xa9t\xc3\xa9", TEXT_CASE_ASCII, false},
        {"K?", "\xe2\x84\xaa\xe2\x84\xaa", TEXT_CASE_UNICODE, true},
        {"[a-c]x", "Bx", TEXT_CASE_ASCII, true},
        {"[A-C]x", "bx", TEXT_CASE_UNICODE, true},
        {"[!a-c]x", "Bx", TEXT_CASE_ASCII, false},
        {"[\xc3\xa0-\xc3\xaf]", "\xc3\xa9", TEXT_CASE_EXACT, true},
        {"[]]", "]", TEXT_CASE_EXACT, true},
        {"[a", "[a", TEXT_CASE_EXACT, true},
        {"\\[a]", "[a]", TEXT_CASE_EXACT, true},
        {"*ab*ab*c", "xababxabc", TEXT_CASE_EXACT, true},
        {"*ab*ab*d", "xababxabc", TEXT_CASE_EXACT, false},
    };
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++)
        if (glob_match(span_str(cases[index].pattern), span_str(cases[index].text),
                       cases[index].mode) != cases[index].holds)
            fail_msg("'%s' on '%s'", cases[index].pattern, cases[index].text);
}

/* ---- what a pattern cannot match without ---- */

static void factors_are_in_every_match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *factors; /* joined by a space; "" none */
    } cases[] = {
        {"abc.*defg", "defg"},
        {"abc?d", "ab"},
        {"abc+d", "abc"},
        {"ab{0,3}c", ""},
        {"(foo|barn)x", "foo barn"},
        {"(foo|b)x", ""},
        {"(?:foo)?bar", "bar"},
        {"(foo)?ba", "ba"},
        {"foo|bar", "foo bar"},
        {"foo|.*", ""},
        {"(?i)PowerShell", "PowerShell"},
        {"a(?i)bcd", ""},
        {"\\\\pipe\\.", "\\pipe."},
        {"\\.exe$", ".exe"},
        {"[abc]def[^]x]", "def"},
        {"[[:alpha:]]def", ""},
        {"\\Qa.b\\E", ""},
        {"a{2}{0}bc", ""},
        {"x{bc", "x{bc"},
        {"(a(b(cd|ef)g)h)", "cd ef"},
        {"(?=foo)bar", ""},
        {"\\d+foo\\s", "foo"},
        {"\\x41foo", ""},
        {"", ""},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"caf\xc3\xa9?", "caf"},
        {"\xef\xbf\xbd"
         "ab",
         ""},
    };
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        struct factors factors;
        struct writer joined;
        writer_init(&joined, 4096);
        assert_true(factor_of_regex(span_str(cases[index].pattern), false, &arena, &factors));
        for (size_t at = 0; at < factors.count; at++) {
            writer_text(&joined, at ? " " : "");
            writer_put(&joined, factors.texts[at]);
        }
        if (!span_eq(writer_span(&joined), span_str(cases[index].factors)))
            fail_msg("'%s': '%.*s'", cases[index].pattern, (int)joined.len,
                     (const char *)joined.data);
        writer_free(&joined);
    }
    arena_free(&arena);
}

static void globs_have_factors(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *factor;
    } cases[] = {
        {"*abc*de*", "abc"}, {"a*b", ""},           {"\\*\\*x*", "**x"},
        {"ab[c]defg", "ab"}, {"?abc?defg", "defg"}, {"*", ""},
    };
    struct arena arena;
    arena_init(&arena, 1 << 16);
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        struct factors factors;
        assert_true(factor_of_glob(span_str(cases[index].pattern), &arena, &factors));
        span found = factors.count ? factors.texts[0] : SPAN("");
        if (!span_eq(found, span_str(cases[index].factor)))
            fail_msg("'%s': '%.*s'", cases[index].pattern, (int)found.len,
                     (const char *)found.data);
    }
    arena_free(&arena);
}

/* ---- many literals ---- */

#define LITERALS 1500
#define TEXTS    400

static uint64_t next(uint64_t *state)
{
    uint64_t mixed = *state += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

static span random_text(uint64_t *rng, size_t max, struct arena *arena)
{
    static const char letters[] = "abABk/\\.- \xc3\xa9\x89\xe2\x84\xaa";
    uint8_t bytes[256];
    size_t len = next(rng) % (max + 1);
    for (size_t at = 0; at < len; at++)
        bytes[at] = (uint8_t)letters[next(rng) % (sizeof letters - 1)];
    span copy = arena_dup(arena, span_of(bytes, len));
    assert_non_null(copy.data);
    return copy;
}

struct found {
    bool is[LITERALS];
};

static void note(void *context, uint32_t owner)
{
    ((struct found *)context)->is[owner] = true;
}

/* A literal between the anchors that its relation gives it. */
static struct regex *as_regex(span literal, enum text_relation relation, enum text_case mode)
{
    static const char *const before[] = {"\\A", "\\A", "", ""};
    static const char *const behind[] = {"\\z", "", "\\z", ""};
    struct regex *regex;
    struct writer pattern;
    struct err_ctx err = {0};
    writer_init(&pattern, 4096);
    writer_text(&pattern, before[relation]);
    for (size_t at = 0; at < literal.len; at++) {
        if (literal.data[at] < 0x80)
            writer_format(&pattern, "\\x%02x", literal.data[at]);
        else
            writer_byte(&pattern, literal.data[at]);
    }
    writer_text(&pattern, behind[relation]);
    if (regex_open(writer_span(&pattern), (struct regex_options){false, mode != TEXT_CASE_EXACT},
                   &regex, &err) != OK)
        fail_msg("%s", err.text);
    writer_free(&pattern);
    return regex;
}

static bool is_utf8(span text)
{
    while (text.len) {
        uint32_t code;
        size_t length = utf8_length(text, &code);
        if (length == 0)
            return false;
        text = span_after(text, length);
    }
    return true;
}

struct literals {
    span texts[LITERALS];
    enum text_relation relations[LITERALS];
    enum text_case modes[LITERALS];
    struct regex *regexes[LITERALS]; /* NULL: ASCII's case, which PCRE2 does not know */
    struct text_index *best, *scalar;
};

static void literals_make(struct literals *literals, uint64_t *rng, struct arena *arena)
{
    literals->best = text_index_new();
    literals->scalar = text_index_new();
    assert_non_null(literals->best);
    assert_non_null(literals->scalar);
    for (uint32_t at = 0; at < LITERALS; at++) {
        do {
            literals->texts[at] = random_text(rng, at % 7 ? 6 : 20, arena);
        } while (!is_utf8(literals->texts[at]));
        literals->relations[at] = (enum text_relation)(next(rng) % 4);
        literals->modes[at] = (enum text_case)(next(rng) % 3);
        literals->regexes[at] =
            literals->modes[at] == TEXT_CASE_ASCII
                ? NULL
                : as_regex(literals->texts[at], literals->relations[at], literals->modes[at]);
        assert_true(text_index_add(literals->best, literals->relations[at], literals->modes[at],
                                   literals->texts[at], at));
        assert_true(text_index_add(literals->scalar, literals->relations[at], literals->modes[at],
                                   literals->texts[at], at));
    }
    assert_true(text_index_finish(literals->best, TEXT_ENGINE_BEST));
    assert_true(text_index_finish(literals->scalar, TEXT_ENGINE_SCALAR));
}

static void one_text(struct literals *literals, span text, struct arena *scratch)
{
    struct found best = {0};
    struct found scalar = {0};
    assert_true(text_index_scan(literals->best, text, scratch, note, &best));
    assert_true(text_index_scan(literals->scalar, text, scratch, note, &scalar));
    for (uint32_t at = 0; at < LITERALS; at++) {
        if (best.is[at] != scalar.is[at])
            fail_msg("literal %u: Vectorscan says %d", at, best.is[at]);
        if (literals->regexes[at] &&
            (regex_match(literals->regexes[at], text, scratch) == REGEX_YES) != best.is[at])
            fail_msg("literal %u '%.*s' relation %d: found %d", at, (int)literals->texts[at].len,
                     (const char *)literals->texts[at].data, (int)literals->relations[at],
                     best.is[at]);
    }
}

/* Vectorscan, our own search and PCRE2 find the same literals, in texts that are often not UTF-8.
 */
static void literals_are_found_by_all(void **state)
{
    (void)state;
    struct arena arena, scratch;
    uint64_t rng = 7;
    struct literals *literals = calloc(1, sizeof *literals);
    assert_non_null(literals);
    arena_init(&arena, 16 << 20);
    arena_init(&scratch, 1 << 20);
    literals_make(literals, &rng, &arena);
    assert_true(text_index_uses_vectorscan(literals->best));
    assert_false(text_index_uses_vectorscan(literals->scalar));
    for (size_t at = 0; at < TEXTS; at++) {
        arena_reset(&scratch);
        one_text(literals, random_text(&rng, at % 5 ? 24 : 200, &arena), &scratch);
    }
    text_index_free(literals->best);
    text_index_free(literals->scalar);
    for (size_t at = 0; at < LITERALS; at++)
        regex_close(literals->regexes[at]);
    free(literals);
    arena_free(&arena);
    arena_free(&scratch);
}

static void gates_open_for_what_may_be_there(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        bool passes;
    } cases[] = {
        {"{\"a\":\"nothing\"}", false},
        {"{\"a\":\"x SEKURLSA::logon\"}", true},
        {"{\"a\":\"C:\\\\tools\\\\MimiLib.dll\"}", true},
        {"{\"a\":\"se\xe2\x84\xaaurlsa::\"}", true},
        {"{\"a\":\"\xc5\xbf\"}", true},
        {"{\"a\":\"caf\xc3\xa9\"}", false},
        {"{}", false},
    };
    struct gate *gate = gate_new();
    assert_non_null(gate);
    assert_true(gate_add(gate, SPAN("sekurlsa::")));
    assert_true(gate_add(gate, SPAN("\\mimilib.dll")));
    assert_false(gate_add(gate, SPAN("1e3")));     /* a number may be printed so */
    assert_false(gate_add(gate, SPAN("a\\b\\c"))); /* nothing long enough that JSON leaves alone */
    assert_false(gate_add(gate, SPAN("\xc3\xa9\xc3\xa9")));
    assert_true(gate_finish(gate));
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++)
        if (gate_passes(gate, span_str(cases[index].raw), true) != cases[index].passes)
            fail_msg("%s", cases[index].raw);
    gate_free(gate);
}

static void note_network(void *context, uint32_t owner)
{
    *(unsigned *)context |= 1u << owner;
}

static void networks_are_found(void **state)
{
    (void)state;
    static const struct {
        uint8_t address[4];
        unsigned owners;
    } cases[] = {
        {{10, 1, 2, 3}, 1 | 2 | 4 | 8}, {{10, 1, 2, 4}, 1 | 2 | 4},
        {{10, 2, 0, 0}, 1 | 2},         {{11, 0, 0, 0}, 1},
        {{10, 1, 130, 0}, 1 | 2 | 4},
    };
    static const uint8_t ten[] = {10, 1, 2, 3};
    static const uint8_t six[16] = {0x20, 1};
    struct networks *networks = networks_new();
    unsigned found = 0;
    assert_non_null(networks);
    assert_true(networks_add(networks, ten, 4, 0, 0));
    assert_true(networks_add(networks, ten, 4, 8, 1));
    assert_true(networks_add(networks, ten, 4, 16, 2));
    assert_true(networks_add(networks, ten, 4, 32, 3));
    assert_true(networks_add(networks, six, 16, 128, 4));
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        found = 0;
        networks_find(networks, cases[index].address, 4, note_network, &found);
        assert_int_equal(found, cases[index].owners);
    }
    found = 0;
    networks_find(networks, six, 16, note_network, &found);
    assert_int_equal(found, 16);
    networks_free(networks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folding_is_that_of_pcre2),
        cmocka_unit_test(texts_fold),
        cmocka_unit_test(globs),
        cmocka_unit_test(factors_are_in_every_match),
        cmocka_unit_test(globs_have_factors),
        cmocka_unit_test(literals_are_found_by_all),
        cmocka_unit_test(gates_open_for_what_may_be_there),
        cmocka_unit_test(networks_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
