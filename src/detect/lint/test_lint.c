#include <stdlib.h>

#include "core/cleanup.h"
#include "falco/test_support.h"
#include "lint/lint.h"

#define RULE(condition)                                                                            \
    "- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  tags: [T1059.004]\n  "                 \
    "condition: " condition "\n  warn_evttypes: false\n"

static const char strategy_text[] =
    "---\nowner: team\nstage: live\n---\n# r\n\n## Goal\n\ng\n\n## Categorization\n\nExecution "
    "(T1059.004)\n\n## Strategy Abstract\n\ns\n\n## Technical Context\n\nt\n\n## Blind Spots and "
    "Assumptions\n\nb\n\n## False Positives\n\nf\n\n## Validation\n\nv\n\n## Priority\n\np\n\n"
    "## Response\n\nr\n";
static const char events_text[] = "{\"rule\": \"r\", \"match\": true, \"event\": {}}\n"
                                  "{\"match\": false, \"event\": {}, \"rule\": \"r\"}\n";

/* What the strict check says of one file; it must load. */
static void lint_text(const char *yaml, const char *strategy, const char *events,
                      struct writer *out)
{
    struct falco_input input = {.name = SPAN("r.yml"), .bytes = span_str(yaml)};
    struct rule_builder *builder;
    struct rule_program *program;
    struct diagnostics diagnostics;
    struct strategy parsed;
    struct err_ctx err = {0};
    AUTO(writer_free) struct writer image;
    diagnostics_init(&diagnostics, 1000);
    diagnostics.is_strict = true;
    writer_init(&image, 1 << 26);
    if (strategy)
        strategy_read(&parsed, SPAN("r.md"), span_str(strategy), &diagnostics);
    input.strategy = strategy ? &parsed : NULL;
    assert_int_equal(rule_builder_open(&test_schema, &builder, &err), OK);
    if (falco_load(&input, 1, &test_schema, builder, &diagnostics)) {
        const struct lint_file file = {.name = input.name,
                                       .strategy = input.strategy,
                                       .tests = events ? span_str(events) : (span){NULL, 0}};
        assert_int_equal(rule_image_write(builder, &image, &err), OK);
        assert_int_equal(rule_program_open(writer_span(&image), &test_schema, &program, &err), OK);
        lint_rules(program, &file, 1, &diagnostics);
        rule_program_close(program);
    }
    writer_reset(out);
    diagnostics_write(&diagnostics, out);
    writer_byte(out, 0);
    rule_builder_close(builder);
    diagnostics_free(&diagnostics);
}

struct lint_case {
    const char *condition;
    const char *finding; /* what stands in it; NULL: there is none */
};

/* clang-format off */
static const struct lint_case lint_cases[] = {
  /* one value cannot be two */
    {"proc.name = a and proc.name = b", "r.yml:6:32: error: rule 'r': the condition can never "
     "hold: 'proc.name = a', 'proc.name = b' exclude each other\n"},
    {"proc.name = a and proc.name = a", NULL},
    {"proc.name = a or proc.name = b", NULL},
    {"proc.name = a and not proc.name = a", "never hold"},
    {"proc.name = a and proc.name != a", "never hold"},
    {"proc.name in (a, b) and proc.name in (c, d)", "never hold"},
    {"proc.name in (a, b) and proc.name in (b, d)", NULL},
    {"proc.name in (a, b) and not proc.name = a and not proc.name = b", "never hold"},
    {"proc.name in (a, b) and not proc.name = a", NULL},
    {"proc.name = a and not proc.name exists", "never hold"},
    {"not proc.name exists and not proc.name = a", NULL},
    {"not proc.name = a and not proc.name != a", NULL}, /* there may be no name */
    {"proc.name exists and not proc.name = a and not proc.name != a", "never hold"},
    {"evt.type in (open, openat) and evt.type = execve", "never hold"},
    {"evt.type in (open, openat) and not evt.type startswith open", "never hold"},
    {"evt.failed = true and evt.failed = false", "never hold"},
    {"fd.sip = 10.0.0.1 and fd.sip = 10.0.0.2", "never hold"},
    {"fd.snet = 10.0.0.0/8 and fd.snet = 10.0.0.0/9", NULL},
  /* one value against its parts */
    {"proc.name = bash and proc.name startswith z", "never hold"},
    {"proc.name = bash and proc.name endswith sh", NULL},
    {"proc.name = bash and proc.name contains x", "never hold"},
    {"proc.name = bash and proc.name glob b*", NULL},
    {"proc.name = bash and proc.name glob c*", "never hold"},
    {"proc.name = bash and proc.name regex 'z.*'", "never hold"},
    {"proc.name in (bash, zsh) and proc.name startswith z", NULL},
    {"fd.name startswith /etc and fd.name startswith /var", "never hold"},
    {"fd.name startswith /etc and fd.name startswith /etc/ssh", NULL},
    {"fd.name endswith .so and fd.name endswith .txt", "never hold"},
    {"fd.name startswith /etc and fd.name endswith .txt", NULL},
    {"fd.name startswith /etc/ssh and not fd.name startswith /etc", "never hold"},
    {"fd.name startswith /etc and not fd.name startswith /etc/ssh", NULL},
    {"fd.name endswith /x.so and not fd.name contains .so", "never hold"},
    {"fd.name contains abc and not fd.name icontains AB", "never hold"},
    {"fd.name icontains abc and not fd.name contains ab", NULL},
    {"fd.name = /etc/passwd and fd.name pmatch (/var)", "never hold"},
    {"fd.name = /etc/passwd and fd.name pmatch (/etc)", NULL},
  /* numbers */
    {"evt.num > 5 and evt.num < 3", "never hold"},
    {"evt.num > 5 and evt.num < 6", "never hold"},
    {"evt.num >= 5 and evt.num <= 5", NULL},
    {"evt.num > 5 and not evt.num > 4", "never hold"},
    {"evt.num = 7 and evt.num < 7", "never hold"},
    {"evt.num = 7 and evt.num <= 7", NULL},
    {"not evt.num > 5 and not evt.num < 9", NULL}, /* there may be no number */
    {"proc.duration > 5 and proc.duration < 6", NULL},
    {"evt.num in (1, 2) and evt.num > 2", "never hold"},
  /* through logic */
    {"proc.name = a and (evt.num = 1 or evt.num = 2) and not (proc.name = a or evt.num = 3)",
     "never hold"},
    {"(proc.name = a or proc.name = b) and (proc.name = c or proc.name = d)", "never hold"},
    {"(proc.name = a or proc.name = b) and (proc.name = b or proc.name = c)", NULL},
    {"(proc.name = a or proc.name = b) and proc.name != a and evt.num = 1 and "
     "(evt.num = 2 or proc.name = c)", "never hold"},
    {"evt.type = open and (proc.name = a or (proc.name = b and evt.type = execve))",
     "r.yml:6:71: error: rule 'r': this part of an 'or' can never hold"},
    {"proc.name = a and (fd.name = b or fd.name = c)", NULL},
    {"not (proc.name = a or proc.name != a) and proc.name exists", "never hold"},
  /* several values: each may pass one */
    {"proc.aname = a and proc.aname = b", NULL},
    {"proc.aname = a and not proc.aname = a", "never hold"},
    {"proc.aname[2] = a and proc.aname[2] = b", "never hold"},
    {"proc.aname[2] = a and proc.aname[3] = b", NULL},
    {"proc.args in (a) and proc.args intersects (b)", NULL},
    {"proc.name = val(proc.pname) and proc.name = a and proc.pname = b", NULL},
    {"evt.dir = > and proc.name = a", "never hold"},
  /* values that do not occur */
    {"proc.name = a-name-that-is-too-long", "'a-name-that-is-too-long' never matches: the kernel "
     "keeps 15 bytes of a process's name"},
    {"proc.name = exactly-fifteen", NULL},
    {"proc.name in (bash, systemd-user-runtime)", "'systemd-user-runtime' never matches"},
    {"proc.aname[2] contains systemd-user-runtime", "'systemd-user-runtime' never matches"},
    {"proc.cmdline contains systemd-user-runtime", NULL},
    {"tolower(proc.name) = Bash", "tolower() leaves no capital"},
    {"toupper(proc.name) = Bash", "toupper() leaves no small letter"},
    {"tolower(proc.cmdline) icontains Bash", NULL},
    {"basename(fd.name) = /passwd", "basename() leaves no '/'"},
    {"fd.typechar = F", "'F' never matches: the field has no such value"},
    {"fd.typechar in (f, 4)", NULL},
    {"fd.type startswith file4", "no value of 'fd.type' matches this"},
    {"fd.type startswith ipv", NULL},
    {"evt.type startswith xyz", "no value of 'evt.type' matches this"},
    {"evt.type regex 'opn.*'", "no value of 'evt.type' matches this"},
    {"evt.type glob open*", NULL},
    {"fd.sport = 65536", "65536 never matches: a port is 0 to 65535"},
    {"fd.sport = 65535", NULL},
    {"len(proc.name) = -1", "a length is not negative"},
    {"proc.name in ()", "no value to compare with"},
    {"evt.num = 1 and not proc.name in ()", NULL},
    {"fd.name pmatch (/etc/ssh, /etc)", "'/etc/ssh' is never reached: '/etc' comes first"},
    {"fd.name pmatch (/etcetera, /etc)", NULL},
    {"fd.name startswith anyof (/etcetera, /etc)", "'/etcetera' is never reached"},
};
/* clang-format on */

static void conditions_that_cannot_hold_are_found(void **state)
{
    (void)state;
    struct writer out;
    size_t wrong = 0;
    writer_init(&out, 1 << 20);
    for (size_t index = 0; index < sizeof lint_cases / sizeof lint_cases[0]; index++) {
        const struct lint_case *one = &lint_cases[index];
        char yaml[4096];
        snprintf(yaml, sizeof yaml, RULE("%s"), one->condition);
        lint_text(yaml, strategy_text, events_text, &out);
        const char *found = strstr((const char *)out.data, "error:");
        bool is_right = one->finding ? strstr((const char *)out.data, one->finding) != NULL &&
                                           !strstr(found + 1, "error:")
                                     : !found;
        if (!is_right) {
            print_error("%s\n  expected: %s\n  found: %s\n", one->condition,
                        one->finding ? one->finding : "nothing", (const char *)out.data);
            wrong++;
        }
    }
    writer_free(&out);
    assert_int_equal(wrong, 0);
}

static void strategies_and_events_are_asked_for(void **state)
{
    (void)state;
    struct writer out;
    writer_init(&out, 1 << 20);
    lint_text(RULE("evt.num = 1"), strategy_text, events_text, &out);
    assert_string_equal((const char *)out.data, "");
    lint_text("- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  condition: evt.num = 1\n"
              "  warn_evttypes: false\n",
              NULL, NULL, &out);
    assert_string_equal(
        (const char *)out.data,
        "r.yml:1:1: error: rule 'r': no tag names a technique of ATT&CK, as T1059.004 does\n"
        "r.yml:1:1: error: rule 'r': no strategy: expected a file of its name ending in .md\n"
        "r.yml:1:1: error: rule 'r': no events: expected a file of its name ending in "
        ".test.ndjson\n");
    lint_text(
        "- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  condition: evt.num = 1\n"
        "  tags: [T1059.004, T9999, attack.t1003, mitre_secrets]\n  warn_evttypes: false\n",
        "# r\n## Goal\n\n## Categorization\n\nT1059.004\n## Response\nr\n",
        "{\"rule\": \"other\", \"match\": true}\n{\"rule\": \"r\", \"match\": false}\nbroken\n",
        &out);
    assert_string_equal(
        (const char *)out.data,
        "r.yml:1:1: error: rule 'r': tag 'T9999': no such technique in ATT&CK v18\n"
        "r.yml:1:1: error: rule 'r': tag 'attack.t1003' is not under Categorization of its "
        "strategy\n"
        "r.yml:1:1: error: rule 'r': tag 'mitre_secrets': no such tactic in ATT&CK v18\n"
        "r.md:1:1: error: rule 'r': the strategy has nothing in its section '## Goal'\n"
        "r.md:1:1: error: rule 'r': the strategy lacks the section '## Strategy Abstract'\n"
        "r.md:1:1: error: rule 'r': the strategy lacks the section '## Technical Context'\n"
        "r.md:1:1: error: rule 'r': the strategy lacks the section '## Blind Spots and "
        "Assumptions'\n"
        "r.md:1:1: error: rule 'r': the strategy lacks the section '## False Positives'\n"
        "r.md:1:1: error: rule 'r': the strategy lacks the section '## Validation'\n"
        "r.md:1:1: error: rule 'r': the strategy lacks the section '## Priority'\n"
        "r.md:1:1: error: rule 'r': the strategy names no 'owner' in its front matter\n"
        "r.yml:1:1: error: rule 'r': no event that must fire it is among its tests\n");
    writer_free(&out);
}

/* Parts that share what is below them: the search gives up, it does not run on. */
static void a_condition_of_many_ways_ends_in_time(void **state)
{
    (void)state;
    struct writer yaml, out;
    writer_init(&yaml, 1 << 20);
    writer_init(&out, 1 << 20);
    writer_text(&yaml, "- macro: m0\n  condition: proc.name = a or proc.pname = b\n");
    for (int level = 1; level < 40; level++)
        writer_format(
            &yaml,
            "- macro: m%d\n  condition: (m%d and evt.num != %d) or (not m%d and evt.num != "
            "-%d)\n",
            level, level - 1, level, level - 1, level);
    writer_text(&yaml, RULE("m39"));
    writer_byte(&yaml, 0);
    lint_text((const char *)yaml.data, strategy_text, events_text, &out);
    assert_string_equal((const char *)out.data, "");
    writer_free(&yaml);
    writer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_that_cannot_hold_are_found),
        cmocka_unit_test(strategies_and_events_are_asked_for),
        cmocka_unit_test(a_condition_of_many_ways_ends_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
