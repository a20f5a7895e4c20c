#include <arpa/inet.h>
#include <jansson.h>

#include "core/test.h"
#include "signal/signal.h"

static const span tag_table[] = {SPAN("host"), SPAN("T1059")};

static const struct rule_info shell_rule = {
    .name = SPAN("Shell \"in\" container"),
    .desc = SPAN("A shell was started.\nLook at it."),
    .source = SPAN("syscall"),
    .priority_name = SPAN("Critical"),
    .priority = PRIORITY_CRITICAL,
    .tags = tag_table,
    .tag_count = 2,
};

static const struct signal_process process_table[] = {
    {.pid = 42,
     .start_boot_ns = 7,
     .name = SPAN("sh"),
     .exe = SPAN("/bin/sh"),
     .argv = SPAN("sh\0-c\0mysql --password=hunter2\0--token\0hunter2\0"),
     .user = SPAN("www-data")},
    {.pid = 1, .name = SPAN("init\x1b[31m\n\xe2\x80\xae\xff")},
};

static struct signal_context context_make(void)
{
    return (struct signal_context){
        .time_wall_ns = 1700000000123456789u,
        .event_number = 17,
        .event_identity = SPAN("boot/3/99"),
        .hostname = SPAN("web-1"),
        .processes = process_table,
        .process_count = 2,
        .container_id = SPAN("3f2a91bc00aa"),
        .container_name = SPAN("shop"),
        .container_image = SPAN("nginx:1.25"),
        .response = SPAN("Stop the container."),
        .is_name_unverified = true,
        .is_path_cut = true,
        .is_env_cut = true,
        .has_evidence = true,
        .evidence_offset = 5,
    };
}

static json_t *write_and_parse(const struct signal_match *match,
                               const struct signal_context *context)
{
    struct writer out;
    struct err_ctx err = {0};
    writer_init(&out, SIGNAL_BYTES_MAX);
    if (signal_write(match, context, &out, &err) != OK)
        fail_msg("%s", err.text);
    assert_null(memchr(out.data, '\n', out.len)); /* one line */
    json_error_t failure;
    json_t *json = json_loadb((const char *)out.data, out.len,
                              JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &failure);
    if (!json)
        fail_msg("%s in %.*s", failure.text, (int)out.len, (const char *)out.data);
    writer_free(&out);
    return json;
}

static const char *text_of(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

static void has_every_key_of_falco_and_ours(void **state)
{
    (void)state;
    struct signal_match match = {.rule = &shell_rule, .output = SPAN("a \"quoted\" \xff text")};
    struct signal_context context = context_make();
    json_t *json = write_and_parse(&match, &context);
    assert_string_equal(text_of(json, "hostname"), "web-1");
    assert_string_equal(text_of(json, "output"), "a \"quoted\" \\xff text");
    assert_string_equal(text_of(json, "priority"), "Critical");
    assert_string_equal(text_of(json, "rule"), "Shell \"in\" container");
    assert_string_equal(text_of(json, "source"), "syscall");
    assert_string_equal(text_of(json, "time"), "2023-11-14T22:13:20.123456789Z");
    assert_int_equal(json_array_size(json_object_get(json, "tags")), 2);
    assert_int_equal(json_object_size(json_object_get(json, "output_fields")), 0);
    assert_true(json_is_null(json_object_get(json, "rule_id")));
    assert_int_equal(json_integer_value(json_object_get(json, "event")), 17);
    assert_int_equal(json_string_length(json_object_get(json, "id")), SIGNAL_ID_BYTES);
    assert_string_equal(text_of(json, "entity"), "container:3f2a91bc00aa");
    assert_int_equal(json_array_size(json_object_get(json, "entities")), 3);
    assert_string_equal(text_of(json_object_get(json, "container"), "image"), "nginx:1.25");
    assert_int_equal(json_integer_value(json_object_get(json, "evidence")), 5);
    assert_true(json_is_true(json_object_get(json, "name_unverified")));
    assert_int_equal(json_array_size(json_object_get(json, "cut")), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(json, "cut"), 1)), "env");
    const json_t *process = json_array_get(json_object_get(json, "process"), 0);
    assert_string_equal(text_of(process, "cmdline"), "sh -c mysql --password=**** --token ****");
    json_decref(json);
}

static void the_events_source_goes_before_the_rules(void **state)
{
    (void)state;
    struct signal_match match = {.rule = &shell_rule};
    struct signal_context context = context_make();
    context.source = SPAN("zipkin");
    json_t *json = write_and_parse(&match, &context);
    assert_string_equal(text_of(json, "source"), "zipkin");
    json_decref(json);
}

static void a_shadow_rules_signal_says_so(void **state)
{
    (void)state;
    struct rule_info shadow_rule = shell_rule;
    struct signal_context context = context_make();
    struct signal_match match = {.rule = &shadow_rule, .output = SPAN("x")};
    struct writer out;
    struct err_ctx err;
    writer_init(&out, SIGNAL_BYTES_MAX);
    assert_int_equal(signal_write(&match, &context, &out, &err), OK);
    assert_false(signal_is_shadow(writer_span(&out)));
    shadow_rule.stage = STAGE_SHADOW;
    writer_reset(&out);
    assert_int_equal(signal_write(&match, &context, &out, &err), OK);
    assert_true(signal_is_shadow(writer_span(&out)));
    writer_free(&out);
    json_t *json = write_and_parse(&match, &context);
    assert_string_equal(text_of(json, "stage"), "shadow");
    json_decref(json);
}

static void the_id_depends_on_rule_and_event_alone(void **state)
{
    (void)state;
    char one[SIGNAL_ID_BYTES + 1], two[SIGNAL_ID_BYTES + 1];
    struct rule_info other = shell_rule;
    signal_id(&shell_rule, SPAN("event 1"), one);
    other.priority_name = SPAN("Error");
    signal_id(&other, SPAN("event 1"), two);
    assert_string_equal(one, two);
    signal_id(&shell_rule, SPAN("event 2"), two);
    assert_string_not_equal(one, two);
    other.name = SPAN("other");
    signal_id(&other, SPAN("event 1"), two);
    assert_string_not_equal(one, two);
    other.name = SPAN("ab");
    signal_id(&other, SPAN("c"), one);
    other.name = SPAN("a");
    signal_id(&other, SPAN("bc"), two);
    assert_string_not_equal(one, two);
    /* It is stored for ever: the value itself must not change. */
    other = (struct rule_info){.name = SPAN("rule")};
    signal_id(&other, SPAN("event"), one);
    assert_string_equal(one, "fcc8b54827123b8e569860f21cbdd003");
}

static const span hostile_name = SPAN("/tmp/\xc3\xa9\n\"\\\0x\x7f");

static void fields_keep_their_types_and_texts_exactly(void **state)
{
    (void)state;
    static const struct value items[] = {
        {.kind = VALUE_TEXT, .text = SPAN("a")},
        {.kind = VALUE_INT, .integer = -3},
    };
    struct signal_field fields[] = {
        {SPAN("proc.env[LD_PRELOAD]"), {.kind = VALUE_ABSENT}},
        {SPAN("fd.name"), {.kind = VALUE_TEXT, .text = hostile_name}},
        {SPAN("proc.pid"), {.kind = VALUE_INT, .integer = INT64_MIN}},
        {SPAN("evt.time"), {.kind = VALUE_UINT, .uinteger = INT64_MAX}},
        {SPAN("evt.failed"), {.kind = VALUE_BOOL, .truth = true}},
        {SPAN("ratio"), {.kind = VALUE_REAL, .real = 0.1}},
        {SPAN("fd.sip"), {.kind = VALUE_ADDRESS}},
        {SPAN("evt.buffer"), {.kind = VALUE_BYTES, .text = SPAN("\x80\xfe")}},
        {SPAN("list"), {.kind = VALUE_LIST, .list = {items, 2}}},
    };
    fields[6].value.address.family = AF_INET;
    memcpy(fields[6].value.address.bytes, "\x0a\x00\x00\x01", 4);
    struct signal_match match = {.rule = &shell_rule, .fields = fields, .field_count = 9};
    struct signal_context context = {.hostname = SPAN("h")};
    json_t *json = write_and_parse(&match, &context);
    const json_t *object = json_object_get(json, "output_fields");
    assert_int_equal(json_object_size(object), 9);
    assert_true(json_is_null(json_object_get(object, "proc.env[LD_PRELOAD]")));
    const json_t *name = json_object_get(object, "fd.name");
    assert_true(
        span_eq(span_of(json_string_value(name), json_string_length(name)), fields[1].value.text));
    assert_true(json_integer_value(json_object_get(object, "proc.pid")) == INT64_MIN);
    assert_true(json_integer_value(json_object_get(object, "evt.time")) == INT64_MAX);
    assert_true(json_is_true(json_object_get(object, "evt.failed")));
    assert_true(json_real_value(json_object_get(object, "ratio")) == 0.1);
    assert_string_equal(text_of(object, "fd.sip"), "10.0.0.1");
    assert_string_equal(text_of(object, "evt.buffer"), "\\x80\\xfe");
    assert_int_equal(json_array_size(json_object_get(object, "list")), 2);
    assert_true(json_is_null(json_object_get(json, "container")));
    assert_string_equal(text_of(json, "entity"), "host:h");
    json_decref(json);
}

static void over_the_ceiling_is_an_error(void **state)
{
    (void)state;
    struct signal_match match = {.rule = &shell_rule};
    struct signal_context context = context_make();
    struct err_ctx err;
    struct writer whole;
    writer_init(&whole, SIGNAL_BYTES_MAX);
    assert_int_equal(signal_write(&match, &context, &whole, &err), OK);
    for (size_t size = 0; size < whole.len; size += 7) {
        struct writer out;
        writer_init(&out, size);
        assert_int_equal(signal_write(&match, &context, &out, &err), ERR_LIMIT);
        writer_free(&out);
    }
    writer_free(&whole);
}

/* ---- text ---- */

static const char block_expected[] =
    "22:13:20.123  CRITICAL  Shell \"in\" container: evil\\e[2J\\nnext\n"
    "    where    container shop (3f2a91bc00aa) image nginx:1.25, host web-1\n"
    "    who      www-data\n"
    "    process  sh[42] sh -c mysql --password=**** --token ****\n"
    "             < init\\e[31m\\n\\u{202e}\\xff[1]\n"
    "    why      A shell was started.\n"
    "             Look at it.\n"
    "    do       Stop the container.\n"
    "    note     a name in this event rests on the program's own memory\n"
    "    note     path was longer: cut\n"
    "    note     env was longer: cut\n"
    "    note     3 events were lost before this one\n";

static void the_block_tells_all_and_escapes_it(void **state)
{
    (void)state;
    struct signal_match match = {.rule = &shell_rule, .output = SPAN("evil\x1b[2J\nnext")};
    struct signal_context context = context_make();
    context.dropped_before = 3;
    struct writer json, out;
    struct err_ctx err;
    writer_init(&json, SIGNAL_BYTES_MAX);
    writer_init(&out, SIGNAL_BYTES_MAX);
    assert_int_equal(signal_write(&match, &context, &json, &err), OK);
    assert_int_equal(signal_render_text(writer_span(&json), false, &out, &err), OK);
    writer_byte(&out, 0);
    assert_string_equal((const char *)out.data, block_expected);
    writer_reset(&out);
    assert_int_equal(signal_render_text(writer_span(&json), true, &out, &err), OK);
    assert_true(span_contains(writer_span(&out), SPAN("\x1b[1;31mCRITICAL\x1b[0m")));
    for (size_t len = 0; len < json.len; len++) {
        writer_reset(&out);
        assert_int_equal(signal_render_text(span_first(writer_span(&json), len), false, &out, &err),
                         ERR_INPUT);
        assert_int_equal(out.len, 0);
    }
    writer_free(&json);
    writer_free(&out);
}

static void hostile_json_is_refused_or_left_out(void **state)
{
    (void)state;
    static const char *const refused[] = {"",     "[]", "1",   "\"x\"",
                                          "null", "{",  "{}x", "{\"a\":1,\"a\":2}"};
    static const char *const taken[] = {
        "{}",
        "{\"time\":5,\"priority\":[],\"rule\":{},\"output\":null,\"hostname\":1}",
        "{\"process\":{\"0\":1},\"container\":[1],\"desc\":[\"x\"]}",
        "{\"process\":[1,null,[],{}],\"container\":\"x\",\"tags\":7}",
        "{\"time\":\"T\",\"dropped_before\":-1,\"rule\":\"\\u0000\\u001b\"}",
    };
    struct writer out;
    struct err_ctx err;
    writer_init(&out, SIGNAL_BYTES_MAX);
    for (size_t index = 0; index < sizeof refused / sizeof *refused; index++)
        assert_int_equal(signal_render_text(span_str(refused[index]), false, &out, &err),
                         ERR_INPUT);
    for (size_t index = 0; index < sizeof taken / sizeof *taken; index++) {
        writer_reset(&out);
        assert_int_equal(signal_render_text(span_str(taken[index]), false, &out, &err), OK);
        for (size_t at = 0; at < out.len; at++)
            assert_true(out.data[at] == '\n' || out.data[at] >= 0x20);
    }
    writer_free(&out);
}

static void what_the_event_says_it_is_about_goes_first(void **state)
{
    (void)state;
    struct signal_match match = {.rule = &shell_rule, .output = SPAN("text")};
    struct signal_context context = context_make();
    context.entities[0] = SPAN("user:\"ann\"");
    context.entities[1] = SPAN("host:ws1");
    context.entity_count = 2;
    json_t *json = write_and_parse(&match, &context);
    assert_string_equal(text_of(json, "entity"), "user:\"ann\"");
    const json_t *entities = json_object_get(json, "entities");
    assert_int_equal(json_array_size(entities), 2);
    assert_string_equal(json_string_value(json_array_get(entities, 1)), "host:ws1");
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_every_key_of_falco_and_ours),
        cmocka_unit_test(what_the_event_says_it_is_about_goes_first),
        cmocka_unit_test(the_events_source_goes_before_the_rules),
        cmocka_unit_test(a_shadow_rules_signal_says_so),
        cmocka_unit_test(the_id_depends_on_rule_and_event_alone),
        cmocka_unit_test(fields_keep_their_types_and_texts_exactly),
        cmocka_unit_test(over_the_ceiling_is_an_error),
        cmocka_unit_test(the_block_tells_all_and_escapes_it),
        cmocka_unit_test(hostile_json_is_refused_or_left_out),
    };
    return cmocka_run_group_tests_name("signal", tests, NULL, NULL);
}
