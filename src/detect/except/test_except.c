#include <string.h>

#include "core/test.h"
#include "except/except.h"

static const struct except_rule falco_rule = {.name = SPAN("Read"), .language = EXCEPT_FALCO};

/* A signal of a program that read a file. */
static span made(struct writer *out, unsigned id, const char *program, const char *file,
                 const char *parent)
{
    writer_reset(out);
    writer_format(out,
                  "{\"rule\":\"Read\",\"id\":\"%032x\",\"time\":\"t\",\"output\":\"o\","
                  "\"output_fields\":{\"proc.pid\":%u,\"proc.name\":\"%s\",\"fd.name\":\"%s\","
                  "\"proc.pname\":\"%s\",\"user.name\":null}}",
                  id, id, program, file, parent);
    return writer_span(out);
}

struct fixture {
    struct writer line, out;
    struct except *except;
};

static void begin(struct fixture *fixture, const struct except_rule *rule, span signal)
{
    struct err_ctx err;
    writer_init(&fixture->out, 1 << 16);
    assert_int_equal(except_open(rule, signal, &fixture->except, &err), OK);
}

static void add(struct fixture *fixture, span signal)
{
    struct err_ctx err;
    assert_int_equal(except_add(fixture->except, signal, &err), OK);
}

static void end(struct fixture *fixture)
{
    except_close(fixture->except);
    writer_free(&fixture->line);
    writer_free(&fixture->out);
}

static void expect(struct fixture *fixture, const char *text)
{
    assert_true(span_contains(writer_span(&fixture->out), span_str(text)));
}

static void names_program_and_file_when_nothing_else_is_known(void **state)
{
    (void)state;
    struct fixture fixture;
    writer_init(&fixture.line, 4096);
    begin(&fixture, &falco_rule, made(&fixture.line, 1, "agent", "/etc/shadow", "cron"));
    except_choose(fixture.except);
    except_write(fixture.except, &fixture.out);
    expect(&fixture, "fields: [\"proc.name\", \"fd.name\"]");
    expect(&fixture, "- [\"agent\", \"/etc/shadow\"]");
    end(&fixture);
}

static void takes_a_field_more_only_where_it_spares_others(void **state)
{
    (void)state;
    struct fixture fixture;
    writer_init(&fixture.line, 4096);
    begin(&fixture, &falco_rule, made(&fixture.line, 1, "agent", "/etc/shadow", "cron"));
    add(&fixture, made(&fixture.line, 1, "agent", "/etc/shadow", "cron")); /* itself */
    add(&fixture, made(&fixture.line, 2, "agent", "/etc/shadow", "sshd"));
    add(&fixture, made(&fixture.line, 3, "agent", "/etc/shadow", "cron"));
    add(&fixture, made(&fixture.line, 4, "other", "/etc/shadow", "cron"));
    add(&fixture, SPAN("{\"rule\":\"Another\",\"id\":\"x\"}"));
    add(&fixture, SPAN("no JSON"));
    except_choose(fixture.except);
    json_t *report = except_report(fixture.except);
    const json_t *others = json_object_get(report, "others");
    assert_int_equal(json_integer_value(json_object_get(others, "of")), 3);
    assert_int_equal(json_integer_value(json_object_get(others, "silenced")), 1);
    assert_int_equal(json_array_size(json_object_get(others, "samples")), 1);
    assert_int_equal(json_array_size(json_object_get(report, "fields")), 3);
    json_decref(report);
    except_write(fixture.except, &fixture.out);
    expect(&fixture, "fields: [\"proc.name\", \"fd.name\", \"proc.pname\"]");
    end(&fixture);
}

static void more_than_a_word_of_others_are_counted(void **state)
{
    (void)state;
    struct fixture fixture;
    writer_init(&fixture.line, 4096);
    begin(&fixture, &falco_rule, made(&fixture.line, 1, "agent", "/etc/shadow", "cron"));
    for (unsigned index = 0; index < 200; index++)
        add(&fixture,
            made(&fixture.line, 2 + index, index % 2 ? "agent" : "b", "/etc/shadow", "c"));
    except_choose(fixture.except);
    json_t *report = except_report(fixture.except);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(report, "others"), "silenced")), 0);
    json_decref(report);
    end(&fixture);
}

static void a_filter_escapes_what_has_a_meaning(void **state)
{
    (void)state;
    struct except_rule rule = {.name = SPAN("Read"),
                               .id = SPAN("11111111-2222-4333-8444-555555555555"),
                               .logsource = {.product = SPAN("windows")},
                               .language = EXCEPT_SIGMA};
    struct fixture fixture;
    writer_init(&fixture.line, 4096);
    begin(&fixture, &rule,
          SPAN("{\"rule\":\"Read\",\"id\":\"0123456789abcdef0123456789abcdef\",\"output_fields\":"
               "{\"Image\":\"C:\\\\a*b?.exe\",\"EventID\":1,\"ProcessGuid\":\"x\"}}"));
    except_choose(fixture.except);
    except_write(fixture.except, &fixture.out);
    expect(&fixture, "id: 01234567-89ab-4def-8123-456789abcdef\n");
    expect(&fixture, "  product: \"windows\"\n");
    expect(&fixture, "    - \"11111111-2222-4333-8444-555555555555\"\n");
    expect(&fixture, "    \"Image\": \"C:\\\\\\\\a\\\\*b\\\\?.exe\"\n");
    expect(&fixture, "    \"EventID\": 1\n");
    expect(&fixture, "  condition: not selection\n");
    end(&fixture);
}

static void what_holds_nothing_to_hold_on_to_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"output_fields\":[]}",
        "{\"output_fields\":{}}",
        "{\"output_fields\":{\"proc.pid\":1,\"evt.time\":\"x\"}}",
        "{\"output_fields\":{\"proc.cmdline\":\"x --password ****\"}}",
        "{\"output_fields\":{\"fd.name\":\"/a\\\\xff\"}}",
        "{\"output_fields\":{\"proc.name\":\"\\\"a\\\"\",\"fd.name\":\"\",\"a\":[1]}}",
        "{\"output_fields\":{\"fd.name\":\"a\\u0000b\"}}",
    };
    for (size_t index = 0; index < sizeof texts / sizeof *texts; index++) {
        struct except *except;
        struct err_ctx err;
        assert_int_equal(except_open(&falco_rule, span_str(texts[index]), &except, &err),
                         ERR_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_program_and_file_when_nothing_else_is_known),
        cmocka_unit_test(takes_a_field_more_only_where_it_spares_others),
        cmocka_unit_test(more_than_a_word_of_others_are_counted),
        cmocka_unit_test(a_filter_escapes_what_has_a_meaning),
        cmocka_unit_test(what_holds_nothing_to_hold_on_to_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
