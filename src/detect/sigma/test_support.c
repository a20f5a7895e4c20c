#include "sigma/test_support.h"

#include <jansson.h>
#include <stdlib.h>

static const struct field_desc any_field = {"*", FIELD_ANY, ARGUMENT_KEY_OPTIONAL, true, false,
                                            "",  0};

const struct schema test_sigma_schema = {
    .source = "test",
    .fields = &any_field,
    .field_count = 0,
    .route = "",
    .open = &any_field,
};

/* ---- events ---- */

#define LEAVES_MAX 64

static struct value value_of(const json_t *json, struct arena *arena)
{
    struct value value = {.kind = VALUE_ABSENT};
    if (json_is_string(json)) {
        span text = span_of(json_string_value(json), json_string_length(json));
        value = (struct value){.kind = VALUE_TEXT, .text = text};
    } else if (json_is_integer(json)) {
        value = (struct value){.kind = VALUE_INT, .integer = json_integer_value(json)};
    } else if (json_is_real(json)) {
        value = (struct value){.kind = VALUE_REAL, .real = json_real_value(json)};
    } else if (json_is_boolean(json)) {
        value = (struct value){.kind = VALUE_BOOL, .truth = json_is_true(json)};
    } else if (json_is_null(json)) {
        value = (struct value){.kind = VALUE_NULL};
    } else if (json_is_array(json)) {
        value = (struct value){.kind = VALUE_LIST, .any = true};
        size_t count = json_array_size(json);
        struct value *items = arena_alloc(arena, (count + 1) * sizeof *items);
        for (size_t index = 0; items && index < count; index++)
            items[value.list.count++] = value_of(json_array_get(json, index), arena);
        value.list.items = items;
    }
    return value;
}

static void leaves_add(const json_t *json, struct arena *arena, struct value *items, size_t *count)
{
    json_t *object = (json_t *)json;
    if (json_is_object(json)) {
        for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at))
            leaves_add(json_object_iter_value(at), arena, items, count);
    } else if (json_is_array(json)) {
        for (size_t index = 0; index < json_array_size(json); index++)
            leaves_add(json_array_get(json, index), arena, items, count);
    } else if (*count < LEAVES_MAX) {
        items[(*count)++] = value_of(json, arena);
    }
}

static void test_fetch(void *decoder, const struct field_ref *ref, struct arena *arena,
                       struct value *ret)
{
    const json_t *json = decoder;
    if (ref->argument.len) {
        *ret = value_of(json_object_getn(json, (const char *)ref->argument.data, ref->argument.len),
                        arena);
        return;
    }
    struct value *items = arena_alloc(arena, LEAVES_MAX * sizeof *items);
    *ret = (struct value){.kind = VALUE_LIST, .any = true};
    ret->list.items = items;
    if (items)
        leaves_add(json, arena, items, &ret->list.count);
}

/* ---- rules ---- */

#define FILES_MAX 8

struct rule_program *test_sigma_load(const char *const *files, size_t count,
                                     const char *const *pipelines, size_t pipeline_count,
                                     struct writer *out, struct writer *warnings)
{
    struct sigma_input inputs[FILES_MAX];
    struct sigma_input mappings[FILES_MAX];
    static const char names[] = "f0.ymlf1.ymlf2.ymlf3.ymlf4.ymlf5.ymlf6.ymlf7.yml";
    struct rule_builder *builder;
    struct rule_program *program = NULL;
    struct diagnostics diagnostics;
    struct sigma_counts counts;
    struct err_ctx err = {0};
    assert_in_range(count, 1, FILES_MAX);
    for (size_t index = 0; index < count; index++)
        inputs[index] = (struct sigma_input){.name = span_of(names + index * 6, 6),
                                             .bytes = span_str(files[index])};
    for (size_t index = 0; index < pipeline_count; index++)
        mappings[index] =
            (struct sigma_input){.name = SPAN("p.yml"), .bytes = span_str(pipelines[index])};
    diagnostics_init(&diagnostics, 100);
    writer_reset(out);
    assert_int_equal(rule_builder_open(&test_sigma_schema, &builder, &err), OK);
    if (!sigma_load(inputs, count, mappings, pipeline_count, &test_sigma_schema, builder,
                    &diagnostics, &counts)) {
        diagnostics_write(&diagnostics, out);
    } else {
        assert_int_equal(rule_image_write(builder, out, &err), OK);
        if (rule_program_open(writer_span(out), &test_sigma_schema, &program, &err) != OK)
            fail_msg("%s", err.text);
        if (warnings)
            diagnostics_write(&diagnostics, warnings);
    }
    rule_builder_close(builder);
    diagnostics_free(&diagnostics);
    return program;
}

size_t test_sigma_match(struct rule_program *program, const char *json, struct writer *out)
{
    struct event event;
    struct err_ctx err = {0};
    uint32_t rules[64];
    uint32_t undecided;
    json_error_t where;
    json_t *root = json_loads(json, JSON_ALLOW_NUL, &where);
    if (!root)
        fail_msg("%s: %s", json, where.text);
    assert_int_equal(event_open(&event, rule_program_projection(program), test_fetch, root, &err),
                     OK);
    event_begin(&event);
    size_t count = rule_program_match(program, &event, rules, 64, &undecided);
    for (size_t index = 0; out && index < count && index < 64; index++) {
        writer_text(out, index ? "," : "");
        writer_put(out, rule_program_rule(program, rules[index])->name);
    }
    event_close(&event);
    json_decref(root);
    return count;
}

char *test_sigma_rule(const char *detection)
{
    struct writer out;
    writer_init(&out, 1 << 20);
    writer_text(&out, "title: t\nlogsource: {category: c}\ndetection:\n    ");
    for (; *detection; detection++) {
        writer_byte(&out, (uint8_t)*detection);
        if (*detection == '\n')
            writer_text(&out, "    ");
    }
    writer_text(&out, "\n");
    writer_byte(&out, 0);
    assert_false(out.is_full);
    return (char *)out.data;
}
