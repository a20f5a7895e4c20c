/* Case folding against PCRE2's, globs. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folding_is_that_of_pcre2),
        cmocka_unit_test(texts_fold),
        cmocka_unit_test(globs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
