#include <jansson.h>

#include "core/test.h"
#include "signal/signal.h"

enum { EVT_TYPE, CMDLINE, ENV, FD_NAME, PID, BUFFER, FIELD_COUNT };

static const struct field_desc field_table[] = {
    {"evt.buffer", FIELD_BYTES, ARGUMENT_NONE, false, false, "", BUFFER},
    {"evt.type", FIELD_TEXT, ARGUMENT_NONE, false, false, "", EVT_TYPE},
    {"fd.name", FIELD_PATH, ARGUMENT_NONE, false, false, "", FD_NAME},
    {"proc.cmdline", FIELD_TEXT, ARGUMENT_NONE, false, true, "", CMDLINE},
    {"proc.env", FIELD_TEXT, ARGUMENT_KEY_OPTIONAL, true, true, "", ENV},
    {"proc.pid", FIELD_INT, ARGUMENT_NONE, false, false, "", PID},
};

static const struct schema schema = {
    .source = "syscall", .fields = field_table, .field_count = 6, .route = "evt.type"};

static const struct value env_table[] = {
    {.kind = VALUE_TEXT, .text = SPAN("PATH=/bin")},
    {.kind = VALUE_TEXT, .text = SPAN("DB_PASSWORD=hun ter2")},
    {.kind = VALUE_TEXT, .text = SPAN("--token")},
    {.kind = VALUE_TEXT, .text = SPAN("hunter2")},
};

static void fetch(void *decoder, const struct field_ref *ref, struct arena *arena,
                  struct value *ret)
{
    static const span text_table[FIELD_COUNT] = {
        [EVT_TYPE] = SPAN("execve"),
        [CMDLINE] = SPAN("mysql --password hunter2 -h db"),
        [FD_NAME] = SPAN("/srv/token=hunter2"),
        [BUFFER] = SPAN("Authorization: Bearer hunter2\r\n"),
    };
    (void)decoder;
    (void)arena;
    if (ref->field->code == PID) {
        *ret = (struct value){.kind = VALUE_INT, .integer = 42};
    } else if (ref->field->code != ENV) {
        *ret = (struct value){.kind = VALUE_TEXT, .text = text_table[ref->field->code]};
    } else if (!ref->argument.data) {
        *ret = (struct value){.kind = VALUE_LIST, .list = {env_table, 4}};
    } else if (!span_eq(ref->argument, SPAN("LD_PRELOAD"))) {
        *ret = (struct value){.kind = VALUE_TEXT, .text = SPAN("hunter2")};
    }
}

/* A rule that matches every event and prints these fields, each followed by a bar. */
static struct rule_program *program_build(const char *const *names, size_t count,
                                          struct writer *image)
{
    struct rule_builder *builder;
    struct rule_program *program = NULL;
    struct err_ctx err;
    struct rule_output_part parts[16];
    assert_int_equal(rule_builder_open(&schema, &builder, &err), OK);
    for (size_t index = 0; index < count; index++) {
        struct field_ref ref;
        const char *hint;
        span name = span_str(names[index]);
        assert_int_equal(schema_resolve(&schema, name, &ref, &hint), FIELD_FOUND);
        parts[2 * index] =
            (struct rule_output_part){.text = name, .expression = rule_build_field(builder, &ref)};
        parts[2 * index + 1] =
            (struct rule_output_part){.text = SPAN("|"), .expression = RULE_NONE};
    }
    struct rule_definition definition = {
        .name = SPAN("any"),
        .source = SPAN("syscall"),
        .priority_name = SPAN("Warning"),
        .priority = PRIORITY_WARNING,
        .is_enabled = true,
        .root = rule_build_constant(builder, true),
        .parts = parts,
        .part_count = 2 * count,
    };
    rule_build_rule(builder, &definition);
    writer_init(image, 1 << 20);
    if (rule_image_write(builder, image, &err) != OK ||
        rule_program_open(writer_span(image), &schema, &program, &err) != OK)
        fail_msg("%s", err.text);
    rule_builder_close(builder);
    return program;
}

static void output_and_fields_are_masked_the_event_is_not(void **state)
{
    (void)state;
    static const char *const names[] = {"proc.cmdline",
                                        "proc.env[DB_PASSWORD]",
                                        "proc.env[LD_PRELOAD]",
                                        "fd.name",
                                        "proc.pid",
                                        "evt.buffer",
                                        "proc.env"};
    struct writer image, out;
    struct rule_program *program = program_build(names, 7, &image);
    struct signal_renderer *renderer;
    struct event event;
    struct err_ctx err;
    struct signal_context context = {.hostname = SPAN("h"), .event_identity = SPAN("1")};
    writer_init(&out, SIGNAL_BYTES_MAX);
    assert_int_equal(event_open(&event, rule_program_projection(program), fetch, NULL, &err), OK);
    assert_int_equal(signal_renderer_open(program, &renderer, &err), OK);
    for (int round = 0; round < 3; round++) {
        uint32_t rule, undecided;
        event_begin(&event);
        assert_int_equal(rule_program_match(program, &event, &rule, 1, &undecided), 1);
        writer_reset(&out);
        assert_int_equal(signal_render_json(renderer, rule, &event, &context, &out, &err), OK);
        assert_int_equal(rule_program_match(program, &event, &rule, 1, &undecided), 1);
    }
    json_error_t failure;
    json_t *json = json_loadb((const char *)out.data, out.len, 0, &failure);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "output")),
                        "mysql --password **** -h db|****|<NA>|/srv/token=hunter2|42|"
                        "Authorization: Bearer ****\r\n|"
                        "PATH=/bin,DB_PASSWORD=****,--token,****|");
    const json_t *fields = json_object_get(json, "output_fields");
    assert_int_equal(json_object_size(fields), 7);
    assert_string_equal(json_string_value(json_object_get(fields, "proc.cmdline")),
                        "mysql --password **** -h db");
    assert_string_equal(json_string_value(json_object_get(fields, "proc.env[DB_PASSWORD]")),
                        "****");
    assert_true(json_is_null(json_object_get(fields, "proc.env[LD_PRELOAD]")));
    assert_string_equal(json_string_value(json_object_get(fields, "fd.name")),
                        "/srv/token=hunter2");
    assert_int_equal(json_integer_value(json_object_get(fields, "proc.pid")), 42);
    assert_string_equal(json_string_value(json_array_get(json_object_get(fields, "proc.env"), 3)),
                        "****");
    json_decref(json);
    /* What rules match on stays as it was. */
    uint32_t slot = 0;
    while (rule_program_projection(program)->refs[slot].field->code != CMDLINE)
        slot++;
    assert_true(span_eq(event_get(&event, slot)->text, SPAN("mysql --password hunter2 -h db")));
    signal_renderer_close(renderer);
    event_close(&event);
    rule_program_close(program);
    writer_free(&image);
    writer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_and_fields_are_masked_the_event_is_not),
    };
    return cmocka_run_group_tests_name("render", tests, NULL, NULL);
}
