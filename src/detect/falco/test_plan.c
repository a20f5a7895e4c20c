/* Rules from text through the plan: explaining, what a sensor may leave out, the image. */
#include <malloc.h>
#include <stdlib.h>

#include "falco/test_support.h"

#define RULE(name, condition)                                                                      \
    "- rule: " name                                                                                \
    "\n  desc: d\n  output: o %proc.name\n  priority: INFO\n  condition: >\n    " condition "\n"

static const char yaml[] =
    "- macro: open_write\n  condition: evt.type in (open, openat) and evt.is_open_write = true\n"
    "- list: shells\n  items: [bash, sh, zsh, dash, ash, ksh]\n" RULE(
        "etc", "open_write and fd.name startswith /etc/ and not proc.name in (shells)")
        RULE("keys", "open_write and (fd.name endswith authorized_keys or fd.name contains /.ssh/)")
            RULE("mixed",
                 "(evt.type = open and fd.name = /x) or (evt.type = execve and proc.name = y)")
                RULE("negated", "evt.type != execve and not proc.name = x")
                    RULE("shell", "evt.type = execve and proc.name in (shells)")
                        RULE("any", "proc.cmdline contains nc");

struct program_fixture {
    struct writer image;
    struct rule_program *program;
};

static int program_setup(void **state)
{
    struct program_fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    writer_init(&fixture->image, 1 << 20);
    fixture->program = test_load(yaml, &fixture->image);
    if (!fixture->program)
        fail_msg("%.*s", (int)fixture->image.len, fixture->image.data);
    *state = fixture;
    return 0;
}

static int program_teardown(void **state)
{
    struct program_fixture *fixture = *state;
    rule_program_close(fixture->program);
    writer_free(&fixture->image);
    free(fixture);
    return 0;
}

static void each_route_finds_its_rules(void **state)
{
    struct program_fixture *fixture = *state;
    static const struct {
        const char *event;
        const char *rules;
        /* clang-format off */
    } cases[] = {
        {"evt.type=openat;evt.is_open_write=!true;fd.name=/etc/passwd;proc.name=vi", "etc,negated"},
        {"evt.type=openat;evt.is_open_write=!true;fd.name=/etc/passwd;proc.name=bash", "negated"},
        {"evt.type=open;evt.is_open_write=!true;fd.name=/root/.ssh/authorized_keys;proc.name=x",
     "keys"},
        {"evt.type=open;evt.is_open_write=!false;fd.name=/etc/passwd;proc.name=x", ""},
        {"evt.type=open;fd.name=/x;proc.name=x", "mixed"},
        {"evt.type=execve;fd.name=/x;proc.name=x", ""},
        {"evt.type=execve;proc.name=y;proc.cmdline=nc -l", "mixed,any"},
        {"evt.type=execve;proc.name=zsh", "shell"},
        {"evt.type=unheard_of", "negated"},
        {"proc.name=y;proc.cmdline=rnc", "any"},
    };
    /* clang-format on */
    struct writer names;
    writer_init(&names, 4096);
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        writer_reset(&names);
        test_match(fixture->program, cases[index].event, &names);
        writer_byte(&names, 0);
        assert_string_equal((const char *)names.data, cases[index].rules);
    }
    writer_free(&names);
    assert_true(rule_program_wants(fixture->program, SPAN("unheard_of")));
}

static void routes_that_no_rule_needs_are_told(void **state)
{
    (void)state;
    struct writer out;
    writer_init(&out, 1 << 16);
    struct rule_program *program =
        test_load(RULE("a", "evt.type in (open, openat) and not evt.type = open")
                      RULE("b", "not (evt.type != execve or proc.name = x)"),
                  &out);
    assert_non_null(program);
    assert_false(rule_program_wants(program, SPAN("open")));
    assert_true(rule_program_wants(program, SPAN("openat")));
    assert_true(rule_program_wants(program, SPAN("execve")));
    assert_false(rule_program_wants(program, SPAN("close")));
    rule_program_close(program);
    writer_free(&out);
}

static void need_write(void *context, uint32_t rule, const struct rule_need_clause *clauses,
                       size_t count)
{
    struct writer *out = context;
    writer_format(out, "%u:", rule);
    for (size_t index = 0; index < count; index++) {
        writer_text(out, " {");
        for (size_t need = 0; need < clauses[index].count; need++) {
            const struct rule_need *one = &clauses[index].any_of[need];
            writer_format(out, "%s" PRI_SPAN " %d", need ? " | " : "", ARG_SPAN(one->field),
                          (int)one->op);
            for (size_t text = 0; text < one->count; text++)
                writer_format(out, " " PRI_SPAN, ARG_SPAN(one->texts[text]));
        }
        writer_byte(out, '}');
    }
    writer_byte(out, '\n');
}

static void needs_are_what_every_match_has(void **state)
{
    struct program_fixture *fixture = *state;
    static const span fields[] = {{(const uint8_t *)"fd.name", 7},
                                  {(const uint8_t *)"evt.is_open_write", 17}};
    struct writer out;
    struct err_ctx err = {0};
    writer_init(&out, 1 << 16);
    assert_int_equal(
        rule_program_needs(fixture->program, SPAN("open"), fields, 2, need_write, &out, &err), OK);
    writer_byte(&out, 0);
    assert_string_equal((const char *)out.data,
                        "0: {evt.is_open_write 1 true} {fd.name 7 /etc/}\n"
                        "1: {evt.is_open_write 1 true} {fd.name 8 authorized_keys | fd.name 6 "
                        "/.ssh/}\n"
                        "2: {fd.name 1 /x}\n"
                        "3:\n"
                        "5:\n");
    writer_free(&out);
}

static void a_rule_and_its_plan_can_be_read(void **state)
{
    struct program_fixture *fixture = *state;
    const char *event_text = "evt.type=open;proc.name=vi;fd.name=/tmp/x;evt.is_open_write=!true";
    struct writer out;
    struct event event;
    struct err_ctx err = {0};
    writer_init(&out, 1 << 16);
    rule_explain(fixture->program, 0, &out);
    writer_byte(&out, 0);
    assert_string_equal(
        (const char *)out.data,
        "etc (Informational)\ndefined at f0.yaml:5\n"
        "condition: evt.type in (open, openat) and evt.is_open_write = true and fd.name startswith "
        "/etc/ and not proc.name in (ash, bash, dash, ksh, sh, zsh)\n"
        "looked at when evt.type is: open, openat\n"
        "found by any of:\n  fd.name startswith /etc/  [guessed to hold in 313 of 10000 "
        "events]\n"
        "predicates:\n"
        "  evt.type in (open, openat)  [in 2 rules, compared]\n"
        "  evt.is_open_write = true  [in 2 rules, compared]\n"
        "  fd.name startswith /etc/  [in 1 rule, compared]\n"
        "  proc.name in (ash, bash, dash, ksh, sh, zsh)  [in 2 rules, looked up with 8 "
        "values]\n");
    writer_reset(&out);
    assert_int_equal(event_open(&event, rule_program_projection(fixture->program), test_fetch,
                                &event_text, &err),
                     OK);
    event_begin(&event);
    rule_explain_event(fixture->program, 0, &event, &out);
    writer_byte(&out, 0);
    assert_string_equal((const char *)out.data,
                        "yes       evt.type in (open, openat)  [open]\n"
                        "yes       evt.is_open_write = true  [true]\n"
                        "no        fd.name startswith /etc/  [/tmp/x]\n"
                        "no        proc.name in (ash, bash, dash, ksh, sh, zsh)  [vi]\n"
                        "matches: no\n");
    event_close(&event);
    writer_free(&out);
}

static void a_regex_over_its_limit_is_undecided(void **state)
{
    (void)state;
    struct writer out;
    struct err_ctx err = {0};
    writer_init(&out, 1 << 16);
    struct rule_program *program =
        test_load(RULE("slow", "proc.name regex '(a+)+[bd]' and evt.num = 1")
                      RULE("sure", "proc.name regex '(a+)+[bd]' or evt.num = 1")
                          RULE("not", "not proc.name regex '(a+)+[bd]'"),
                  &out);
    assert_non_null(program);
    const char *text =
        "evt.num=#1;proc.name=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaac";
    struct event event;
    uint32_t rules[4];
    uint32_t undecided;
    assert_int_equal(event_open(&event, rule_program_projection(program), test_fetch, &text, &err),
                     OK);
    event_begin(&event);
    assert_int_equal(rule_program_match(program, &event, rules, 4, &undecided), 1);
    assert_int_equal(rules[0], 1);
    assert_int_equal(undecided, 2);
    event_close(&event);
    rule_program_close(program);
    writer_free(&out);
}

static void an_event_allocates_nothing_after_the_first(void **state)
{
    struct program_fixture *fixture = *state;
    const char *text = "evt.type=openat;evt.is_open_write=!true;fd.name=/etc/passwd;proc.name=vi";
    struct event event;
    struct err_ctx err = {0};
    uint32_t rules[4];
    uint32_t undecided;
    assert_int_equal(
        event_open(&event, rule_program_projection(fixture->program), test_fetch, &text, &err), OK);
    size_t before = 0;
    for (int round = 0; round < 1000; round++) {
        event_begin(&event);
        assert_int_equal(rule_program_match(fixture->program, &event, rules, 4, &undecided), 2);
        if (round == 0)
            before = mallinfo2().uordblks;
    }
    assert_int_equal(mallinfo2().uordblks, before);
    event_close(&event);
}

/* Nothing but the whole image is one. */
static void a_cut_or_changed_image_is_refused_or_harmless(void **state)
{
    struct program_fixture *fixture = *state;
    span image = writer_span(&fixture->image);
    struct err_ctx err;
    for (size_t length = 0; length < image.len; length++) {
        struct rule_program *program;
        uint8_t *copy = malloc(length + 1);
        assert_non_null(copy);
        memcpy(copy, image.data, length);
        assert_int_equal(rule_program_open(span_of(copy, length), &test_schema, &program, &err),
                         ERR_INPUT);
        free(copy);
    }
    for (size_t at = 0; at < image.len; at++) {
        static const uint8_t changes[] = {0x01, 0x80, 0xff};
        for (size_t change = 0; change < sizeof changes; change++) {
            struct rule_program *program;
            uint8_t *copy = malloc(image.len);
            assert_non_null(copy);
            memcpy(copy, image.data, image.len);
            copy[at] ^= changes[change];
            if (rule_program_open(span_of(copy, image.len), &test_schema, &program, &err) == OK) {
                test_match(program, "evt.type=open;fd.name=/etc/x;evt.is_open_write=!true", NULL);
                rule_program_close(program);
            }
            free(copy);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_route_finds_its_rules, program_setup,
                                        program_teardown),
        cmocka_unit_test(routes_that_no_rule_needs_are_told),
        cmocka_unit_test_setup_teardown(needs_are_what_every_match_has, program_setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(a_rule_and_its_plan_can_be_read, program_setup,
                                        program_teardown),
        cmocka_unit_test(a_regex_over_its_limit_is_undecided),
        cmocka_unit_test_setup_teardown(an_event_allocates_nothing_after_the_first, program_setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(a_cut_or_changed_image_is_refused_or_harmless,
                                        program_setup, program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
