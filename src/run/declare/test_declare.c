#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/test_place.h"
#include "declare/declare.h"

static const char good[] = "name: web\n"
                           "owner: team-web\n"
                           "description: what it says\n"
                           "source:\n"
                           "  type: file\n"
                           "  paths: [/var/log/a*.log, '/var/log/b.log']\n"
                           "  line_bytes: 64K\n"
                           "decoder: json\n"
                           "logsource: {product: nginx, service: access}\n"
                           "rules: rules/\n"
                           "retention: {bytes: 64M}\n";

struct read {
    struct diagnostics diagnostics;
    struct writer pairs;
    struct writer said;
};

static void read_open(struct read *read)
{
    diagnostics_init(&read->diagnostics, 100);
    writer_init(&read->pairs, 1 << 20);
    writer_init(&read->said, 1 << 20);
}

static void read_close(struct read *read)
{
    diagnostics_free(&read->diagnostics);
    writer_free(&read->pairs);
    writer_free(&read->said);
}

static const char *said(struct read *read, const char *name, span text)
{
    declare_read(span_str(name), text, &read->diagnostics, &read->pairs);
    writer_reset(&read->said);
    diagnostics_write(&read->diagnostics, &read->said);
    writer_byte(&read->said, 0);
    return (const char *)read->said.data;
}

static void a_pipeline_comes_back_as_it_was_declared(void **state)
{
    struct read read;
    struct declare_pipeline pipeline;
    bool is_end;
    (void)state;
    read_open(&read);
    assert_string_equal(said(&read, "web.yaml", span_str(good)), "");
    span pairs = writer_span(&read.pairs);
    MUST(declare_next(&pairs, &pipeline, &is_end, err));
    assert_false(is_end);
    assert_string_equal(pipeline.file, "web.yaml");
    assert_string_equal(pipeline.name, "web");
    assert_string_equal(pipeline.owner, "team-web");
    assert_int_equal(pipeline.type, DECLARE_FILE);
    assert_int_equal(pipeline.paths.count, 2);
    assert_string_equal(pipeline.paths.items[1], "/var/log/b.log");
    assert_int_equal(pipeline.line_bytes, 64 << 10);
    assert_true(span_eq(pipeline.logsource.product, SPAN("nginx")));
    assert_null(pipeline.logsource.category.data);
    assert_int_equal(pipeline.rules.count, 1);
    assert_int_equal(pipeline.store_bytes, 64 << 20);
    assert_null(pipeline.listen);
    MUST(declare_next(&pairs, &pipeline, &is_end, err));
    assert_true(is_end);
    read_close(&read);
}

static void all_errors_are_told_with_their_places(void **state)
{
    struct read read;
    (void)state;
    read_open(&read);
    assert_string_equal(
        said(&read, "x.yaml",
             SPAN("name: -x\n"
                  "ownr: me\n"
                  "source:\n"
                  "  type: file\n"
                  "  path: /var/log/x\n"
                  "  listen: 127.0.0.1:1\n"
                  "decoder: jsn\n"
                  "retention: {bytes: 1K, age: soon, aeg: 1d}\n"
                  "rules: {}\n")),
        "x.yaml:1:7: error: 'name' is '-x': expected at most 47 letters, digits, '-', '_' and "
        "'.', a letter or digit first\n"
        "x.yaml:2:1: error: unknown key 'ownr'; did you mean 'owner'?\n"
        "x.yaml:5:3: error: unknown key 'source.path'; did you mean 'paths'?\n"
        "x.yaml:6:3: error: 'source.listen' is nothing for a source of type file\n"
        "x.yaml:7:10: error: 'decoder' is 'jsn': no such decoder; `picket pipeline new` lists "
        "them; did you mean 'json'?\n"
        "x.yaml:8:20: error: expected at least 4M\n"
        "x.yaml:8:29: error: expected a time, as 30s, 10m, 2h or 30d\n"
        "x.yaml:8:35: error: unknown key 'retention.aeg'\n"
        "x.yaml:9:8: error: expected a list of 1 to 64 for 'rules'\n"
        "x.yaml:1:1: error: 'owner' is missing\n"
        "x.yaml:4:3: error: 'source.paths' is missing\n");
    assert_int_equal(read.pairs.len, 0);
    read_close(&read);
}

static void what_is_no_pipeline_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "- a\n",
        "name: a\n---\nname: b\n",
        "name: [a]\n",
        "source: file\n",
        "name: a\nowner: b\ndecoder: json\nsource: {type: fil, paths: [/a]}\n",
        "name: a\nowner: b\ndecoder: json\nsource: {type: file, paths: [a]}\n",
        "name: a\nowner: b\ndecoder: json\nsource: {type: file, paths: []}\n",
        "name: a\nowner: b\ndecoder: json\nsource: {type: http, listen: localhost}\n",
        "name: a\nowner: b\ndecoder: json\nsource: {type: http, listen: 'a:70000'}\n",
        "name: a\nowner: b\ndecoder: json\nsource: {type: kafka, brokers: a, topic: b}\n",
        ("name: a\nowner: b\ndecoder: json\nsource: {type: kafka, brokers: a, topic: b, output: c, "
         "guarantee: exact}\n"),
        "name: a\nowner: b\ndecoder: json\nsource: {type: stdin, line_bytes: 1G}\n",
        "name: \"a\\0b\"\nowner: b\ndecoder: json\nsource: {type: stdin}\n",
        "name: a\nowner:\ndecoder: json\nsource: {type: stdin}\n",
    };
    (void)state;
    for (size_t index = 0; index < sizeof texts / sizeof *texts; index++) {
        struct read read;
        read_open(&read);
        const char *text = said(&read, "x.yaml", span_str(texts[index]));
        if (!strstr(text, "error: ") || read.pairs.len)
            fail_msg("taken: %s", texts[index]);
        read_close(&read);
    }
}

static void a_name_is_taken_once(void **state)
{
    struct read read;
    (void)state;
    read_open(&read);
    assert_string_equal(said(&read, "a.yaml", span_str(good)), "");
    assert_string_equal(said(&read, "b.yaml", span_str(good)),
                        "b.yaml:1:7: error: another pipeline has the name 'web'\n");
    read_close(&read);
}

static void topics_of_a_pipeline_differ(void **state)
{
    static const char text[] = "name: k\n"
                               "owner: me\n"
                               "decoder: json\n"
                               "source:\n"
                               "  type: kafka\n"
                               "  brokers: ''\n"
                               "  topic: t\n"
                               "  output: t\n"
                               "  dlq: d\n";
    (void)state;
    struct read read;
    read_open(&read);
    assert_string_equal(
        said(&read, "k.yaml", span_str(text)),
        "k.yaml:6:12: error: expected a text for 'source.brokers'\n"
        "k.yaml:8:11: error: 'output' is the topic of 'topic' too: expected another one\n");
    read_close(&read);
}

static void every_beginning_of_a_file_and_of_its_pairs_is_survived(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof good; len++) {
        struct read read;
        read_open(&read);
        (void)said(&read, "x.yaml", span_of(good, len));
        read_close(&read);
    }
    struct read read;
    read_open(&read);
    (void)said(&read, "x.yaml", span_str(good));
    for (size_t len = 1; len < read.pairs.len; len++) {
        struct declare_pipeline pipeline;
        struct err_ctx err;
        bool is_end;
        span pairs = span_first(writer_span(&read.pairs), len);
        assert_int_equal(declare_next(&pairs, &pipeline, &is_end, &err), ERR_STATE);
    }
    read_close(&read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipeline_comes_back_as_it_was_declared),
        cmocka_unit_test(all_errors_are_told_with_their_places),
        cmocka_unit_test(what_is_no_pipeline_is_refused),
        cmocka_unit_test(a_name_is_taken_once),
        cmocka_unit_test(topics_of_a_pipeline_differ),
        cmocka_unit_test(every_beginning_of_a_file_and_of_its_pairs_is_survived),
    };
    return cmocka_run_group_tests_name("declare", tests, NULL, NULL);
}
