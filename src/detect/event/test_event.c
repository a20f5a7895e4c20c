#include "core/test.h"
#include "event/event.h"

static const struct field_desc fields[] = {
    {"proc.name", FIELD_TEXT, ARGUMENT_NONE, false, false, "name", 0},
    {"proc.aname", FIELD_TEXT, ARGUMENT_INDEX_OPTIONAL, true, false, "ancestors", 1},
    {"evt.arg", FIELD_TEXT, ARGUMENT_KEY, false, false, "argument", 2},
};
static const struct schema schema = {.source = "syscall", .fields = fields, .field_count = 3};

static void names_resolve_with_their_arguments(void **state)
{
    (void)state;
    struct field_ref ref;
    const char *hint;
    assert_int_equal(schema_resolve(&schema, SPAN("proc.aname[2]"), &ref, &hint), FIELD_FOUND);
    assert_int_equal(ref.index, 2);
    assert_int_equal(schema_resolve(&schema, SPAN("proc.aname"), &ref, &hint), FIELD_FOUND);
    assert_null(ref.argument.data);
    assert_int_equal(schema_resolve(&schema, SPAN("evt.arg.flags"), &ref, &hint), FIELD_FOUND);
    assert_true(span_eq(ref.argument, SPAN("flags")));
    assert_int_equal(schema_resolve(&schema, SPAN("evt.arg[1]"), &ref, &hint), FIELD_FOUND);
    assert_int_equal(ref.index, 1);
}

static void wrong_names_are_told_apart_with_a_hint(void **state)
{
    (void)state;
    struct field_ref ref;
    const char *hint;
    assert_int_equal(schema_resolve(&schema, SPAN("proc.nmae"), &ref, &hint), FIELD_UNKNOWN);
    assert_string_equal(hint, "proc.name");
    assert_int_equal(schema_resolve(&schema, SPAN("nothing.like.it"), &ref, &hint), FIELD_UNKNOWN);
    assert_null(hint);
    assert_int_equal(schema_resolve(&schema, SPAN("evt.arg"), &ref, &hint), FIELD_NEEDS_ARGUMENT);
    assert_int_equal(schema_resolve(&schema, SPAN("proc.name[1]"), &ref, &hint),
                     FIELD_BAD_ARGUMENT);
    assert_int_equal(schema_resolve(&schema, SPAN("proc.aname[x]"), &ref, &hint),
                     FIELD_BAD_ARGUMENT);
}

static void count_fetch(void *decoder, const struct field_ref *ref, struct arena *arena,
                        struct value *ret)
{
    (void)ref;
    (void)arena;
    *ret = (struct value){.kind = VALUE_INT, .integer = ++*(int *)decoder};
}

static void a_field_is_fetched_once_per_event(void **state)
{
    (void)state;
    struct field_ref ref = {.field = &fields[0], .index = -1};
    struct projection projection = {.schema = &schema, .refs = &ref, .count = 1};
    struct event event;
    struct err_ctx err = {0};
    int calls = 0;
    assert_int_equal(event_open(&event, &projection, count_fetch, &calls, &err), OK);
    assert_int_equal(event_get(&event, 0)->integer, 1);
    assert_int_equal(event_get(&event, 0)->integer, 1);
    event_begin(&event);
    assert_int_equal(event_get(&event, 0)->integer, 2);
    event.generation = UINT32_MAX;
    event_begin(&event);
    assert_int_equal(event_get(&event, 0)->integer, 3);
    event_close(&event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_resolve_with_their_arguments),
        cmocka_unit_test(wrong_names_are_told_apart_with_a_hint),
        cmocka_unit_test(a_field_is_fetched_once_per_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
