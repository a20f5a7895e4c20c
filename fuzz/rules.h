/* A schema and an event for the fuzz targets of rules. */
#pragma once

#include <stdlib.h>

#include "falco/falco.h"

/* clang-format off */
static const struct field_desc fuzz_fields[] = {
    {"evt.type", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"evt.num", FIELD_INT, ARGUMENT_NONE, false, false, "", 1},
    {"evt.failed", FIELD_BOOL, ARGUMENT_NONE, false, false, "", 2},
    {"evt.arg", FIELD_TEXT, ARGUMENT_KEY, false, false, "", 3},
    {"evt.any", FIELD_ANY, ARGUMENT_NONE, false, false, "", 4},
    {"proc.name", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 5},
    {"proc.aname", FIELD_TEXT, ARGUMENT_INDEX_OPTIONAL, true, false, "", 6},
    {"fd.name", FIELD_PATH, ARGUMENT_NONE, false, false, "", 7},
    {"fd.sip", FIELD_ADDRESS, ARGUMENT_NONE, false, false, "", 8},
    {"fd.snet", FIELD_NET, ARGUMENT_NONE, false, false, "", 8},
    {"evt.buffer", FIELD_BYTES, ARGUMENT_NONE, false, false, "", 9},
};
/* clang-format on */

static const struct schema fuzz_schema = {
    .source = "syscall",
    .fields = fuzz_fields,
    .field_count = sizeof fuzz_fields / sizeof fuzz_fields[0],
    .route = "evt.type",
};

static void fuzz_fetch(void *decoder, const struct field_ref *ref, struct arena *arena,
                       struct value *ret)
{
#define FUZZ_TEXT(literal)                                                                         \
    {                                                                                              \
        .data = (const uint8_t *)(literal), .len = sizeof(literal) - 1                             \
    }
    /* clang-format off */
    static const struct value names[] = {
        {.kind = VALUE_TEXT, .text = FUZZ_TEXT("bash")},
        {.kind = VALUE_TEXT, .text = FUZZ_TEXT("sshd")},
    };
    static const struct value values[] = {
        {.kind = VALUE_TEXT, .text = FUZZ_TEXT("execve")},
        {.kind = VALUE_INT, .integer = -1},
        {.kind = VALUE_BOOL, .truth = true},
        {.kind = VALUE_ABSENT},
        {.kind = VALUE_UINT, .uinteger = UINT64_MAX},
        {.kind = VALUE_TEXT, .text = FUZZ_TEXT("aGVsbG8=")},
        {.kind = VALUE_LIST, .any = true, .list = {names, 2}},
        {.kind = VALUE_TEXT, .text = FUZZ_TEXT("/etc//a b\xff/passwd")},
        {.kind = VALUE_ADDRESS, .address = {.bytes = {10, 0, 0, 1}, .family = AF_INET}},
        {.kind = VALUE_BYTES, .text = FUZZ_TEXT("\0\x7f" "ELF")},
    };
    /* clang-format on */
    (void)decoder;
    (void)arena;
    *ret = values[ref->field->code];
}

static void fuzz_need(void *context, uint32_t rule, const struct rule_need_clause *clauses,
                      size_t count)
{
    (void)rule;
    for (size_t index = 0; index < count; index++)
        *(size_t *)context += clauses[index].any_of[0].count;
}

/* Everything that can be done with an image. */
static void fuzz_image(span image)
{
    static const span needed[] = {{(const uint8_t *)"fd.name", 7}, {(const uint8_t *)"evt.num", 7}};
    size_t needs = 0;
    struct rule_program *program;
    struct err_ctx err = {0};
    struct event event;
    struct writer out;
    uint32_t rules[8];
    uint32_t undecided;
    if (rule_program_open(image, &fuzz_schema, &program, &err) != OK)
        return;
    if (event_open(&event, rule_program_projection(program), fuzz_fetch, NULL, &err) != OK)
        abort();
    writer_init(&out, 1 << 16);
    event_begin(&event);
    size_t count = rule_program_match(program, &event, rules, 8, &undecided);
    if (count > rule_program_count(program))
        abort();
    for (uint32_t rule = 0; rule < rule_program_count(program) && rule < 16; rule++) {
        writer_reset(&out);
        rule_program_output(program, rule, &event, &out);
        rule_explain(program, rule, &out);
        rule_explain_event(program, rule, &event, &out);
    }
    if (rule_program_needs(program, SPAN("execve"), needed, 2, fuzz_need, &needs, &err) != OK)
        abort();
    event_close(&event);
    writer_free(&out);
    rule_program_close(program);
}

static inline void fuzz_rules(span yaml)
{
    struct falco_input input = {SPAN("fuzz.yaml"), yaml};
    struct rule_builder *builder;
    struct diagnostics diagnostics;
    struct err_ctx err = {0};
    struct writer out;
    if (rule_builder_open(&fuzz_schema, &builder, &err) != OK)
        abort();
    diagnostics_init(&diagnostics, 50);
    writer_init(&out, 1 << 22);
    if (falco_load(&input, 1, &fuzz_schema, builder, &diagnostics)) {
        if (rule_image_write(builder, &out, &err) == OK)
            fuzz_image(writer_span(&out));
    } else {
        diagnostics_write(&diagnostics, &out);
    }
    writer_free(&out);
    diagnostics_free(&diagnostics);
    rule_builder_close(builder);
}
