/* A glob or regex (first line) on a text (the rest): what it cannot match without is in every text
 * that it matches; a glob without classes matches what its translation into a regex matches; many
 * literals at once find what one by one do. */
#include <stdlib.h>

#include "pattern/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SCRATCH_BYTES ((size_t)64 << 20)

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool has_factor(const struct factors *factors, span text, struct arena *arena)
{
    enum text_case mode = factors->is_caseless ? TEXT_CASE_UNICODE : TEXT_CASE_EXACT;
    span folded = fold_text(text, mode, arena);
    for (size_t index = 0; index < factors->count; index++)
        if (span_contains(folded, fold_text(factors->texts[index], mode, arena)))
            return true;
    return factors->count == 0;
}

static void regex_check_factor(span pattern, span text, bool is_caseless, struct arena *arena)
{
    struct regex *regex;
    struct factors factors;
    struct err_ctx err = {0};
    if (regex_open(pattern, (struct regex_options){false, is_caseless}, &regex, &err) != OK)
        return;
    require(factor_of_regex(pattern, is_caseless, arena, &factors));
    if (regex_match(regex, text, arena) == REGEX_YES)
        require(has_factor(&factors, text, arena));
    regex_close(regex);
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

/* False: it has a class, or ends with a backslash. */
static bool translate(span glob, struct writer *out)
{
    writer_text(out, "(?s)\\A");
    while (glob.len) {
        uint8_t byte = glob.data[0];
        glob = span_after(glob, 1);
        if (byte == '[' || (byte == '\\' && glob.len == 0))
            return false;
        if (byte == '*' || byte == '?') {
            writer_text(out, byte == '*' ? ".*" : ".");
            continue;
        }
        if (byte == '\\') {
            byte = glob.data[0];
            glob = span_after(glob, 1);
        }
        if (byte < 0x80)
            writer_format(out, "\\x%02x", byte);
        else
            writer_byte(out, byte);
    }
    writer_text(out, "\\z");
    return true;
}

static void glob_check(span pattern, span text, enum text_case mode, struct arena *arena)
{
    struct factors factors;
    struct regex *regex;
    struct writer out;
    struct err_ctx err = {0};
    bool holds = glob_match(pattern, text, mode);
    require(factor_of_glob(pattern, arena, &factors));
    factors.is_caseless = mode != TEXT_CASE_EXACT;
    if (holds)
        require(has_factor(&factors, text, arena));
    writer_init(&out, 1 << 16);
    if (mode != TEXT_CASE_ASCII && is_utf8(pattern) && is_utf8(text) && translate(pattern, &out) &&
        regex_open(writer_span(&out), (struct regex_options){false, mode != TEXT_CASE_EXACT},
                   &regex, &err) == OK) {
        enum regex_answer answer = regex_match(regex, text, arena);
        require(answer == REGEX_UNDECIDED || holds == (answer == REGEX_YES));
        regex_close(regex);
    }
    writer_free(&out);
}

static void hit(void *context, uint32_t owner)
{
    *(uint32_t *)context |= 1u << owner;
}

/* The pattern as a literal in each relation. */
static void literal_check(span literal, span text, enum text_case mode, struct arena *arena)
{
    struct text_index *index = text_index_new();
    span folded = fold_text(text, mode, arena);
    span part = fold_text(literal, mode, arena);
    uint32_t found = 0;
    uint32_t wanted = (uint32_t)span_eq(folded, part) | (uint32_t)span_starts(folded, part) << 1 |
                      (uint32_t)span_ends(folded, part) << 2 |
                      (uint32_t)span_contains(folded, part) << 3;
    require(index);
    for (uint32_t relation = 0; relation < 4; relation++)
        require(text_index_add(index, (enum text_relation)relation, mode, literal, relation));
    require(text_index_finish(index, TEXT_ENGINE_SCALAR));
    require(text_index_scan(index, text, arena, hit, &found));
    require(found == wanted);
    text_index_free(index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span text = span_of(data, size);
    span pattern;
    struct arena arena;
    if (size > 4096 || !span_until(&text, '\n', &pattern) || pattern.len > 512)
        return 0;
    arena_init(&arena, SCRATCH_BYTES);
    for (int mode = TEXT_CASE_EXACT; mode <= TEXT_CASE_UNICODE; mode++) {
        glob_check(pattern, text, (enum text_case)mode, &arena);
        literal_check(pattern, text, (enum text_case)mode, &arena);
    }
    regex_check_factor(pattern, text, false, &arena);
    regex_check_factor(pattern, text, true, &arena);
    arena_free(&arena);
    return 0;
}
