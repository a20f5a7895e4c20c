/* Cost of matching by number of rules: synthetic rules in Falco's language over a mix of exec and
 * open events, most of which match nothing. Prints one line per size: rules, load time, ns per
 * event, matches. `rules N ROUNDS` measures one size and tells how many events that were. */
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "falco/falco.h"

#define EVENTS 4096
#define ROUNDS 50

static const struct field_desc fields[] = {
    {"evt.type", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"evt.is_open_write", FIELD_BOOL, ARGUMENT_NONE, false, false, "", 1},
    {"proc.name", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 2},
    {"proc.pname", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 3},
    {"proc.cmdline", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 4},
    {"fd.name", FIELD_PATH, ARGUMENT_NONE, false, false, "", 5},
    {"user.uid", FIELD_INT, ARGUMENT_NONE, false, false, "", 6},
};

static const struct schema schema = {
    .source = "syscall", .fields = fields, .field_count = 7, .route = "evt.type"};

struct record {
    bool is_open;
    char name[16], pname[16], cmdline[96], path[64];
};

static struct value text(const char *from)
{
    return (struct value){.kind = VALUE_TEXT, .text = span_str(from)};
}

static void fetch(void *decoder, const struct field_ref *ref, struct arena *arena,
                  struct value *ret)
{
    const struct record *record = *(const struct record **)decoder;
    (void)arena;
    switch (ref->field->code) {
    case 0:
        *ret = text(record->is_open ? "openat" : "execve");
        break;
    case 1:
        *ret = (struct value){.kind = VALUE_BOOL, .truth = record->is_open};
        break;
    case 2:
        *ret = text(record->name);
        break;
    case 3:
        *ret = text(record->pname);
        break;
    case 4:
        *ret = text(record->cmdline);
        break;
    case 5:
        if (record->is_open)
            *ret = text(record->path);
        break;
    default:
        *ret = (struct value){.kind = VALUE_INT, .integer = 1000};
    }
}

static void rule_write(struct writer *yaml, unsigned number)
{
    writer_format(yaml,
                  "- rule: r%u\n  desc: d\n  output: o %%proc.name\n  priority: INFO\n"
                  "  condition: >\n    ",
                  number);
    switch (number % 5) {
    case 0:
        writer_format(yaml, "spawned and proc.name in (tool%u, other%u) and user.uid != 0", number,
                      number);
        break;
    case 1:
        writer_format(yaml, "spawned and proc.cmdline contains \"--secret-%u\"", number);
        break;
    case 2:
        writer_format(yaml, "open_write and fd.name startswith /etc/service%u/", number);
        break;
    case 3:
        writer_format(yaml, "open_write and fd.name endswith .key%u and not proc.name in (shells)",
                      number);
        break;
    default:
        writer_format(yaml, "spawned and (proc.pname = daemon%u or proc.cmdline startswith run%u)",
                      number, number);
    }
    writer_text(yaml, "\n");
}

static struct rule_program *load(unsigned rules, struct writer *image)
{
    struct writer yaml;
    struct rule_builder *builder;
    struct rule_program *program;
    struct diagnostics diagnostics;
    struct err_ctx err = {0};
    writer_init(&yaml, 8 << 20);
    writer_text(&yaml, "- macro: spawned\n  condition: evt.type in (execve, execveat)\n"
                       "- macro: open_write\n  condition: evt.type in (open, openat, openat2) and "
                       "evt.is_open_write = true\n- list: shells\n  items: [bash, sh, zsh]\n");
    for (unsigned number = 0; number < rules; number++)
        rule_write(&yaml, number);
    struct falco_input input = {SPAN("bench.yaml"), writer_span(&yaml)};
    diagnostics_init(&diagnostics, 10);
    if (rule_builder_open(&schema, &builder, &err) != OK ||
        !falco_load(&input, 1, &schema, builder, &diagnostics) ||
        rule_image_write(builder, image, &err) != OK ||
        rule_program_open(writer_span(image), &schema, &program, &err) != OK) {
        fprintf(stderr, "bench: %s\n", err.text);
        exit(1);
    }
    rule_builder_close(builder);
    diagnostics_free(&diagnostics);
    writer_free(&yaml);
    return program;
}

static void records_make(struct record *records)
{
    for (unsigned index = 0; index < EVENTS; index++) {
        struct record *record = &records[index];
        record->is_open = index % 2;
        snprintf(record->name, sizeof record->name, "prog%u", index % 97);
        snprintf(record->pname, sizeof record->pname, "parent%u", index % 31);
        snprintf(record->cmdline, sizeof record->cmdline, "prog%u --input /data/%u --level %u",
                 index % 97, index, index % 7);
        snprintf(record->path, sizeof record->path, "/var/lib/app%u/data/file%u.db", index % 13,
                 index);
        if (index % 1000 == 0)
            snprintf(record->name, sizeof record->name, "tool%u", index % 20 / 5 * 5);
    }
}

static void measure(unsigned rules, unsigned rounds, const struct record *records)
{
    struct writer image;
    struct err_ctx err = {0};
    struct event event;
    struct rule_program_stats stats;
    writer_init(&image, 64 << 20);
    uint64_t start_ns = clock_read(CLOCK_MONOTONIC);
    struct rule_program *program = load(rules, &image);
    uint64_t loaded_ns = clock_read(CLOCK_MONOTONIC) - start_ns;
    const struct record *record = records;
    if (event_open(&event, rule_program_projection(program), fetch, &record, &err) != OK)
        exit(1);
    uint64_t best_ns = UINT64_MAX;
    size_t matches = 0;
    for (unsigned round = 0; round < rounds; round++) {
        matches = 0;
        start_ns = clock_read(CLOCK_MONOTONIC);
        for (unsigned index = 0; index < EVENTS; index++) {
            uint32_t found[16];
            uint32_t undecided;
            record = &records[index];
            event_begin(&event);
            matches += rule_program_match(program, &event, found, 16, &undecided);
        }
        uint64_t taken_ns = clock_read(CLOCK_MONOTONIC) - start_ns;
        best_ns = taken_ns < best_ns ? taken_ns : best_ns;
    }
    rule_program_stats(program, &stats);
    printf("%6u rules  load %7.1f ms  image %8zu bytes  %6.0f ns/event  %zu matches  %zu without "
           "access\n",
           rules, (double)loaded_ns / 1e6, image.len, (double)best_ns / EVENTS, matches,
           stats.rules_without_access);
    event_close(&event);
    rule_program_close(program);
    writer_free(&image);
}

int main(int argc, char **argv)
{
    static const unsigned sizes[] = {25, 100, 1000, 10000};
    struct record *records = calloc(EVENTS, sizeof *records);
    if (!records)
        return 1;
    records_make(records);
    if (argc == 3) {
        unsigned rounds = (unsigned)strtoul(argv[2], NULL, 10);
        measure((unsigned)strtoul(argv[1], NULL, 10), rounds, records);
        printf("events: %u\n", rounds * EVENTS);
    } else {
        for (size_t index = 0; index < sizeof sizes / sizeof sizes[0]; index++)
            measure(sizes[index], ROUNDS, records);
    }
    free(records);
    return 0;
}
