#include "core/test.h"
#include "flat/flat.h"

static const struct field_desc fields[] = {
    {"proc.name", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"proc.aname", FIELD_TEXT, ARGUMENT_INDEX_OPTIONAL, true, false, "", 0},
    {"evt.arg", FIELD_TEXT, ARGUMENT_KEY, false, false, "", 0},
    {"fd.snet", FIELD_NET, ARGUMENT_NONE, false, false, "", 0},
    {"evt.buffer", FIELD_BYTES, ARGUMENT_NONE, false, false, "", 0},
    {"proc.pid", FIELD_INT, ARGUMENT_NONE, false, false, "", 0},
    {"evt.failed", FIELD_BOOL, ARGUMENT_NONE, false, false, "", 0},
};
static const struct schema schema = {
    .source = "syscall", .fields = fields, .field_count = sizeof fields / sizeof *fields};

static struct flat_decoder *decoder;
static struct arena arena;

static int start(void **state)
{
    (void)state;
    struct err_ctx err;
    arena_init(&arena, 1 << 20);
    return flat_decoder_open(&decoder, &err);
}

static int end(void **state)
{
    (void)state;
    flat_decoder_close(decoder);
    arena_free(&arena);
    return 0;
}

static struct value fetch(const char *line, const char *name)
{
    struct err_ctx err;
    struct field_ref ref;
    const char *hint;
    struct value value = {.kind = VALUE_ABSENT};
    assert_int_equal(flat_decode(decoder, span_str(line), 1, &err), OK);
    assert_int_equal(schema_resolve(&schema, span_str(name), &ref, &hint), FIELD_FOUND);
    flat_fetch(decoder, &ref, &arena, &value);
    return value;
}

static void values_have_the_type_of_their_field(void **state)
{
    (void)state;
    struct value value = fetch("{\"proc.name\": \"sh\"}", "proc.name");
    assert_int_equal(value.kind, VALUE_TEXT);
    assert_true(span_eq(value.text, SPAN("sh")));
    value = fetch("{\"proc.pid\": 42}", "proc.pid");
    assert_int_equal(value.kind, VALUE_INT);
    assert_int_equal(value.integer, 42);
    value = fetch("{\"evt.failed\": true}", "evt.failed");
    assert_int_equal(value.kind, VALUE_BOOL);
    assert_true(value.truth);
    value = fetch("{\"evt.buffer\": \"caf\\u00e9\"}", "evt.buffer");
    assert_int_equal(value.kind, VALUE_BYTES);
    assert_int_equal(value.text.len, 5);
}

static void null_and_missing_are_absent(void **state)
{
    (void)state;
    assert_int_equal(fetch("{\"proc.name\": null}", "proc.name").kind, VALUE_ABSENT);
    assert_int_equal(fetch("{}", "proc.name").kind, VALUE_ABSENT);
    assert_int_equal(fetch("{\"proc.aname[2]\": \"x\"}", "proc.aname[1]").kind, VALUE_ABSENT);
}

static void addresses_are_text_and_mapped_ones_are_ipv4(void **state)
{
    (void)state;
    struct value value = fetch("{\"fd.snet\": \"10.1.2.3\"}", "fd.snet");
    assert_int_equal(value.kind, VALUE_ADDRESS);
    assert_int_equal(value.address.family, AF_INET);
    value = fetch("{\"fd.snet\": \"::ffff:10.1.2.3\"}", "fd.snet");
    assert_int_equal(value.address.family, AF_INET);
    assert_int_equal(value.address.bytes[0], 10);
    value = fetch("{\"fd.snet\": \"fe80::1\"}", "fd.snet");
    assert_int_equal(value.address.family, AF_INET6);
}

static void arguments_have_two_spellings(void **state)
{
    (void)state;
    struct value value = fetch("{\"evt.arg.flags\": \"O_RDONLY\"}", "evt.arg[flags]");
    assert_true(span_eq(value.text, SPAN("O_RDONLY")));
    value = fetch("{\"evt.arg[1]\": \"x\"}", "evt.arg[1]");
    assert_true(span_eq(value.text, SPAN("x")));
}

static void bare_ancestors_are_all_of_them(void **state)
{
    (void)state;
    struct value value =
        fetch("{\"proc.aname[1]\": \"sh\", \"proc.aname[2]\": \"sshd\"}", "proc.aname");
    assert_int_equal(value.kind, VALUE_LIST);
    assert_true(value.any);
    assert_int_equal(value.list.count, 2);
    value = fetch("{\"proc.aname\": [\"sh\", null, \"sshd\"]}", "proc.aname");
    assert_int_equal(value.list.count, 2);
    value =
        fetch("{\"proc.aname[3]\": \"sshd\", \"proc.aname[0]\": \"id\", \"proc.aname[x]\": \"no\"}",
              "proc.aname");
    assert_int_equal(value.list.count, 1);
    assert_true(span_eq(value.list.items[0].text, SPAN("sshd")));
    value = fetch("{\"proc.pname\": \"sh\", \"proc.aname[2]\": \"sshd\"}", "proc.aname");
    assert_int_equal(value.list.count, 2);
    assert_int_equal(fetch("{\"proc.aname[0]\": \"id\"}", "proc.aname").kind, VALUE_ABSENT);
}

static void time_is_text_or_nanoseconds(void **state)
{
    (void)state;
    fetch("{\"evt.time\": \"2024-03-18T15:15:10.823823828Z\"}", "proc.name");
    assert_int_equal(flat_time_ns(decoder), 1710774910823823828);
    fetch("{\"evt.time\": \"2024-03-18T16:15:10+01:00\"}", "proc.name");
    assert_int_equal(flat_time_ns(decoder), 1710774910000000000);
    fetch("{\"evt.time\": 1710774910823823828}", "proc.name");
    assert_int_equal(flat_time_ns(decoder), 1710774910823823828);
    fetch("{\"evt.time\": \"1710774910823823828\"}", "proc.name");
    assert_int_equal(flat_time_ns(decoder), 1710774910823823828);
    fetch("{\"evt.time\": \"-1\"}", "proc.name");
    assert_int_equal(flat_time_ns(decoder), 0);
    fetch("{\"evt.time\": \"yesterday\"}", "proc.name");
    assert_int_equal(flat_time_ns(decoder), 0);
}

static void what_is_no_object_is_refused_with_its_column(void **state)
{
    (void)state;
    struct err_ctx err;
    assert_int_equal(flat_decode(decoder, SPAN("{\"a\": }"), 1, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "column 7"));
    assert_int_equal(flat_decode(decoder, SPAN("[1]"), 1, &err), ERR_INPUT);
    assert_int_equal(flat_decode(decoder, SPAN("{} x"), 1, &err), ERR_INPUT);
    span line = SPAN("{\"proc.name\": \"\\ud83d\\ude00\", \"x\": [1, {\"y\": 2}]}");
    for (size_t len = 0; len < line.len; len++)
        assert_int_equal(flat_decode(decoder, span_first(line, len), 1, &err), ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_the_type_of_their_field),
        cmocka_unit_test(null_and_missing_are_absent),
        cmocka_unit_test(addresses_are_text_and_mapped_ones_are_ipv4),
        cmocka_unit_test(arguments_have_two_spellings),
        cmocka_unit_test(bare_ancestors_are_all_of_them),
        cmocka_unit_test(time_is_text_or_nanoseconds),
        cmocka_unit_test(what_is_no_object_is_refused_with_its_column),
    };
    return cmocka_run_group_tests(tests, start, end);
}
