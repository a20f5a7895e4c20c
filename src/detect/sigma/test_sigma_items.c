/* Items of detections and the events that they are for: one row a semantic. */
#include <stdlib.h>

#include "sigma/test_support.h"

struct item_case {
    const char *item;
    const char *event;
    bool matches;
};

/* clang-format off */
static const struct item_case item_cases[] = {
    /* texts: the whole value, in any case */
    {"F: abc", "{\"F\": \"abc\"}", true},
    {"F: abc", "{\"F\": \"ABC\"}", true},
    {"F: abc", "{\"F\": \"abcd\"}", false},
    {"F: abc", "{\"G\": \"abc\"}", false},
    {"F: abc", "{\"f\": \"abc\"}", false},
    {"F: caf\xc3\xa9", "{\"F\": \"CAF\xc3\x89\"}", true},
    {"F|cased: abc", "{\"F\": \"abc\"}", true},
    {"F|cased: abc", "{\"F\": \"aBc\"}", false},
    {"F|contains|cased: b", "{\"F\": \"aBc\"}", false},
    {"F|cased|contains: b", "{\"F\": \"abc\"}", true},
    {"F|cased: a*c", "{\"F\": \"aBc\"}", true},
    {"F|cased: a*C", "{\"F\": \"aBc\"}", false},
    /* lists */
    {"F: [a, b]", "{\"F\": \"b\"}", true},
    {"F: [a, b]", "{\"F\": \"c\"}", false},
    {"F|contains|all: [a, b]", "{\"F\": \"xbxax\"}", true},
    {"F|contains|all: [a, b]", "{\"F\": \"xax\"}", false},
    {"F|contains|all: a", "{\"F\": \"xax\"}", true},
    {"F|all|contains: [a, b]", "{\"F\": \"xbxax\"}", true},
    /* wildcards */
    {"F: 'a*'", "{\"F\": \"abc\"}", true},
    {"F: 'a*'", "{\"F\": \"a\"}", true},
    {"F: 'a*'", "{\"F\": \"ba\"}", false},
    {"F: '*c'", "{\"F\": \"abc\"}", true},
    {"F: '*b*'", "{\"F\": \"abc\"}", true},
    {"F: 'a*c'", "{\"F\": \"abbc\"}", true},
    {"F: 'a*c'", "{\"F\": \"a\\nc\"}", true},
    {"F: 'a*c'", "{\"F\": \"ac\"}", true},
    {"F: 'a?c'", "{\"F\": \"abc\"}", true},
    {"F: 'a?c'", "{\"F\": \"ac\"}", false},
    {"F: 'a?c'", "{\"F\": \"a\xc3\xa9""c\"}", true},
    {"F: 'a?c'", "{\"F\": \"a\\nc\"}", true},
    {"F: '?'", "{\"F\": \"\"}", false},
    {"F: 'a[b]*'", "{\"F\": \"a[b]c\"}", true},
    {"F: 'a[b]*'", "{\"F\": \"abc\"}", false},
    {"F|contains: 'b?d'", "{\"F\": \"abcde\"}", true},
    {"F|startswith: 'b?d'", "{\"F\": \"abcde\"}", false},
    {"F|endswith: 'c?e'", "{\"F\": \"abcde\"}", true},
    {"F|contains: '*b*'", "{\"F\": \"abc\"}", true},
    {"F: '**'", "{\"F\": \"\"}", true},
    /* escapes */
    {"F: 'a\\*'", "{\"F\": \"a*\"}", true},
    {"F: 'a\\*'", "{\"F\": \"ab\"}", false},
    {"F: 'a\\?'", "{\"F\": \"a?\"}", true},
    {"F: 'a\\?'", "{\"F\": \"ab\"}", false},
    {"F: 'a\\\\*'", "{\"F\": \"a\\\\b\"}", true},
    {"F: 'a\\\\*'", "{\"F\": \"a*\"}", false},
    {"F: 'a\\\\\\*'", "{\"F\": \"a\\\\*\"}", true},
    {"F: 'a\\\\\\*'", "{\"F\": \"a\\\\b\"}", false},
    {"F: 'a\\b'", "{\"F\": \"a\\\\b\"}", true},
    {"F: 'a\\\\b'", "{\"F\": \"a\\\\b\"}", true},
    {"F: '\\\\\\\\srv'", "{\"F\": \"\\\\\\\\srv\"}", true},
    {"F: '\\\\srv'", "{\"F\": \"\\\\srv\"}", true},
    {"F: 'a\\'", "{\"F\": \"a\\\\\"}", true},
    {"F|contains: 'Desktop\\'", "{\"F\": \"C:\\\\Desktop\\\\x\"}", true},
    {"F|contains: 'Desktop\\'", "{\"F\": \"C:\\\\Desktop*\"}", false},
    {"F|endswith: '\\cmd.exe'", "{\"F\": \"C:\\\\CMD.EXE\"}", true},
    {"F|endswith: '\\cmd.exe'", "{\"F\": \"cmd.exe\"}", false},
    {"F|startswith: 'C:\\'", "{\"F\": \"c:\\\\x\"}", true},
    /* null, empty, absent, present */
    {"F: null", "{}", true},
    {"F:", "{}", true},
    {"F: null", "{\"F\": null}", true},
    {"F: null", "{\"F\": \"\"}", false},
    {"F: null", "{\"F\": \"x\"}", false},
    {"F: 'null'", "{\"F\": \"null\"}", true},
    {"F: []", "{}", true},
    {"F: []", "{\"F\": \"a\"}", false},
    {"F: ''", "{\"F\": \"\"}", true},
    {"F: ''", "{}", false},
    {"F: ''", "{\"F\": null}", false},
    {"F: '*'", "{\"F\": \"\"}", true},
    {"F: '*'", "{\"F\": 5}", true},
    {"F: '*'", "{}", false},
    {"F: '*'", "{\"F\": null}", false},
    {"F|contains: ''", "{\"F\": \"a\"}", true},
    {"F: [null, a]", "{}", true},
    {"F: [null, a]", "{\"F\": \"A\"}", true},
    {"F: [null, a]", "{\"F\": \"b\"}", false},
    {"F|exists: true", "{\"F\": \"\"}", true},
    {"F|exists: true", "{\"F\": null}", true},
    {"F|exists: true", "{}", false},
    {"F|exists: false", "{}", true},
    {"F|exists: false", "{\"F\": null}", false},
    {"F|exists: false", "{\"F\": 0}", false},
    /* numbers, bools */
    {"F: 4625", "{\"F\": 4625}", true},
    {"F: 4625", "{\"F\": \"4625\"}", true},
    {"F: '4625'", "{\"F\": 4625}", true},
    {"F: '4625'", "{\"F\": \"4625\"}", true},
    {"F: 4625", "{\"F\": 46250}", false},
    {"F: 4625", "{\"F\": \"x4625\"}", false},
    {"F: 9007199254740993", "{\"F\": 9007199254740993}", true},
    {"F: 9007199254740993", "{\"F\": 9007199254740992}", false},
    {"F: 1.5", "{\"F\": 1.5}", true},
    {"F: -3", "{\"F\": -3}", true},
    {"F: 0x17", "{\"F\": 23}", false},
    {"F: 0x17", "{\"F\": \"0X17\"}", true},
    {"F: 0777", "{\"F\": \"0777\"}", true},
    {"F: 0777", "{\"F\": 777}", false},
    {"F: 1e3", "{\"F\": \"1E3\"}", true},
    {"F: 12:30:00", "{\"F\": \"12:30:00\"}", true},
    {"F: yes", "{\"F\": \"YES\"}", true},
    {"F: 2024-01-02", "{\"F\": \"2024-01-02\"}", true},
    {"F: true", "{\"F\": true}", true},
    {"F: true", "{\"F\": \"True\"}", true},
    {"F: true", "{\"F\": false}", false},
    {"F: true", "{\"F\": 1}", false},
    {"F: 'true'", "{\"F\": true}", true},
    {"F: false", "{\"F\": \"false\"}", true},
    {"F: [4624, '4625']", "{\"F\": \"4624\"}", true},
    {"F|contains: 62", "{\"F\": 4625}", true},
    {"F|startswith: 4", "{\"F\": \"4x\"}", true},
    {"F: '46*'", "{\"F\": 4625}", true},
    /* order */
    {"F|lt: 5", "{\"F\": 4}", true},
    {"F|lt: 5", "{\"F\": 5}", false},
    {"F|lte: 5", "{\"F\": \"5\"}", true},
    {"F|gt: 5", "{\"F\": 5.5}", true},
    {"F|gte: 5", "{\"F\": 5}", true},
    {"F|gte: 5", "{\"F\": \"x\"}", false},
    {"F|gte: 5", "{}", false},
    {"F|lt: 5", "{\"F\": \"\"}", false},
    {"F|gt: 9223372036854775806", "{\"F\": 9223372036854775807}", true},
    {"F|gt|neq: 5", "{}", true},
    /* regexes */
    {"F|re: 'b.d'", "{\"F\": \"abcde\"}", true},
    {"F|re: 'B.d'", "{\"F\": \"abcde\"}", false},
    {"F|re|i: 'B.d'", "{\"F\": \"abcde\"}", true},
    {"F|re|ignorecase: 'B.d'", "{\"F\": \"abcde\"}", true},
    {"F|re: 'b.d'", "{\"F\": \"b\\nd\"}", false},
    {"F|re|s: 'b.d'", "{\"F\": \"b\\nd\"}", true},
    {"F|re|dotall: 'b.d'", "{\"F\": \"b\\nd\"}", true},
    {"F|re: '^d'", "{\"F\": \"b\\nd\"}", false},
    {"F|re|m: '^d'", "{\"F\": \"b\\nd\"}", true},
    {"F|re|multiline: '^d'", "{\"F\": \"b\\nd\"}", true},
    {"F|re|i|m|s: '^D.e'", "{\"F\": \"b\\nd\\ne\"}", true},
    {"F|re: '\\\\\\\\'", "{\"F\": \"a\\\\\\\\b\"}", true},
    {"F|re: 'a*'", "{\"F\": \"x\"}", true},
    {"F|re: 5", "{\"F\": 456}", true},
    {"F|re: ['x', 'b.d']", "{\"F\": \"bcd\"}", true},
    {"F|re|all: ['x', 'b.d']", "{\"F\": \"bcd\"}", false},
    {"F|re|startswith: 'b|c'", "{\"F\": \"cab\"}", true},
    {"F|re|startswith: 'b|c'", "{\"F\": \"acb\"}", false},
    {"F|re|endswith: 'b|c'", "{\"F\": \"cab\"}", true},
    {"F|re|endswith: 'b|c'", "{\"F\": \"cba\"}", false},
    {"F|re|contains: 'b.d'", "{\"F\": \"abcde\"}", true},
    {"F|re|neq: 'b.d'", "{\"F\": \"abcde\"}", false},
    /* encodings */
    {"F|base64: foo", "{\"F\": \"Zm9v\"}", true},
    {"F|base64: foobar1", "{\"F\": \"Zm9vYmFyMQ==\"}", true},
    {"F|base64: foo", "{\"F\": \"xZm9v\"}", false},
    {"F|base64|contains: foo", "{\"F\": \"xZm9vx\"}", true},
    {"F|base64: 'f\\*'", "{\"F\": \"Zio=\"}", true},
    {"F|base64offset|contains: '/bin/sh'", "{\"F\": \"x L2Jpbi9za y\"}", true},
    {"F|base64offset|contains: '/bin/sh'", "{\"F\": \"x 9iaW4vc2 y\"}", true},
    {"F|base64offset|contains: '/bin/sh'", "{\"F\": \"x vYmluL3No y\"}", true},
    {"F|base64offset|contains: '/bin/sh'", "{\"F\": \"L2Jpbi9z\"}", false},
    {"F|base64offset|contains: caf\xc3\xa9", "{\"F\": \"Y2Fmw6\"}", true},
    {"F|wide|base64: ab", "{\"F\": \"YQBiAA==\"}", true},
    {"F|utf16le|base64: ab", "{\"F\": \"YQBiAA==\"}", true},
    {"F|utf16be|base64: ab", "{\"F\": \"AGEAYg==\"}", true},
    {"F|utf16|base64: ab", "{\"F\": \"//5hAGIA\"}", true},
    {"F|wide|base64: \xf0\x9f\x98\x80", "{\"F\": \"PdgA3g==\"}", true},
    {"F|wide|base64offset|contains: ab", "{\"F\": \"--YQBiA--\"}", true},
    /* base64offset with all: any of the offsets of each value */
    {"F|base64offset|contains|all: [foo, bar]", "{\"F\": \"Zm9v YmFy\"}", true},
    {"F|base64offset|contains|all: [foo, bar]", "{\"F\": \"Zm9v\"}", false},
    /* dashes */
    {"F|windash|contains: ' -f '", "{\"F\": \"x -f y\"}", true},
    {"F|windash|contains: ' -f '", "{\"F\": \"x /F y\"}", true},
    {"F|contains|windash: ' -f '", "{\"F\": \"x \xe2\x80\x93""f y\"}", true},
    {"F|windash|contains: ' /f '", "{\"F\": \"x \xe2\x80\x94""f y\"}", true},
    {"F|windash|contains: ' -f '", "{\"F\": \"x \xe2\x80\x95""f y\"}", true},
    {"F|windash|contains: ' -f '", "{\"F\": \"x +f y\"}", false},
    {"F|windash|contains: 'a-f'", "{\"F\": \"a/f\"}", false},
    {"F|windash: '-a -b -c'", "{\"F\": \"/a \xe2\x80\x93""b -C\"}", true},
    {"F|windash: '-a -b -c'", "{\"F\": \"/a \xe2\x80\x93""b c\"}", false},
    {"F|windash|contains: '-a*-b'", "{\"F\": \"x /a [ /b\"}", true},
    {"F|windash|contains|all: ['-a', '-b']", "{\"F\": \"/a /b\"}", true},
    {"F|windash|contains|all: ['-a', '-b']", "{\"F\": \"/a\"}", false},
    {"F|windash: '-x'", "{\"F\": \"/X\"}", true},
    {"F|windash|endswith: ' -x'", "{\"F\": \"a /X\"}", true},
    {"F|windash|startswith: '-x '", "{\"F\": \"/x b\"}", true},
    /* networks */
    {"F|cidr: 10.0.0.0/8", "{\"F\": \"10.1.2.3\"}", true},
    {"F|cidr: 10.0.0.0/8", "{\"F\": \"11.1.2.3\"}", false},
    {"F|cidr: 10.0.0.0/8", "{\"F\": \"::ffff:10.1.2.3\"}", true},
    {"F|cidr: '::ffff:10.0.0.0/104'", "{\"F\": \"10.1.2.3\"}", true},
    {"F|cidr: 'fe80::/10'", "{\"F\": \"FE80::1\"}", true},
    {"F|cidr: 'fe80::/10'", "{\"F\": \"10.1.2.3\"}", false},
    {"F|cidr: 10.0.0.0/8", "{\"F\": \"host\"}", false},
    {"F|cidr: [10.0.0.0/8, '::1/128']", "{\"F\": \"::1\"}", true},
    {"F|cidr: 1.2.3.4", "{\"F\": \"1.2.3.4\"}", true},
    {"F|cidr|neq: 10.0.0.0/8", "{\"F\": \"host\"}", true},
    /* not equal */
    {"F|neq: a", "{\"F\": \"b\"}", true},
    {"F|neq: a", "{\"F\": \"A\"}", false},
    {"F|neq: a", "{}", true},
    {"F|neq: [a, b]", "{\"F\": \"a\"}", false},
    {"F|neq: [a, b]", "{\"F\": \"c\"}", true},
    {"F|contains|neq: a", "{\"F\": \"xax\"}", false},
    {"F|neq: null", "{}", false},
    {"F|neq: null", "{\"F\": \"x\"}", true},
    {"F|contains|all|neq: [a, b]", "{\"F\": \"a\"}", true},
    {"F|contains|all|neq: [a, b]", "{\"F\": \"ab\"}", false},
    /* other fields */
    {"F|fieldref: G", "{\"F\": \"a\", \"G\": \"A\"}", true},
    {"F|fieldref: G", "{\"F\": \"a\", \"G\": \"b\"}", false},
    {"F|fieldref: G", "{\"F\": \"a\"}", false},
    {"F|fieldref: G", "{\"F\": 5, \"G\": \"5\"}", true},
    {"F|fieldref|cased: G", "{\"F\": \"a\", \"G\": \"A\"}", false},
    {"F|fieldref|startswith: G", "{\"F\": \"abc\", \"G\": \"AB\"}", true},
    {"F|fieldref|endswith: G", "{\"F\": \"abc\", \"G\": \"BC\"}", true},
    {"F|fieldref|contains: G", "{\"F\": \"abc\", \"G\": \"B\"}", true},
    {"F|fieldref|contains: G", "{\"F\": \"abc\", \"G\": \"x\"}", false},
    {"F|fieldref|neq: G", "{\"F\": \"a\", \"G\": \"b\"}", true},
    {"F|fieldref|neq: G", "{\"F\": \"a\"}", true},
    {"F|fieldref: [G, H]", "{\"F\": \"a\", \"H\": \"a\"}", true},
    /* dates as written */
    {"F|minute: 30", "{\"F\": \"2024-02-03T04:30:06Z\"}", true},
    {"F|hour: 4", "{\"F\": \"2024-02-03T04:30:06+09:00\"}", true},
    {"F|hour|gte: 4", "{\"F\": \"2024-02-03T04:30:06Z\"}", true},
    {"F|hour|lt: 4", "{\"F\": \"2024-02-03T04:30:06Z\"}", false},
    {"F|day: 3", "{\"F\": \"2024-02-03T04:30:06Z\"}", true},
    {"F|week: 5", "{\"F\": \"2024-02-03\"}", true},
    {"F|month: [1, 2]", "{\"F\": \"2024-02-03\"}", true},
    {"F|year: 2024", "{\"F\": \"2024-02-03\"}", true},
    {"F|year: 2024", "{\"F\": \"soon\"}", false},
    {"F|year|neq: 2024", "{}", true},
    /* arrays */
    {"F: b", "{\"F\": [\"a\", \"B\"]}", true},
    {"F: c", "{\"F\": [\"a\", \"b\"]}", false},
    {"F|contains|all: [a, b]", "{\"F\": [\"xa\", \"xb\"]}", true},
    {"F|contains|all: [a, c]", "{\"F\": [\"xa\", \"xb\"]}", false},
    {"F|neq: a", "{\"F\": [\"a\", \"b\"]}", false},
    {"F: 2", "{\"F\": [1, 2]}", true},
    {"F|gt: 1", "{\"F\": [1, 2]}", true},
    {"F: null", "{\"F\": []}", true},
    /* fields with unusual names */
    {"'a b.c-d@{}': x", "{\"a b.c-d@{}\": \"x\"}", true},
    {"'a b|contains': x", "{\"a b\": \"yxy\"}", true},
    /* keywords with modifiers */
    {"'|all': [foo, bar]", "{\"A\": \"a foo\", \"B\": \"the BAR\"}", true},
    {"'|all': [foo, bar]", "{\"A\": \"a foo\"}", false},
    {"'|re': 'f.o'", "{\"A\": \"a fxo\"}", true},
    {"'|contains': foo", "{\"A\": \"a foo b\"}", true},
    {"'|cased': foo", "{\"A\": \"FOO\"}", false},
};
/* clang-format on */

static void items_hold_as_sigma_says(void **state)
{
    struct writer out;
    size_t wrong = 0;
    (void)state;
    writer_init(&out, 1 << 20);
    for (size_t index = 0; index < sizeof item_cases / sizeof item_cases[0]; index++) {
        const struct item_case *one = &item_cases[index];
        char detection[512];
        snprintf(detection, sizeof detection, "sel:\n    %s\ncondition: sel", one->item);
        char *yaml = test_sigma_rule(detection);
        struct rule_program *program =
            test_sigma_load((const char *const[]){yaml}, 1, NULL, 0, &out, NULL);
        bool matches = program && test_sigma_match(program, one->event, NULL);
        if (!program || matches != one->matches) {
            print_error("%s with %s\n", one->item, one->event);
            wrong++;
        }
        if (!program)
            print_error("%.*s\n", (int)out.len, (const char *)out.data);
        rule_program_close(program);
        free(yaml);
    }
    writer_free(&out);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_hold_as_sigma_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
