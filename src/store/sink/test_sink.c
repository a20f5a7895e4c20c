/* Declarations, the feed's positions, batches and their outcomes, by a kind that a test controls.
 */
#include "core/test.h"
#include "sink/kind.h"
#include "sink/option.h"

/* ---- declarations ---- */

static void declare(const char *name, const char *text, struct diagnostics *diagnostics,
                    struct writer *out)
{
    diagnostics_init(diagnostics, 50);
    writer_init(out, 1 << 20);
    sink_declare(span_str(name), span_str(text), diagnostics, out);
}

static const char good[] = "kind: opensearch\n"
                           "url: https://search:9200\n"
                           "index: picket-%Y.%m.%d\n"
                           "token_file: /etc/token\n"
                           "user: picket\n"
                           "topics: [alerts, signals]\n"
                           "priority: high\n"
                           "rate: 100/m\n"
                           "timeout: 2s\n"
                           "headers: {X-A: b, X-C: d}\n"
                           "tls: {ca_file: /etc/ca.pem, verify: true}\n";

static void a_declaration_becomes_settings(void **state)
{
    struct diagnostics diagnostics;
    struct writer out;
    struct sink_settings settings;
    struct err_ctx err;
    (void)state;
    declare("sinks/search.yml", good, &diagnostics, &out);
    assert_int_equal(diagnostics.error_count, 0);
    assert_int_equal(sink_settings_open(&settings, writer_span(&out), &err), OK);
    assert_string_equal(settings.name, "search");
    assert_ptr_equal(settings.kind, &sink_kind_opensearch);
    assert_string_equal(settings.index, "picket-%Y.%m.%d");
    assert_int_equal(settings.format, SIGNAL_FORMAT_ECS);
    assert_int_equal(settings.batch_max, 500);
    assert_true(settings.takes_alerts && settings.takes_signals && settings.is_verified);
    assert_int_equal(settings.priority_max, 3);
    assert_int_equal(settings.rate_count, 100);
    assert_int_equal(settings.rate_ns, 60000000000ull);
    assert_int_equal(settings.timeout_ns, 2000000000ull);
    assert_int_equal(settings.retry_max_ns, 60000000000ull);
    assert_int_equal(settings.header_count, 2);
    assert_string_equal(settings.ca_file.path, "/etc/ca.pem");
    assert_int_equal(settings.ca_file.fd, -1);
    sink_settings_close(&settings);
    writer_free(&out);
    diagnostics_free(&diagnostics);
}

/* Whatever is cut off: an error, or a declaration that can be read. */
static void every_truncation_is_told_or_read(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof good - 1; len++) {
        struct diagnostics diagnostics;
        struct writer out;
        struct sink_settings settings;
        struct err_ctx err;
        diagnostics_init(&diagnostics, 50);
        writer_init(&out, 1 << 20);
        sink_declare(SPAN("a.yml"), span_of(good, len), &diagnostics, &out);
        if (diagnostics.error_count == 0) {
            assert_int_equal(sink_settings_open(&settings, writer_span(&out), &err), OK);
            sink_settings_close(&settings);
        }
        writer_free(&out);
        diagnostics_free(&diagnostics);
    }
}

static void wrong_declarations_are_errors(void **state)
{
    static const struct {
        const char *text, *error;
    } case_table[] = {
        {"kind: stdout\nbatch: 0\n", "batch: expected a number from 1 to 1000, found '0'"},
        {"kind: stdout\nbatch: 1001\n", "batch: expected a number"},
        {"kind: stdout\npriority: loud\n", "priority: expected a priority"},
        {"kind: stdout\ntopics: [alerts, events]\n", "topics: expected alerts, signals"},
        {"kind: stdout\ntopics: []\n", "topics: expected"},
        {"kind: stdout\nformat: cef\n", "format: expected picket|falco|ocsf|ecs"},
        {"kind: stdout\ntimeout: 0s\n", "timeout: expected a duration"},
        {"kind: file\n", "a sink of kind file needs 'path'"},
        {"kind: webhook\nurl: https://u:p@h/\n", "a name and password do not belong in it"},
        {"kind: webhook\nurl: https://h/?a=b@c\nheaders: {A b: c}\n", "without control"},
        {"kind: webhook\nurl: https://h\ntls: {cert_file: x}\n", "cert_file and key_file"},
        {"kind: opensearch\nurl: http://h\nindex: i\nuser: u\n", "password is expected"},
        {"kind: syslog\nurl: https://h\n", "begins with udp://"},
        {"kind: []\n", "no kind of sink"},
        {"url: x\n", "no 'kind'"},
        {"kind: stdout\n---\nkind: stdout\n", "expected one mapping"},
    };
    (void)state;
    for (size_t index = 0; index < sizeof case_table / sizeof *case_table; index++) {
        struct diagnostics diagnostics;
        struct writer out, text;
        declare("s.yml", case_table[index].text, &diagnostics, &out);
        writer_init(&text, 65536);
        diagnostics_write(&diagnostics, &text);
        if (!span_contains(writer_span(&text), span_str(case_table[index].error)))
            fail_msg("'%s' is not in '%.*s'", case_table[index].error, (int)text.len,
                     (const char *)text.data);
        writer_free(&text);
        writer_free(&out);
        diagnostics_free(&diagnostics);
    }
}

static void the_name_is_the_files(void **state)
{
    struct diagnostics diagnostics;
    struct writer out;
    (void)state;
    declare("sinks/Bad Name.yml", "kind: stdout\n", &diagnostics, &out);
    assert_int_equal(diagnostics.error_count, 1);
    writer_free(&out);
    diagnostics_free(&diagnostics);
}

static void kinds_are_sorted_and_each_option_names_kinds_that_are_there(void **state)
{
    const struct sink_option *option;
    (void)state;
    for (size_t index = 1; sink_kind_at(index); index++)
        assert_true(strcmp(sink_kind_at(index - 1)->name, sink_kind_at(index)->name) < 0);
    for (size_t index = 0; (option = sink_option_at(index)); index++) {
        span rest = span_str(option->kinds ? option->kinds : ""), word;
        while (rest.len) {
            if (!span_until(&rest, ' ', &word)) {
                word = rest;
                rest.len = 0;
            }
            assert_non_null(sink_kind_find(word));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_declaration_becomes_settings),
        cmocka_unit_test(every_truncation_is_told_or_read),
        cmocka_unit_test(wrong_declarations_are_errors),
        cmocka_unit_test(the_name_is_the_files),
        cmocka_unit_test(kinds_are_sorted_and_each_option_names_kinds_that_are_there),
    };
    return cmocka_run_group_tests_name("sink", tests, NULL, NULL);
}
