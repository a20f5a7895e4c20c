/* One pass over raw JSON that tells whether any of some literals can be in one of its texts:
 * Vectorscan looks for a part of each that JSON and the folding of case leave as it is. */
#include <hs/hs.h>
#include <stdlib.h>

#include "core/vector.h"
#include "pattern/pattern.h"

#define RUN_MIN      3
#define WINDOW_MAX   8
#define LITERALS_MAX 2000

struct gate {
    hs_database_t *database;
    hs_scratch_t *scratch;
    span *runs;
    size_t count, size;
};

struct gate *gate_new(void)
{
    return calloc(1, sizeof(struct gate));
}

void gate_free(struct gate *gate)
{
    if (!gate)
        return;
    hs_free_scratch(gate->scratch);
    hs_free_database(gate->database);
    free(gate->runs);
    free(gate);
}

static bool is_safe(uint8_t byte)
{
    return byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\' && byte != '/';
}

/* Numbers are printed in a form of our own, which the raw bytes need not have. */
static bool may_be_number(span literal)
{
    for (size_t at = 0; at < literal.len; at++)
        if (!strchr("0123456789+-.eEinfaINFA", literal.data[at]) || literal.data[at] == 0)
            return false;
    return true;
}

/* How seldom a byte is, guessed, in the records of systems. */
static unsigned rarity(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return 1;
    if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z')
        return strchr("jkqvwxyz", byte | 0x20) ? 2 : 0;
    return strchr(" .-_:,", byte) ? 3 : 4;
}

/* Vectorscan decides by the last bytes of a literal: end where those are most seldom. */
static span window_of(span run)
{
    size_t best = run.len;
    unsigned most = 0;
    for (size_t end = RUN_MIN; end <= run.len; end++) {
        const uint8_t *last = run.data + end - 1;
        unsigned score = rarity(last[0]) + rarity(last[-1]) + rarity(last[-2]);
        score += end >= WINDOW_MAX / 2; /* longer ones are seldom by themselves */
        if (score >= most) {
            most = score;
            best = end;
        }
    }
    size_t start = best > WINDOW_MAX ? best - WINDOW_MAX : 0;
    return span_of(run.data + start, best - start);
}

bool gate_add(struct gate *gate, span literal)
{
    span best = {NULL, 0};
    size_t start = 0;
    if (may_be_number(literal))
        return false;
    for (size_t at = 0; at <= literal.len; at++) {
        if (at < literal.len && is_safe(literal.data[at]))
            continue;
        if (at - start > best.len)
            best = span_of(literal.data + start, at - start);
        start = at + 1;
    }
    if (best.len < RUN_MIN)
        return false;
    best = window_of(best);
    for (size_t at = 0; at < gate->count; at++)
        if (span_eq(gate->runs[at], best))
            return true;
    if (!vector_grow(&gate->runs, &gate->size, gate->count, LITERALS_MAX, sizeof *gate->runs))
        return false;
    gate->runs[gate->count++] = best;
    return true;
}

bool gate_finish(struct gate *gate)
{
    size_t count = gate->count;
    const char **texts = calloc(count + 1, sizeof *texts);
    size_t *lengths = calloc(count + 1, sizeof *lengths);
    unsigned *flags = calloc(count + 1, sizeof *flags);
    hs_compile_error_t *error = NULL;
    hs_error_t outcome = HS_NOMEM;
    if (texts && lengths && flags && count && hs_valid_platform() == HS_SUCCESS) {
        for (size_t at = 0; at < count; at++) {
            texts[at] = (const char *)gate->runs[at].data;
            lengths[at] = gate->runs[at].len;
            flags[at] = HS_FLAG_CASELESS;
        }
        outcome = hs_compile_lit_multi(texts, flags, NULL, lengths, (unsigned)count, HS_MODE_BLOCK,
                                       NULL, &gate->database, &error);
        if (error)
            hs_free_compile_error(error);
    }
    free(texts);
    free(lengths);
    free(flags);
    return outcome == HS_SUCCESS && hs_alloc_scratch(gate->database, &gate->scratch) == HS_SUCCESS;
}

/* KELVIN SIGN and LONG S, the characters that fold into ASCII. */
static bool has_folded(span raw)
{
    static const struct {
        uint8_t first;
        const char *rest;
        size_t rest_len;
    } folded[] = {{0xe2, "\x84\xaa", 2}, {0xc5, "\xbf", 1}};
    for (size_t which = 0; which < 2; which++) {
        span at = raw;
        span before;
        while (span_until(&at, folded[which].first, &before))
            if (span_starts(at, span_of(folded[which].rest, folded[which].rest_len)))
                return true;
    }
    return false;
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *context)
{
    (void)id;
    (void)from;
    (void)to;
    (void)flags;
    (void)context;
    return 1;
}

bool gate_passes(struct gate *gate, span raw, bool has_wide)
{
    return raw.len > UINT32_MAX / 2 || (has_wide && has_folded(raw)) ||
           hs_scan(gate->database, (const char *)raw.data, (unsigned)raw.len, 0, gate->scratch,
                   on_match, NULL) != HS_SUCCESS;
}
