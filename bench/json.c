/* What reading a JSON event costs: bench_json FILE NAMES [COUNT]
 * FILE: one object a line; NAMES: the fields that are wanted, one a line. Each way is run over the
 * whole file ROUNDS times; the best counts (CPU time, one thread). With COUNT the wanted fields and
 * their values are read so often and no time is taken: for counting instructions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json/decoder.h"

#define ROUNDS    9
#define NAMES_MAX 4096

struct bench {
    uint8_t *bytes;
    size_t len;
    span *lines;
    size_t count;
    struct field_ref refs[NAMES_MAX];
    struct projection projection;
    struct json_decoder *decoder;
    struct arena arena;
    uint64_t found; /* values, so that nothing is optimised away */
};

static uint8_t *file_read(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) {
        perror(path);
        exit(1);
    }
    size_t len = (size_t)ftell(file);
    uint8_t *bytes = calloc(1, len + JSON_PADDING);
    rewind(file);
    if (!bytes || fread(bytes, 1, len, file) != len)
        exit(1);
    fclose(file);
    *ret_len = len;
    return bytes;
}

/* Splits into lines; a 0 takes the place of each newline. */
static span *lines_of(uint8_t *bytes, size_t len, size_t *ret_count)
{
    size_t count = 0;
    for (size_t at = 0; at < len; at++)
        count += bytes[at] == '\n';
    span *lines = calloc(count + 1, sizeof *lines);
    *ret_count = 0;
    for (size_t at = 0; lines && at < len;) {
        uint8_t *end = memchr(bytes + at, '\n', len - at);
        size_t next = end ? (size_t)(end - bytes) : len;
        if (end)
            *end = 0;
        lines[(*ret_count)++] = span_of(bytes + at, next - at);
        at = next + 1;
    }
    return lines;
}

static void run_index(struct bench *bench)
{
    struct json_decoder *decoder = bench->decoder;
    for (size_t index = 0; index < bench->count; index++) {
        struct json_indexed indexed;
        span line = bench->lines[index];
        bench->found += decoder->index(line.data, line.len, decoder->quotes, &indexed);
    }
}

static void run_fields(struct bench *bench)
{
    struct json_fault fault;
    for (size_t index = 0; index < bench->count; index++) {
        if (!json_decode_padded(bench->decoder, bench->lines[index], &fault))
            abort();
        bench->found += bench->decoder->touched_count;
    }
}

static void run_values(struct bench *bench)
{
    struct json_fault fault;
    for (size_t index = 0; index < bench->count; index++) {
        if (!json_decode_padded(bench->decoder, bench->lines[index], &fault))
            abort();
        arena_reset(&bench->arena);
        for (size_t each = 0; each < bench->decoder->touched_count; each++) {
            struct value value;
            uint32_t slot = bench->decoder->touched[each];
            if (slot >= bench->projection.count)
                continue;
            json_fetch(bench->decoder, &bench->refs[slot], &bench->arena, &value);
            bench->found += value.kind;
        }
    }
}

static const struct {
    const char *name;
    void (*run)(struct bench *bench);
} way_table[] = {
    {"index: strings found", run_index},
    {"fields: wanted ones found, all checked", run_fields},
    {"values: and each unescaped or converted", run_values},
};

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct err_ctx err;
    size_t names_len = 0, names_count;
    if (argc < 3) {
        fprintf(stderr, "usage: bench_json FILE NAMES [COUNT]\n");
        return 2;
    }
    bench.bytes = file_read(argv[1], &bench.len);
    bench.lines = lines_of(bench.bytes, bench.len, &bench.count);
    uint8_t *names_text = file_read(argv[2], &names_len);
    span *names = lines_of(names_text, names_len, &names_count);
    bench.projection = (struct projection){.schema = &json_schema, .refs = bench.refs};
    for (size_t index = 0; index < names_count && index < NAMES_MAX; index++)
        bench.refs[bench.projection.count++] =
            (struct field_ref){.field = json_schema.open, .argument = names[index], .index = -1};
    if (json_decoder_open(&bench.projection, &bench.decoder, &err) != OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    arena_init(&bench.arena, 1 << 26);
    run_fields(&bench); /* makes room */
    if (argc > 3) {
        size_t rounds = strtoul(argv[3], NULL, 10);
        for (size_t round = 0; round < rounds; round++)
            run_values(&bench);
        printf("events: %zu\n", rounds * bench.count);
        return 0;
    }
    printf("%zu events, %.0f bytes each, %zu fields wanted\n", bench.count,
           (double)bench.len / (double)bench.count, bench.projection.count);
    for (size_t way = 0; way < sizeof way_table / sizeof *way_table; way++) {
        double best = 1e9;
        for (size_t round = 0; round < ROUNDS; round++) {
            double start = cpu_s();
            way_table[way].run(&bench);
            double took = cpu_s() - start;
            best = took < best ? took : best;
        }
        printf("%-42s %6.0f ns/event %6.2f M events/s %5.2f GB/s\n", way_table[way].name,
               best * 1e9 / (double)bench.count, (double)bench.count / best * 1e-6,
               (double)bench.len / best * 1e-9);
    }
    return bench.found == 0;
}
