#include <stdlib.h>

#include "falco/test_support.h"

/* ---- errors ---- */

struct error_case {
    const char *yaml;
    const char *message;
};

#define RULE(condition)                                                                            \
    "- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  condition: " condition "\n"

/* clang-format off */
static const struct error_case error_cases[] = {
    {RULE("proc.nmae = a"),
     "f0.yaml:5:14: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"},
    {RULE("evt.num = 1 and proc.nmae = a and proc.naem = b"),
     "f0.yaml:5:30: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"
     "f0.yaml:5:48: error: unknown field 'proc.naem'; did you mean 'proc.name'?\n"},
    {RULE(">\n    evt.num = 1\n    and proc.nmae = a"),
     "f0.yaml:7:9: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"},
    {RULE("|\n    evt.num = 1\n\n    and proc.nmae = a"),
     "f0.yaml:8:9: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"},
    {RULE("'proc.name = ''x'' and proc.nmae = a'"),
     "f0.yaml:5:37: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"},
    {RULE("\"proc.name = \\\"\\x41\\u00e4\\\" and proc.nmae = a\""),
     "f0.yaml:5:46: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"},
    {RULE("proc.name = \xc3\xa4\xc3\xb6 and proc.nmae = a"),
     "f0.yaml:5:33: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"},
    {RULE("proc.aname[x] = a"),
     "f0.yaml:5:14: error: field 'proc.aname[x]': this argument means nothing here\n"},
    {RULE("evt.arg = a"), "f0.yaml:5:14: error: field 'evt.arg' needs an argument in brackets\n"},
    {RULE("evt.num contains 5"),
     "f0.yaml:5:14: error: operator 'contains' does not work on a number\n"},
    {RULE("evt.failed < 5"), "f0.yaml:5:14: error: operator '<' does not work on true or false\n"},
    {RULE("fd.sip startswith 10"),
     "f0.yaml:5:14: error: operator 'startswith' does not work on an IP address\n"},
    {RULE("proc.name bcontains ff"),
     "f0.yaml:5:14: error: operator 'bcontains' does not work on text\n"},
    {RULE("evt.num = abc"), "f0.yaml:5:24: error: expected a number, found 'abc'\n"},
    {RULE("evt.num in (1, x, y)"), "f0.yaml:5:29: error: expected a number, found 'x'\n"
     "f0.yaml:5:32: error: expected a number, found 'y'\n"},
    {RULE("evt.failed = yes"), "f0.yaml:5:27: error: expected true or false, found 'yes'\n"},
    {RULE("fd.sip = 10.0.0.0/8"),
     "f0.yaml:5:23: error: expected an IP address, found '10.0.0.0/8'\n"},
    {RULE("fd.snet = 10.0.0.0/33"),
     "f0.yaml:5:24: error: expected an IP network, found '10.0.0.0/33'\n"},
    {RULE("evt.buffer bcontains xyz"),
     "f0.yaml:5:35: error: expected bytes as pairs of hex digits, found 'xyz'\n"},
    {RULE("proc.name regex 'a('"),
     "f0.yaml:5:30: error: bad regex at byte 3: missing closing parenthesis\n"},
    {RULE("proc.name > abc"), "f0.yaml:5:26: error: expected a number\n"},
    {RULE("proc.name ="), "f0.yaml:5:25: error: expected a value\n"},
    {RULE("proc.name in bash"), "f0.yaml:5:27: error: unknown list 'bash'\n"},
    {RULE("proc.name in (a b)"), "f0.yaml:5:30: error: expected ',' or ')' in the list\n"},
    {RULE("proc.name in (a,)"), "f0.yaml:5:30: error: expected a value\n"},
    {RULE("(proc.name = a"), "f0.yaml:5:28: error: expected ')', 'and' or 'or'\n"},
    {RULE("proc.name = a)"), "f0.yaml:5:27: error: expected 'and', 'or' or the end\n"},
    {RULE("proc.name = a proc.name = b"), "f0.yaml:5:28: error: expected 'and', 'or' or the end\n"},
    {RULE("proc.name = a and"),
     "f0.yaml:5:31: error: expected a blank or '(' behind 'and' or 'or'\n"},
    {RULE("proc.name = 'a"), "f0.yaml:5:26: error: the quote is not closed\n"},
    {RULE("proc.name = 'a\\q'"), "f0.yaml:5:28: error: unknown escape: expected one of \\b \\f \\n "
     "\\r \\t \\\\ \\/ \\xNN or "
     "an escaped quote\n"},
    {RULE("nothing"), "f0.yaml:5:14: error: unknown macro 'nothing'\n"},
    {"- macro: spawned\n  condition: evt.num = 1\n" RULE("spwaned and spawned"),
     "f0.yaml:7:14: error: unknown macro 'spwaned'; did you mean 'spawned'?\n"},
    {"- macro: a\n  condition: b\n- macro: b\n  condition: evt.num = 1\n" RULE("a and b"),
     "f0.yaml:2:14: error: macro 'b' is defined behind its use\n"},
    {"- macro: a\n  condition: evt.num = 1\n- macro: b\n  condition: a\n"
     "- macro: a\n  condition: b\n" RULE("a"),
     "f0.yaml:5:3: warning: macro 'a' replaces the one in line 1\n"
     "f0.yaml:4:14: error: macro 'a' uses itself\n"},
    {"- macro: a\n  condition: proc.nmae = 1\n" RULE("a and a"),
     "f0.yaml:2:14: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"},
    {RULE("len(evt.num) = 1"), "f0.yaml:5:18: error: len(): this argument has the wrong type\n"},
    {RULE("concat(proc.name) = a"),
     "f0.yaml:5:14: error: concat(): expected at least 2 arguments, found 1\n"},
    {RULE("evt.num = val(proc.name)"),
     "f0.yaml:5:24: error: expected a number as on the left, found text\n"},
    {RULE("proc.name pmatch val(proc.pname)"),
     "f0.yaml:5:31: error: operator 'pmatch' does not take a field on its right here\n"},
    {"- rule: r\n  desc: d\n  output: a %proc.nmae b %proc.name. %bogus\n  priority: INFO\n"
     "  condition: evt.num = 1\n",
     "f0.yaml:3:14: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"
     "f0.yaml:3:38: error: expected a field behind '%'\n"},
    {"- rule: r\n  desc: d\n  condition: evt.num = 1\n",
     "f0.yaml:1:3: error: rule 'r' lacks 'output'\n"
     "f0.yaml:1:3: error: rule 'r' lacks 'priority'\n"},
    {"- rule: r\n  desc: d\n  output: o\n  priority: high\n  condition: evt.num = 1\n",
     "f0.yaml:4:13: error: rule 'r': 'priority': expected emergency, alert, critical, error, "
     "warning, notice, informational or debug\n"},
    {"- rule: r\n  condition: and proc.name = b\n  append: true\n",
     "f0.yaml:3:11: warning: 'append: true' is out of use: write 'override' with 'condition: "
     "append'\n"
     "f0.yaml:1:3: error: rule 'r' is not defined: nothing to change\n"},
    {RULE("evt.num = 1") "- rule: r\n  tags: [x]\n  desc: e\n  override: {tags: append}\n",
     "f0.yaml:8:9: error: unexpected key 'desc': 'override' does not name it\n"},
    {RULE("evt.num = 1") "- rule: r\n  priority: INFO\n  override: {priority: append}\n",
     "f0.yaml:8:14: error: override: 'priority' cannot be appended to\n"},
    {RULE("evt.num = 1") "  exceptions:\n    - name: e\n      fields: [proc.name, fd.name]\n"
     "      values:\n        - [a]\n",
     "f0.yaml:10:11: error: rule 'r': exception 'values': expected as many values as fields\n"},
    {RULE("evt.num = 1") "  exceptions:\n    - name: e\n      fields: [proc.nmae]\n"
     "      values:\n        - [a]\n",
     "f0.yaml:8:16: error: exception: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"},
    {"- required_engine_version: 0.999.0\n",
     "f0.yaml:1:28: error: the file needs engine version 0.999.0, this one reads 0.63.0\n"},
    {"title: x\nlogsource: {product: linux}\ndetection: {}\n",
     "f0.yaml:1:1: error: this is a Sigma rule: it needs a file without Falco's\n"},
    {"a: b\n", "f0.yaml:1:1: error: expected a list of rules, macros and lists\n"},
    {"- list: l\n", "f0.yaml:1:3: error: a list needs 'items'\n"},
    {"- macro: m\n  condition: evt.num = 1\n  condition: evt.num = 2\n",
     "f0.yaml:3:3: error: key 'condition' is already given in line 2\n"},
  /* all that is wrong, in one run */
    {RULE("proc.nmae = a and evt.num = x and (nothing or fd.sip = y) and proc.name contians z"),
     "f0.yaml:5:14: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"
     "f0.yaml:5:42: error: expected a number, found 'x'\n"
     "f0.yaml:5:49: error: unknown macro 'nothing'\n"
     "f0.yaml:5:69: error: expected an IP address, found 'y'\n"
     "f0.yaml:5:86: error: expected an operator: exists, =, !=, <, <=, >, >=, in, intersects, "
     "pmatch, contains, icontains, bcontains, startswith, bstartswith, endswith, glob, iglob or "
     "regex; did you mean 'contains'?\n"},
    {RULE(">\n    proc.nmae = a and\n    (evt.num = or\n    proc.name = 'x) and\n    b"),
     "f0.yaml:6:5: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"
     "f0.yaml:7:16: error: expected a number, found 'or'\n"
     "f0.yaml:8:5: error: expected ')', 'and' or 'or'\n"
     "f0.yaml:8:17: error: the quote is not closed\n"
     "f0.yaml:9:6: error: expected ')', 'and' or 'or'\n"},
    {RULE("proc.name = a proc.nmae = b and proc.name in (x y) or evt.nmu = 1"),
     "f0.yaml:5:28: error: expected 'and', 'or' or the end\n"
     "f0.yaml:5:28: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"
     "f0.yaml:5:62: error: expected ',' or ')' in the list\n"
     "f0.yaml:5:68: error: unknown field 'evt.nmu'; did you mean 'evt.num'?\n"},
    {RULE("proc.name regex anyof ('a(', 'b', '[')"),
     "f0.yaml:5:37: error: bad regex at byte 3: missing closing parenthesis\n"
     "f0.yaml:5:48: error: bad regex at byte 2: missing terminating ] for character class\n"},
    {RULE("proc.name = 'a\\q' and proc.nmae = 'b\\q'"),
     "f0.yaml:5:28: error: unknown escape: expected one of \\b \\f \\n \\r \\t \\\\ \\/ \\xNN or "
     "an escaped quote\n"
     "f0.yaml:5:36: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"
     "f0.yaml:5:50: error: unknown escape: expected one of \\b \\f \\n \\r \\t \\\\ \\/ \\xNN or "
     "an escaped quote\n"},
    {RULE("evt.type in (execve, opn) and proc.name in shels")
     "- list: shells\n  items: [sh]\n",
     "f0.yaml:5:35: error: unknown event type 'opn'; did you mean 'open'?\n"
     "f0.yaml:5:57: error: unknown list 'shels'; did you mean 'shells'?\n"},
    {"- rule: r\n  desc: d\n  priority: warn\n  output: '%proc.nmae %bogus %proc.name[1]'\n"
     "  condition: evt.nmu = 1\n  tags: [a, [b], {c: d}]\n  enabled: maybe\n",
     "f0.yaml:3:13: error: rule 'r': 'priority': expected emergency, alert, critical, error, "
     "warning, notice, informational or debug\n"
     "f0.yaml:7:12: error: 'enabled': expected true or false\n"
     "f0.yaml:6:13: error: rule 'r': 'tags': expected a word\n"
     "f0.yaml:6:18: error: rule 'r': 'tags': expected a word\n"
     "f0.yaml:5:14: error: unknown field 'evt.nmu'; did you mean 'evt.num'?\n"
     "f0.yaml:4:13: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"
     "f0.yaml:4:23: error: expected a field behind '%'\n"},
    {"- list: l\n  items: [a, [b], ~, {c: d}]\n- macro: m\n  condition:\n",
     "f0.yaml:2:14: error: expected a value, found a collection\n"
     "f0.yaml:2:19: error: expected a value, found nothing\n"
     "f0.yaml:2:22: error: expected a value, found a collection\n"
     "f0.yaml:4:13: error: a macro needs a 'condition'\n"},
    {RULE("evt.num = 1") "- rule: r\n  desc: e\n  output: p\n  override: {dess: append, output: "
     "apend, priority: replace}\n",
     "f0.yaml:9:14: error: override: unknown key 'dess'; did you mean 'desc'?\n"
     "f0.yaml:9:36: error: override 'output': expected append or replace; did you mean 'append'?\n"
     "f0.yaml:9:43: error: override names 'priority', which the item does not give\n"
     "f0.yaml:7:9: error: unexpected key 'desc': 'override' does not name it\n"},
    {RULE("evt.num = 1") "  exceptions:\n    - name: e\n      fields: [proc.nmae, fd.nmae]\n"
     "      comps: [equals, startwith]\n    - fields: [proc.name]\n    - name: f\n      fields: "
     "proc.name\n      comps: =\n    - name: g\n      fields: proc.name\n      values: [[a], "
     "{b: c}]\n",
     "f0.yaml:8:16: error: exception: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"
     "f0.yaml:8:27: error: exception: unknown field 'fd.nmae'; did you mean 'fd.name'?\n"
     "f0.yaml:9:15: error: exception 'comps': unknown operator 'equals'\n"
     "f0.yaml:9:23: error: exception 'comps': unknown operator 'startwith'; did you mean "
     "'startswith'?\n"
     "f0.yaml:10:7: error: rule 'r': an exception needs a 'name'\n"
     "f0.yaml:13:14: error: rule 'r': exception 'comps': expected in, pmatch or intersects for a "
     "single field\n"
     "f0.yaml:16:16: error: rule 'r': exception 'values': expected a value for the single field\n"
     "f0.yaml:16:21: error: rule 'r': exception 'values': expected a value for the single "
     "field\n"},
    {"- rule: Shell rum\n  enabled: false\n- rule: Shell run\n  desc: d\n  output: o\n"
     "  priority: INFO\n  condition: evt.num = 1\n- rule: Shell rum\n  enabled: true\n",
     "f0.yaml:1:3: error: rule 'Shell rum' is not defined: nothing to change\n"
     "f0.yaml:8:3: error: rule 'Shell rum' is not defined: nothing to change; did you mean 'Shell "
     "run'?\n"},
    {RULE("evt.num = 1") "- rule: r\n  output: p\n  append: true\n",
     "f0.yaml:8:11: warning: 'append: true' is out of use: write 'override' with 'condition: "
     "append'\n"
     "f0.yaml:7:11: warning: 'append: true' leaves 'output' as it was; use 'override'\n"
     "f0.yaml:6:3: error: nothing to append: expected 'condition' or 'exceptions'\n"},
    {RULE("evt.num = 1") "- rule: r\n  source: k8s_audit\n  condition: and evt.num = 2\n"
     "  override: {condition: append}\n",
     "f0.yaml:6:3: error: rule 'r' was defined with source 'syscall' before\n"},
    {"- required_plugin_versions:\n    - name: json\n      version: 1\n    - name: a\n"
     "      version: 0.1.0-rc1\n      alternatives:\n        - {name: a, version: 1.0.0}\n",
     "f0.yaml:3:16: error: a plugin's version: expected three parts as 0.4.0\n"
     "f0.yaml:7:11: error: this plugin is named twice\n"},
    {RULE("join(proc.name, proc.pname) = a"),
     "f0.yaml:5:14: error: join(): expected a separator and a list\n"},
    {RULE("concat((proc.name, proc.pname), \"x\") = a"),
     "f0.yaml:5:14: error: concat(): expected no list in brackets\n"},
    {RULE("join(',', proc.aname, proc.aname) = a"),
     "f0.yaml:5:14: error: join(): expected 2 arguments, found 3\n"},
    {RULE("getopt(proc.args, 'a:')[ab] = a"),
     "f0.yaml:5:37: error: getopt(): expected one option letter in brackets\n"},
    {"- macro: [\n", "f0.yaml:2:1: error: did not find expected node content\n"},
};
/* clang-format on */

static void errors_say_where_and_what(void **state)
{
    (void)state;
    struct writer out;
    writer_init(&out, 1 << 20);
    size_t wrong = 0;
    for (size_t index = 0; index < sizeof error_cases / sizeof error_cases[0]; index++) {
        const struct error_case *one = &error_cases[index];
        struct rule_program *program = test_load(one->yaml, &out);
        writer_byte(&out, 0);
        const char *found = program ? "it loads" : (const char *)out.data;
        /* warnings may come behind */
        if (strncmp(found, one->message, strlen(one->message)) != 0 ||
            strstr(found + strlen(one->message), "error:")) {
            print_error("%s  expected: %s  found: %s", one->yaml, one->message, found);
            wrong++;
        }
        rule_program_close(program);
    }
    writer_free(&out);
    assert_int_equal(wrong, 0);
}

/* ---- items ---- */

struct item_case {
    const char *files[3];
    const char *event;
    const char *matching; /* names of rules */
};

/* clang-format off */
static const struct item_case item_cases[] = {
  /* condition append is append of text */
    {{RULE("proc.name = a"), "- rule: r\n  condition: or proc.name = b\n  append: true\n"},
     "proc.name=b", "r"},
    {{RULE("proc.name = a"),
      "- rule: r\n  condition: and evt.num = 2\n  override: {condition: append}\n"},
     "proc.name=a;evt.num=#1", ""},
    {{RULE("proc.name = a"),
      "- rule: r\n  condition: evt.num = 2\n  override: {condition: replace}\n"},
     "evt.num=#2", "r"},
    {{RULE("proc.name = a"), RULE("proc.name = b")}, "proc.name=a", ""},
    {{RULE("proc.name = a"), RULE("proc.name = b")}, "proc.name=b", "r"},
    {{RULE("proc.name = a"), "- rule: r\n  enabled: false\n"}, "proc.name=a", ""},
    {{RULE("proc.name = a") "  enabled: false\n",
      "- rule: r\n  enabled: true\n  override: {enabled: replace}\n"},
     "proc.name=a", "r"},
 /* lists: in lists, appended, in macros */
    {{"- list: a\n  items: [x]\n- list: b\n  items: [a, y]\n" RULE("proc.name in (b)"),
      "- list: a\n  items: [z]\n  append: true\n"},
     "proc.name=z", "r"},
    {{"- list: a\n  items: [x]\n- macro: m\n  condition: proc.name in (a)\n" RULE("m"),
      "- list: a\n  items: [z]\n"},
     "proc.name=x", ""},
    {{"- macro: m\n  condition: proc.name = x\n" RULE("m"),
      "- macro: m\n  condition: or proc.name = y\n  override: {condition: append}\n"},
     "proc.name=y", "r"},
    {{"- list: a\n  items: ['\"q\"', p]\n" RULE("proc.name in (a)")}, "proc.name=q", "r"},
    {{"- list: e\n  items: []\n" RULE("proc.name in (e, x)")}, "proc.name=x", "r"},
    {{"- list: l\n  items: [x]\n  override: {items: replace}\n"
      "- macro: m\n  condition: proc.name in (l)\n  override: {condition: replace}\n" RULE("m")},
     "proc.name=x", "r"},
    {{"- list: outer\n  items: [inner]\n- list: inner\n  items: [x]\n" RULE("proc.name in (outer)"),
      "- list: outer\n  items: [y]\n  append: true\n"},
     "proc.name=x", "r"},
    {{"- list: outer\n  items: [inner]\n- list: inner\n  items: [x]\n"
      RULE("proc.name in (outer)")},
     "proc.name=x", ""},
    {{"- list: one\n  items: [x]\n- list: two\n  items: [one]\n- list: three\n  items: [two, y]\n"
      RULE("proc.name in (three)")},
     "proc.name=x", "r"},
    {{"- list: self\n  items: [self]\n- list: self\n  items: [x]\n  append: true\n"
      RULE("proc.name in (self)")},
     "proc.name=self", "r"},
    {{RULE("proc.name = a") "- rule: r\n  append: true\n  condition: or proc.name = b\n"
      "  output: '%bogus'\n  enabled: false\n"},
     "proc.name=b", "r"},
    {{RULE("proc.name = a"), "- rule: r\n  append: false\n  source: syscall\n  condition: or "
      "proc.name = b\n  override: {condition: append}\n"},
     "proc.name=b", "r"},
    {{RULE("proc.name = a") "  override:\n"}, "proc.name=a", "r"},
    {{RULE("proc.name = a") "  enabled: No\n", "- rule: r\n  enabled: ON\n"}, "proc.name=a", "r"},
    {{"- &base\n  rule: base\n  desc: d\n  output: o\n  priority: INFO\n"
      "  condition: proc.name = a\n"
      "- <<: *base\n  rule: derived\n"},
     "proc.name=a", "base,derived"},
    {{"- macro: other\n  condition: ka.verb = create\n"
      "- rule: k\n  desc: d\n  output: '%ka.verb'\n  priority: INFO\n  source: k8s_audit\n"
      "  condition: other\n" RULE("proc.name = a")},
     "proc.name=a", "r"},
 /* exceptions */
    {{RULE("proc.name exists") "  exceptions:\n    - name: e\n      fields: proc.name\n"
      "      comps: startswith oneof\n      values: [a]\n",
      "- rule: r\n  exceptions:\n    - name: e\n      values: [ab]\n"
      "  override: {exceptions: append}\n"},
     "proc.name=abc", "r"}, /* one set: two of its values hold, which is not one */
    {{RULE("proc.name exists") "  exceptions:\n    - name: e\n      fields: [proc.name]\n"
      "      comps: [' startswith anyof ']\n      values:\n        - [[x, ab]]\n"},
     "proc.name=abc", ""},
    {{RULE("proc.name exists") "  exceptions:\n    - name: e\n"
      "      fields: ['tolower(proc.name)']\n"
      "      values:\n        - [abc]\n"},
     "proc.name=ABC", ""},
    {{"- list: known\n  items: [x, y]\n" RULE("proc.name exists") "  exceptions:\n    - name: e\n"
      "      fields: [proc.name]\n      comps: [in]\n      values:\n        - [known]\n"},
     "proc.name=y", ""},
    {{RULE("proc.cmdline exists") "  exceptions:\n    - name: e\n      fields: [proc.cmdline]\n"
      "      comps: [contains]\n      values:\n        - ['--a=b (c)']\n        - ['\"d e\"']\n"},
     "proc.cmdline=x d e", ""},
    {{RULE("proc.name exists") "  exceptions:\n    - name: e\n      fields: [proc.name]\n"
      "      values:\n        - [a]\n",
      "- rule: r\n  exceptions:\n    - name: f\n      fields: proc.name\n      values: [b]\n"
      "  override: {exceptions: replace}\n"},
     "proc.name=a", "r"},
    {{RULE("proc.name = a or proc.name = b") "  exceptions:\n    - name: e\n      fields: "
     "[proc.name, fd.name]\n"
     "      comps: [=, startswith]\n      values:\n        "
     "- [a, /tmp/x y]\n"},
     "proc.name=a;fd.name=/tmp/x y/z", ""},
    {{RULE("proc.name = a or proc.name = b") "  exceptions:\n    - name: e\n      fields: "
     "[proc.name, fd.name]\n"
     "      comps: [=, startswith]\n      values:\n        "
     "- [a, /tmp]\n"},
     "proc.name=b;fd.name=/tmp/z", "r"},
    {{RULE("proc.name exists") "  exceptions:\n    - name: e\n      fields: proc.name\n"
     "      values: [a, b]\n"},
     "proc.name=b", ""},
    {{RULE("proc.name exists") "  exceptions:\n    - name: e\n      fields: [proc.name, evt.num]\n"
     "      comps: [in, =]\n      values:\n        - [[a, b], 1]\n"},
     "proc.name=b;evt.num=#1", ""},
    {{RULE("proc.name exists") "  exceptions:\n    - name: e\n      fields: [proc.name]\n",
      "- rule: r\n  exceptions:\n    - name: e\n      values:\n        - [c]\n"
      "  override: {exceptions: append}\n"},
     "proc.name=c", ""},
 /* what is for others is left out */
    {{"- rule: k\n  desc: d\n  output: o\n  priority: INFO\n  source: k8s_audit\n"
      "  condition: ka.verb = create\n" RULE("proc.name = a")},
     "proc.name=a", "r"},
    {{"- rule: u\n  desc: d\n  output: o\n  priority: INFO\n  skip-if-unknown-filter: true\n"
      "  condition: no.field = create\n" RULE("proc.name = a")},
     "proc.name=a", "r"},
 /* documents, empty items, requirements */
    {{"---\n- required_engine_version: 15\n-\n- required_plugin_versions:\n    - name: container\n"
      "      version: 0.4.0\n---\n" RULE("proc.name = a")},
     "proc.name=a", "r"},
    {{"- rule: one\n  desc: d\n  output: o\n  priority: INFO\n  condition: proc.name = a\n"
      "- rule: two\n  desc: d\n  output: o\n  priority: INFO\n  condition: evt.num = 1\n"
      "- rule: three\n  desc: d\n  output: o\n  priority: INFO\n  condition: proc.name = b\n"},
     "proc.name=a;evt.num=#1", "one,two"},
};
/* clang-format on */

static void items_change_each_other_in_order(void **state)
{
    (void)state;
    struct writer out, names;
    writer_init(&out, 1 << 20);
    writer_init(&names, 1 << 16);
    size_t wrong = 0;
    for (size_t index = 0; index < sizeof item_cases / sizeof item_cases[0]; index++) {
        const struct item_case *one = &item_cases[index];
        size_t files = 0;
        while (files < 3 && one->files[files])
            files++;
        struct rule_program *program = test_load_files(one->files, files, &out);
        writer_reset(&names);
        if (program)
            test_match(program, one->event, &names);
        else
            writer_put(&names, writer_span(&out));
        if (!span_eq(writer_span(&names), span_str(one->matching))) {
            print_error("case %zu: expected '%s', found '%.*s'\n", index, one->matching,
                        (int)names.len, names.data);
            wrong++;
        }
        rule_program_close(program);
    }
    writer_free(&out);
    writer_free(&names);
    assert_int_equal(wrong, 0);
}

static size_t warnings_of(const char *yaml)
{
    struct falco_input input = {SPAN("w.yaml"), span_str(yaml)};
    struct rule_builder *builder;
    struct diagnostics diagnostics;
    struct err_ctx err = {0};
    diagnostics_init(&diagnostics, 100);
    assert_int_equal(rule_builder_open(&test_schema, &builder, &err), OK);
    assert_true(falco_load(&input, 1, &test_schema, builder, &diagnostics));
    size_t count = diagnostics.warning_count;
    rule_builder_close(builder);
    diagnostics_free(&diagnostics);
    return count;
}

static void a_rule_for_events_of_every_type_is_warned_of(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        size_t warnings;
    } cases[] = {
        {RULE("evt.type = open and proc.name = a"), 0},
        {RULE("evt.type in (open, openat)"), 0},
        {RULE("not evt.type != open"), 0},
        {RULE("proc.name = a and (evt.type = open or evt.type startswith exec)"), 0},
        {RULE("not (proc.name = a or evt.type != open)"), 0},
        {RULE("proc.name = a"), 1},
        {RULE("evt.type != open"), 1},
        {RULE("not evt.type in (open, openat)"), 1},
        {RULE("evt.type exists"), 1},
        {RULE("evt.type = open or proc.name = a"), 1},
        {RULE("not (proc.name = a and evt.type = open)"), 1},
        {RULE("proc.name = a") "  warn_evttypes: false\n", 0},
        {RULE("proc.name = a") "  warn_evttypes: true\n", 1},
        {RULE("proc.name = a") "  enabled: false\n", 0},
    };
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++)
        if (warnings_of(cases[index].yaml) != cases[index].warnings)
            fail_msg("%s", cases[index].yaml);
}

static void warnings_do_not_fail_a_load(void **state)
{
    (void)state;
    const char *yaml = "- macro: unused\n  condition: evt.num = 1\n- list: unused\n  items: [a]\n"
                       "- bogus: 1\n" RULE("proc.name = proc.pname") "  conditoin: x\n";
    struct falco_input input = {SPAN("w.yaml"), span_str(yaml)};
    struct rule_builder *builder;
    struct diagnostics diagnostics;
    struct err_ctx err = {0};
    struct writer out;
    writer_init(&out, 1 << 16);
    diagnostics_init(&diagnostics, 100);
    assert_int_equal(rule_builder_open(&test_schema, &builder, &err), OK);
    assert_true(falco_load(&input, 1, &test_schema, builder, &diagnostics));
    diagnostics_write(&diagnostics, &out);
    writer_byte(&out, 0);
    assert_string_equal(
        (const char *)out.data,
        "w.yaml:5:3: warning: unknown item: expected rule, macro, list, required_engine_version or "
        "required_plugin_versions\n"
        "w.yaml:11:3: warning: unknown key 'conditoin' in a rule; did you mean 'condition'?\n"
        "w.yaml:10:26: warning: 'proc.pname' is compared as text; for the field write "
        "val(proc.pname)\n"
        "w.yaml:6:3: warning: rule 'r' looks at events of every type, which costs time: narrow it "
        "by evt.type, or say 'warn_evttypes: false'\n"
        "w.yaml:1:3: warning: macro 'unused' is used by nothing\n"
        "w.yaml:3:3: warning: list 'unused' is used by nothing\n");
    rule_builder_close(builder);
    diagnostics_free(&diagnostics);
    writer_free(&out);
}

static void output_text_names_its_fields(void **state)
{
    (void)state;
    const char *yaml = "- rule: r\n  desc: d\n  priority: INFO\n  condition: evt.num = 1\n"
                       "  output: '*a %proc.name. %proc.aname[2] (%5proc.name|%3proc.name) "
                       "%evt.arg.flags,%proc.name %tolower(proc.name) %proc.aname"
                       "%container.info%evt.dir %proc.names [%proc.name[%evt.num]]'\n";
    const char *event_text = "evt.num=#1;proc.name=BaSh;evt.arg[flags]=X;proc.aname=[a,b]";
    const struct rule_output_field *fields;
    struct writer out, text;
    struct event event;
    struct err_ctx err = {0};
    writer_init(&out, 1 << 16);
    writer_init(&text, 1 << 16);
    struct rule_program *program = test_load(yaml, &out);
    assert_non_null(program);
    assert_int_equal(
        event_open(&event, rule_program_projection(program), test_fetch, &event_text, &err), OK);
    event_begin(&event);
    rule_program_output(program, 0, &event, &text);
    writer_byte(&text, 0);
    assert_string_equal((const char *)text.data,
                        "a BaSh. <NA> (BaSh |BaS) X,BaSh bash a,b< BaShs [BaSh[1]]");
    assert_int_equal(rule_program_output_fields(program, 0, &fields), 6);
    assert_true(span_eq(fields[1].name, SPAN("proc.aname[2]")));
    assert_true(span_eq(fields[3].name, SPAN("tolower(proc.name)")));
    assert_int_equal(fields[3].slot, UINT32_MAX);
    struct value value = rule_program_output_value(program, 0, 3, &event);
    assert_true(value.kind == VALUE_TEXT && span_eq(value.text, SPAN("bash")));
    event_close(&event);
    rule_program_close(program);
    writer_free(&out);
    writer_free(&text);
}

static char *file_read(const char *folder, const char *name, size_t *ret_len)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    char *bytes = malloc(1 << 20);
    assert_non_null(bytes);
    *ret_len = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void stock_files_load(void **state)
{
    (void)state;
    static const char *const names[] = {"falco_rules.yaml", "falco-incubating_rules.yaml",
                                        "falco-sandbox_rules.yaml"};
    const char *folder = getenv("PICKET_STOCK_RULES");
    if (!folder) {
        fputs("# skipped: PICKET_STOCK_RULES does not name the folder of Falco's rules\n", stderr);
        return;
    }
    for (size_t index = 0; index < 3; index++) {
        size_t length;
        char *bytes = file_read(folder, names[index], &length);
        assert_non_null(bytes);
        struct falco_input input = {span_str(names[index]), span_of(bytes, length)};
        struct rule_builder *builder;
        struct diagnostics diagnostics;
        struct err_ctx err = {0};
        struct writer out;
        writer_init(&out, 1 << 24);
        diagnostics_init(&diagnostics, 100);
        assert_int_equal(rule_builder_open(&test_schema, &builder, &err), OK);
        if (!falco_load(&input, 1, &test_schema, builder, &diagnostics)) {
            diagnostics_write(&diagnostics, &out);
            fail_msg("%.*s", (int)out.len, out.data);
        }
        struct rule_program *program;
        assert_int_equal(rule_image_write(builder, &out, &err), OK);
        assert_int_equal(rule_program_open(writer_span(&out), &test_schema, &program, &err), OK);
        assert_true(rule_program_count(program) >= 20);
        assert_true(rule_program_wants(program, SPAN("execve")));
        rule_program_close(program);
        rule_builder_close(builder);
        diagnostics_free(&diagnostics);
        writer_free(&out);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_say_where_and_what),
        cmocka_unit_test(items_change_each_other_in_order),
        cmocka_unit_test(a_rule_for_events_of_every_type_is_warned_of),
        cmocka_unit_test(warnings_do_not_fail_a_load),
        cmocka_unit_test(output_text_names_its_fields),
        cmocka_unit_test(stock_files_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
