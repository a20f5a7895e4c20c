/* Regexes by PCRE2. The whole-value form follows RE2 in POSIX mode, as Falco uses it: anchored at
 * both ends, UTF-8, a dot is not a newline, ^ and $ hold at lines. Texts that are not UTF-8 are
 * matched with U+FFFD in the place of each wrong byte: a stray byte must not hide a text. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "pattern/pattern.h"

#define MATCH_LIMIT    200000u
#define HEAP_LIMIT_KIB 4096u
#define COMPILED_MAX   (1u << 20)

struct regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
};

static pcre2_code *compile(span pattern, struct regex_options wanted, struct err_ctx *err)
{
    uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C;
    if (wanted.is_whole)
        options |= PCRE2_MULTILINE | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NO_AUTO_CAPTURE;
    if (wanted.is_caseless)
        options |= PCRE2_CASELESS;
    int code;
    PCRE2_SIZE offset;
    const uint8_t *text = pattern.data ? pattern.data : (const uint8_t *)"";
    pcre2_code *compiled = pcre2_compile(text, pattern.len, options, &code, &offset, NULL);
    if (!compiled) {
        PCRE2_UCHAR reason[160];
        pcre2_get_error_message(code, reason, sizeof reason);
        err_set(err, ERR_INPUT, "bad regex at byte %zu: %s", (size_t)offset + 1,
                (const char *)reason);
        return NULL;
    }
    size_t size = 0;
    pcre2_pattern_info(compiled, PCRE2_INFO_SIZE, &size);
    if (size > COMPILED_MAX) {
        pcre2_code_free(compiled);
        err_set(err, ERR_LIMIT, "the compiled regex is over %u bytes", COMPILED_MAX);
        return NULL;
    }
    return compiled;
}

err_kind regex_check(span pattern, struct regex_options options, struct err_ctx *err)
{
    pcre2_code *code = compile(pattern, options, err);
    if (!code)
        return err->kind;
    pcre2_code_free(code);
    return OK;
}

err_kind regex_open(span pattern, struct regex_options options, struct regex **ret,
                    struct err_ctx *err)
{
    struct regex *regex = calloc(1, sizeof *regex);
    if (!regex)
        return err_set(err, ERR_SYSTEM, "regex");
    regex->code = compile(pattern, options, err);
    if (!regex->code) {
        free(regex);
        return err->kind;
    }
    regex->match = pcre2_match_data_create(1, NULL);
    regex->limits = pcre2_match_context_create(NULL);
    if (!regex->match || !regex->limits) {
        regex_close(regex);
        return err_set(err, ERR_SYSTEM, "regex");
    }
    pcre2_set_match_limit(regex->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(regex->limits, HEAP_LIMIT_KIB);
    /* quicker where the role may map code; where not, the interpreter gives the same answers */
    (void)pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
    *ret = regex;
    return OK;
}

void regex_close(struct regex *regex)
{
    if (!regex)
        return;
    pcre2_match_data_free(regex->match);
    pcre2_match_context_free(regex->limits);
    pcre2_code_free(regex->code);
    free(regex);
}

static bool is_utf8(span text)
{
    while (text.len) {
        uint32_t code;
        size_t length = text.data[0] < 0x80 ? 1 : utf8_length(text, &code);
        if (length == 0)
            return false;
        text = span_after(text, length);
    }
    return true;
}

/* data NULL: no room. */
static span sanitise(span text, struct arena *scratch)
{
    uint8_t *copy = arena_alloc_raw(scratch, text.len * 3);
    size_t used = 0;
    if (!copy)
        return (span){NULL, 0};
    while (text.len) {
        uint32_t code;
        size_t length = utf8_length(text, &code);
        if (length)
            memcpy(copy + used, text.data, length);
        else
            memcpy(copy + used, "\xef\xbf\xbd", 3);
        used += length ? length : 3;
        text = span_after(text, length ? length : 1);
    }
    return span_of(copy, used);
}

enum regex_answer regex_match(const struct regex *regex, span text, struct arena *scratch)
{
    if (!is_utf8(text)) {
        text = sanitise(text, scratch);
        if (!text.data)
            return REGEX_UNDECIDED;
    }
    const uint8_t *data = text.data ? text.data : (const uint8_t *)"";
    int outcome = pcre2_match(regex->code, data, text.len, 0, PCRE2_NO_UTF_CHECK, regex->match,
                              regex->limits);
    if (outcome >= 0)
        return REGEX_YES;
    return outcome == PCRE2_ERROR_NOMATCH ? REGEX_NO : REGEX_UNDECIDED;
}
