/* A line as a JSON event. The passes must agree, whatever the instruction set: on what is refused
 * with the checker, on every field's value with the slow way to it. */
#include <stdlib.h>

#include "json/decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"a",   "a.b",  "a.b.c", "b",  "b.c", "c",
                                    "a.c", "a\\b", "",      ".a", "a."};

#define COUNT (sizeof names / sizeof *names)

static void require(bool is_so)
{
    if (!is_so)
        abort();
}

static bool equal(const struct value *a, const struct value *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case VALUE_TEXT:
        return span_eq(a->text, b->text);
    case VALUE_BOOL:
        return a->truth == b->truth;
    case VALUE_INT:
    case VALUE_UINT:
        return a->uinteger == b->uinteger;
    case VALUE_REAL:
        return memcmp(&a->real, &b->real, sizeof a->real) == 0;
    case VALUE_LIST:
        if (a->list.count != b->list.count || a->any != b->any)
            return false;
        for (size_t index = 0; index < a->list.count; index++)
            if (!equal(&a->list.items[index], &b->list.items[index]))
                return false;
        return true;
    default:
        return true;
    }
}

static void fields_check(struct json_decoder *decoder, const struct field_ref *refs, span line)
{
    struct arena arena;
    arena_init(&arena, 1 << 26);
    for (size_t slot = 0; slot < COUNT; slot++) {
        struct value fast, slow;
        json_fetch(decoder, &refs[slot], &arena, &fast);
        require(json_collect(line, refs[slot].argument, &arena, &slow));
        require(equal(&fast, &slow));
        require(json_raw(decoder)[slot].data || slow.kind == VALUE_ABSENT);
    }
    (void)json_logsource(decoder);
    (void)json_time_ns(decoder);
    arena_free(&arena);
}

static void indexes_check(const uint8_t *padded, size_t len)
{
    uint32_t *first = malloc((len + 80) * sizeof *first),
             *other = malloc((len + 80) * sizeof *other);
    struct json_indexed seen[2];
    require(first && other);
    size_t count = json_index_scalar(padded, len, first, &seen[0]);
    const json_index ways[] = {
        json_index_choose(),
#if defined(__x86_64__)
        json_index_sse2
#endif
    };
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        require(ways[way](padded, len, other, &seen[1]) == count);
        require(seen[0].is_fine == seen[1].is_fine &&
                seen[0].traits.has_escapes == seen[1].traits.has_escapes &&
                seen[0].traits.has_wide == seen[1].traits.has_wide);
        require(memcmp(first, other, count * sizeof *first) == 0);
    }
    free(first);
    free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct field_ref refs[COUNT];
    struct projection projection = {.schema = &json_schema, .refs = refs, .count = COUNT};
    struct json_decoder *decoder = NULL;
    struct json_fault fault, said;
    struct err_ctx err;
    span line = span_of(data, size);
    for (size_t index = 0; index < COUNT; index++)
        refs[index] = (struct field_ref){
            .field = json_schema.open, .argument = span_str(names[index]), .index = -1};
    uint8_t *padded = calloc(1, size + JSON_PADDING);
    require(padded && json_decoder_open(&projection, &decoder, &err) == OK);
    if (size)
        memcpy(padded, data, size);
    memset(padded + size + 1, '"', JSON_PADDING - 1); /* what lies behind a line is not read */
    indexes_check(padded, size);
    bool is_right = json_check(line, &fault);
    require(json_decode_padded(decoder, span_of(padded, size), &said) == is_right);
    if (is_right)
        fields_check(decoder, refs, line);
    else
        require(said.at == fault.at && said.at <= size && said.reason == fault.reason);
    require(json_decode(decoder, line, &said) == is_right);
    json_decoder_close(decoder);
    free(padded);
    return 0;
}
