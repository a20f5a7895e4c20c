/* Substrings by Vectorscan: literals only (its 5.4.9 misses matches of some regexes), every hit
 * compared again where it ends. Before it is used it must find what our own search finds. */
#include <hs/hs.h>
#include <stdlib.h>

#include "pattern/index.h"

#define WORTH_MIN      8      /* literals; with fewer our own search is as quick */
#define WORTH_MAX      200000 /* what it may cost to compile is bounded */
#define BYTES_MAX      (8u << 20)
#define CHECKED_MAX    64
#define CHECK_TEXT_MAX 1024

struct vector_index {
    hs_database_t *database;
    hs_scratch_t *scratch;
};

static bool patterns_compile(const struct text_part *part, struct vector_index *vectors)
{
    size_t count = part->contains_count;
    const char **texts = calloc(count, sizeof *texts);
    size_t *lengths = calloc(count, sizeof *lengths);
    unsigned *flags = calloc(count, sizeof *flags);
    unsigned *ids = calloc(count, sizeof *ids);
    hs_compile_error_t *error = NULL;
    size_t used = 0;
    hs_error_t outcome = HS_NOMEM;
    if (texts && lengths && flags && ids) {
        for (uint32_t at = 0; at < part->count; at++) {
            if (part->literals[at].relation != TEXT_CONTAINS)
                continue;
            texts[used] = (const char *)part->literals[at].text.data;
            lengths[used] = part->literals[at].text.len;
            flags[used] = HS_FLAG_SINGLEMATCH;
            ids[used++] = at;
        }
        outcome = hs_compile_lit_multi(texts, flags, ids, lengths, (unsigned)used, HS_MODE_BLOCK,
                                       NULL, &vectors->database, &error);
        if (error)
            hs_free_compile_error(error);
    }
    free(texts);
    free(lengths);
    free(flags);
    free(ids);
    return outcome == HS_SUCCESS;
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *context)
{
    const struct scan *scan = context;
    const struct literal *literal = &scan->part->literals[id];
    (void)from;
    (void)flags;
    if (to >= literal->text.len && to <= scan->text.len &&
        memcmp(scan->text.data + to - literal->text.len, literal->text.data, literal->text.len) ==
            0)
        index_literal_hit(scan, id);
    return 0;
}

static bool scan_once(const struct scan *scan)
{
    const struct vector_index *vectors = scan->part->vectors;
    struct scan copy = *scan;
    return hs_scan(vectors->database, (const char *)scan->text.data, (unsigned)scan->text.len, 0,
                   vectors->scratch, on_match, &copy) == HS_SUCCESS;
}

void vector_scan(const struct scan *scan)
{
    /* a text over what hs_scan can count, or an error of its own: ours never fails */
    if (scan->text.len > UINT32_MAX / 2 || !scan_once(scan))
        gram_scan(scan);
}

static void sum_hit(void *context, uint32_t owner)
{
    uint64_t *sum = context;
    *sum |= (uint64_t)1 << owner % 64;
}

/* Literals spread over the set, each behind other bytes: both searches find the same owners. */
static bool agrees(struct text_part *part)
{
    uint8_t text[CHECK_TEXT_MAX];
    size_t step = part->count / CHECKED_MAX + 1;
    for (size_t at = 0; at < part->count; at += step) {
        span literal = part->literals[at].text;
        size_t before = at % 37;
        if (literal.len > sizeof text - 64)
            continue;
        memset(text, 'x', sizeof text);
        memcpy(text + before, literal.data, literal.len);
        uint64_t ours = 0;
        uint64_t theirs = 0;
        struct scan scan = {part, span_of(text, before + literal.len + at % 23), sum_hit, &ours};
        gram_scan(&scan);
        scan.context = &theirs;
        if (!scan_once(&scan) || ours != theirs)
            return false;
    }
    return true;
}

static bool is_worth_it(const struct text_part *part)
{
    size_t bytes = 0;
    if (part->contains_count < WORTH_MIN || part->contains_count > WORTH_MAX)
        return false;
    for (size_t at = 0; at < part->count; at++)
        bytes += part->literals[at].text.len;
    return bytes <= BYTES_MAX && hs_valid_platform() == HS_SUCCESS;
}

struct vector_index *vector_build(struct text_part *part)
{
    if (!is_worth_it(part))
        return NULL;
    struct vector_index *vectors = calloc(1, sizeof *vectors);
    if (!vectors)
        return NULL;
    bool is_built = patterns_compile(part, vectors) &&
                    hs_alloc_scratch(vectors->database, &vectors->scratch) == HS_SUCCESS;
    if (is_built) {
        part->vectors = vectors;
        is_built = agrees(part);
    }
    if (!is_built) {
        part->vectors = NULL;
        vector_free(vectors);
        return NULL;
    }
    return vectors;
}

void vector_free(struct vector_index *vectors)
{
    if (!vectors)
        return;
    hs_free_scratch(vectors->scratch);
    hs_free_database(vectors->database);
    free(vectors);
}
