/* A schema without a fixed set of fields, and an event of it, for the fuzz targets of Sigma. */
#pragma once

#include <stdlib.h>

#include "sigma/sigma.h"

static const struct field_desc fuzz_any_field = {
    .name = "*", .type = FIELD_ANY, .argument = ARGUMENT_KEY_OPTIONAL};

static const struct schema fuzz_open_schema = {
    .source = "fuzz", .fields = &fuzz_any_field, .route = "", .open = &fuzz_any_field};

/* The kind of a field's value hangs on its name. */
static void fuzz_open_fetch(void *decoder, const struct field_ref *ref, struct arena *arena,
                            struct value *ret)
{
    static const struct value items[] = {
        {.kind = VALUE_TEXT, .text = {(const uint8_t *)"a\xff", 2}},
        {.kind = VALUE_INT, .integer = 5},
        {.kind = VALUE_NULL},
    };
    static const struct value values[] = {
        {.kind = VALUE_TEXT, .text = {(const uint8_t *)"/bin/sh -c x\n", 13}},
        {.kind = VALUE_INT, .integer = 4625},
        {.kind = VALUE_REAL, .real = 1.5},
        {.kind = VALUE_BOOL, .truth = true},
        {.kind = VALUE_NULL},
        {.kind = VALUE_ABSENT},
        {.kind = VALUE_TEXT, .text = {(const uint8_t *)"2024-02-03T04:30:06Z", 20}},
        {.kind = VALUE_TEXT, .text = {(const uint8_t *)"10.0.0.1", 8}},
        {.kind = VALUE_LIST, .any = true, .list = {items, 3}},
    };
    (void)decoder;
    (void)arena;
    size_t sum = 0;
    for (size_t index = 0; index < ref->argument.len; index++)
        sum += ref->argument.data[index];
    *ret = ref->argument.len ? values[sum % 9] : values[8];
}

static void fuzz_open_image(span image)
{
    struct rule_program *program;
    struct err_ctx err = {0};
    struct event event;
    struct writer out;
    uint32_t rules[8];
    uint32_t undecided;
    if (rule_program_open(image, &fuzz_open_schema, &program, &err) != OK)
        abort(); /* what was built can be opened */
    if (event_open(&event, rule_program_projection(program), fuzz_open_fetch, NULL, &err) != OK)
        abort();
    writer_init(&out, 1 << 16);
    event_begin(&event);
    if (rule_program_match(program, &event, rules, 8, &undecided) > rule_program_count(program))
        abort();
    for (uint32_t rule = 0; rule < rule_program_count(program) && rule < 16; rule++) {
        writer_reset(&out);
        rule_program_output(program, rule, &event, &out);
        rule_explain(program, rule, &out);
    }
    event_close(&event);
    writer_free(&out);
    rule_program_close(program);
}

static inline void fuzz_sigma(span yaml, span pipeline)
{
    struct sigma_input input = {.name = SPAN("fuzz.yml"), .bytes = yaml};
    struct sigma_input mapping = {.name = SPAN("pipeline.yml"), .bytes = pipeline};
    struct rule_builder *builder;
    struct diagnostics diagnostics;
    struct sigma_counts counts;
    struct err_ctx err = {0};
    struct writer out;
    if (rule_builder_open(&fuzz_open_schema, &builder, &err) != OK)
        abort();
    diagnostics_init(&diagnostics, 50);
    writer_init(&out, 1 << 22);
    if (sigma_load(&input, 1, &mapping, pipeline.len > 0, &fuzz_open_schema, builder, &diagnostics,
                   &counts)) {
        if (rule_image_write(builder, &out, &err) == OK)
            fuzz_open_image(writer_span(&out));
    } else {
        diagnostics_write(&diagnostics, &out);
    }
    writer_free(&out);
    diagnostics_free(&diagnostics);
    rule_builder_close(builder);
}
