#include <stdlib.h>

#include "core/test.h"
#include "yaml/yaml.h"

static bool open_text(struct yaml_file *file, const char *text, struct diagnostics *diagnostics)
{
    diagnostics_init(diagnostics, 10);
    return yaml_open(file, SPAN("f"), span_str(text), diagnostics);
}

static void close_all(struct yaml_file *file, struct diagnostics *diagnostics)
{
    yaml_close(file);
    diagnostics_free(diagnostics);
}

static void documents_become_trees_with_places(void **state)
{
    (void)state;
    struct yaml_file file;
    struct diagnostics diagnostics;
    assert_true(
        open_text(&file, "a: [1, 'two']\nb:\n  c: |\n    x\n    y\n---\n- ~\n", &diagnostics));
    assert_int_equal(file.document_count, 2);
    const struct yaml_node *root = file.documents[0];
    assert_int_equal(root->kind, YAML_MAPPING);
    const struct yaml_node *a = yaml_get(root, "a");
    assert_int_equal(a->count, 2);
    assert_int_equal(a->first->style, YAML_PLAIN);
    assert_int_equal(a->first->next->style, YAML_SINGLE);
    assert_int_equal(a->first->next->column, 8);
    const struct yaml_node *c = yaml_get(yaml_get(root, "b"), "c");
    assert_true(span_eq(c->text, SPAN("x\ny\n")));
    assert_int_equal(c->line, 3);
    assert_null(yaml_get(root, "c"));
    assert_true(yaml_is_null(file.documents[1]->first));
    close_all(&file, &diagnostics);
}

struct place_case {
    const char *yaml; /* a sequence with one scalar, in which X is looked for */
    uint32_t line, column;
};

static const struct place_case place_cases[] = {
    {"- a X", 1, 5},
    {"- a\n  b\n\n  X", 4, 3},
    {"- 'it''s X'", 1, 10},
    {"- \"a\\\"\\x41\\u00e4\\t X\"", 1, 20},
    {"- \"a\\\n   b X\"", 2, 6},
    {"- |\n  a\n   b X", 3, 6},
    {"- >-\n  a\n\n  b\n  X", 5, 3},
    {"- > # comment X\n  a X", 2, 5},
    {"- !tag &anchor 'a X'", 1, 19},
    {"- \xc3\xa4\xe2\x82\xac X", 1, 6},
    {"\xef\xbb\xbf- a X", 1, 5},
};

static void bytes_of_scalars_are_found_again(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof place_cases / sizeof place_cases[0]; index++) {
        struct yaml_file file;
        struct diagnostics diagnostics;
        assert_true(open_text(&file, place_cases[index].yaml, &diagnostics));
        const struct yaml_node *scalar = file.documents[0]->first;
        const char *found = strchr((const char *)scalar->text.data, 'X');
        assert_non_null(found);
        struct position at =
            yaml_position_in(&file, scalar, (size_t)(found - (const char *)scalar->text.data));
        if (at.line != place_cases[index].line || at.column != place_cases[index].column)
            fail_msg("%s: found at %u:%u", place_cases[index].yaml, at.line, at.column);
        close_all(&file, &diagnostics);
    }
}

struct bad_case {
    const char *yaml;
    const char *message;
};

/* clang-format off */
static const struct bad_case bad_cases[] = {
    {"a: 1\nb: 2\na: 3\nb: 4\n", "f:3:1: error: key 'a' is already given in line 1\n"
     "f:4:1: error: key 'b' is already given in line 2\n"},
    {"a: \xff\n", "f:1:4: error: expected UTF-8, found another byte\n"},
    {"[a]: b\n", "f:1:1: error: expected a scalar as key, found a collection\n"},
    {"- *x\n", "f:1:3: error: alias of an unknown anchor\n"},
    {"- &a [*a]\n", "f:1:7: error: an alias inside of what it stands for\n"},
    {"a: b: c\n", "f:1:5: error: mapping values are not allowed in this context\n"},
    {"%TAG ! x\n%YAML 9.9\n", "f:2:1: error: found incompatible YAML document\n"},
    {"- \x01\n", "f:1:1: error: control characters are not allowed\n"},
    {"a:\n\tb: 1\n", "f:2:1: error: found character that cannot start any token\n"},
    {"a: 1\n b: 2\n", "f:2:3: error: mapping values are not allowed in this context\n"},
    {"a: 'b\n", "f:2:1: error: found unexpected end of stream\n"},
    {"\xff\xfe" "a:1", "f:1:1: error: expected UTF-8, found another byte\n"},
    {"%YAML 1.2\n%YAML 1.2\n---\na: 1\n", "f:2:1: error: found duplicate %YAML directive\n"},
    {"!x!y a\n", "f:1:1: error: found undefined tag handle\n"},
    {"<<: 1\nb: 2\n", "f:1:5: error: '<<': expected a mapping, or a list of mappings\n"},
    {"- &a {b: 1}\n- {<<: *a, <<: *a}\n", "f:2:12: error: key '<<' is already given in line 2\n"},
    {"- &a {<<: *a}\n", "f:1:11: error: an alias inside of what it stands for\n"},
    {"? [a, b]\n: c\n", "f:1:3: error: expected a scalar as key, found a collection\n"},
};
/* clang-format on */

static void wrong_documents_end_with_a_place(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t index = 0; index < sizeof bad_cases / sizeof bad_cases[0]; index++) {
        struct yaml_file file;
        struct diagnostics diagnostics;
        struct writer out;
        writer_init(&out, 1 << 16);
        assert_false(open_text(&file, bad_cases[index].yaml, &diagnostics));
        diagnostics_write(&diagnostics, &out);
        writer_byte(&out, 0);
        assert_false(out.is_full);
        if (strcmp((const char *)out.data, bad_cases[index].message) != 0) {
            print_error("%s  expected %s  found %s", bad_cases[index].yaml,
                        bad_cases[index].message, (const char *)out.data);
            wrong++;
        }
        writer_free(&out);
        close_all(&file, &diagnostics);
    }
    assert_int_equal(wrong, 0);
}

/* Each level stands for ten of the one before. */
static void an_alias_bomb_ends_at_the_limit(void **state)
{
    (void)state;
    struct writer yaml;
    struct yaml_file file;
    struct diagnostics diagnostics;
    writer_init(&yaml, 1 << 16);
    writer_text(&yaml, "- &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int level = 1; level < 12; level++) {
        writer_format(&yaml, "- &a%d [", level);
        for (int index = 0; index < 10; index++)
            writer_format(&yaml, "%s*a%d", index ? "," : "", level - 1);
        writer_text(&yaml, "]\n");
    }
    writer_byte(&yaml, 0);
    assert_false(yaml.is_full);
    assert_false(open_text(&file, (const char *)yaml.data, &diagnostics));
    assert_int_equal(diagnostics.error_count, 1);
    close_all(&file, &diagnostics);
    writer_free(&yaml);
}

struct odd_case {
    const char *yaml;
    size_t documents;
    const char *first; /* first scalar of the first document; NULL: none */
};

/* clang-format off */
static const struct odd_case odd_cases[] = {
    {"", 0, NULL},
    {"# only a comment", 0, NULL},
    {"\n\n# only a comment\n\n", 0, NULL},
    {"---\n---\n...\n", 2, ""},
    {"- a", 1, "a"}, /* no line end */
    {"- a\r\n- b\r\n", 1, "a"},
    {"- |\r\n  a\r\n  b\r\n", 1, "a\nb\n"},
    {"\xef\xbb\xbf- a\n", 1, "a"},
    {"%YAML 1.1\n---\n- a\n", 1, "a"},
    {"%TAG ! tag:x,2000:\n---\n- !y a\n", 1, "a"},
    {"- !!binary YWJj\n", 1, "YWJj"}, /* a tag changes nothing */
    {"- !!python/object/apply:os.abort [a]\n", 1, "a"},
    {"- !!map {a: b}\n", 1, "a"},
    {"- ! a\n", 1, "a"},
    {"- \"a\\0b\"\n", 1, "a"}, /* the rest lies behind the NUL */
};
/* clang-format on */

static const struct yaml_node *first_scalar(const struct yaml_node *node)
{
    while (node && node->kind != YAML_SCALAR)
        node = node->first;
    return node;
}

static void odd_documents_are_read(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof odd_cases / sizeof odd_cases[0]; index++) {
        const struct odd_case *one = &odd_cases[index];
        struct yaml_file file;
        struct diagnostics diagnostics;
        if (!open_text(&file, one->yaml, &diagnostics))
            fail_msg("case %zu: " PRI_SPAN, index, ARG_SPAN(diagnostics.items[0].text));
        assert_int_equal(file.document_count, one->documents);
        const struct yaml_node *scalar =
            file.document_count ? first_scalar(file.documents[0]) : NULL;
        assert_int_equal(scalar != NULL, one->first != NULL);
        if (scalar)
            assert_string_equal((const char *)scalar->text.data, one->first);
        close_all(&file, &diagnostics);
    }
}

static void merge_keys_put_in_what_is_missing(void **state)
{
    (void)state;
    struct yaml_file file;
    struct diagnostics diagnostics;
    assert_true(open_text(&file,
                          "- &a {x: 1, y: 2}\n- &b {y: 3, z: 4}\n"
                          "- {y: 5, <<: [*a, *b]}\n- '<<': plain\n",
                          &diagnostics));
    const struct yaml_node *merged = file.documents[0]->first->next->next;
    assert_int_equal(merged->count, 3);
    assert_true(span_eq(yaml_get(merged, "x")->text, SPAN("1")));
    assert_true(span_eq(yaml_get(merged, "y")->text, SPAN("5")));
    assert_true(span_eq(yaml_get(merged, "z")->text, SPAN("4")));
    assert_null(yaml_get(merged, "<<"));
    assert_non_null(yaml_get(merged->next, "<<")); /* quoted: a key as any */
    close_all(&file, &diagnostics);
}

/* Each level merges the one before ten times: what it stands for counts. */
static void a_bomb_of_merge_keys_ends_at_the_limit(void **state)
{
    (void)state;
    struct writer yaml;
    struct yaml_file file;
    struct diagnostics diagnostics;
    writer_init(&yaml, 1 << 16);
    writer_text(&yaml, "- &a0 {k: [x,x,x,x,x,x,x,x,x,x]}\n");
    for (int level = 1; level < 12; level++) {
        writer_format(&yaml, "- &a%d {k: [", level);
        for (int index = 0; index < 10; index++)
            writer_format(&yaml, "%s{<<: *a%d}", index ? "," : "", level - 1);
        writer_text(&yaml, "]}\n");
    }
    writer_byte(&yaml, 0);
    assert_false(yaml.is_full);
    assert_false(open_text(&file, (const char *)yaml.data, &diagnostics));
    assert_int_equal(diagnostics.error_count, 1);
    assert_true(span_starts(diagnostics.items[0].text, SPAN("too many nodes")));
    close_all(&file, &diagnostics);
    writer_free(&yaml);
}

/* 500,000 keys in one mapping, all different and all the same; a scalar over its limit. */
static void many_keys_end_in_time(void **state)
{
    (void)state;
    struct writer yaml;
    struct yaml_file file;
    struct diagnostics diagnostics;
    writer_init(&yaml, 16 << 20);
    for (unsigned key = 0; key < 200000; key++)
        writer_format(&yaml, "k%u: v\n", key);
    writer_byte(&yaml, 0);
    assert_true(open_text(&file, (const char *)yaml.data, &diagnostics));
    assert_int_equal(file.documents[0]->count, 200000);
    close_all(&file, &diagnostics);
    writer_reset(&yaml);
    for (unsigned key = 0; key < 500000; key++)
        writer_format(&yaml, "k%u: v\n", key);
    writer_byte(&yaml, 0);
    assert_false(open_text(&file, (const char *)yaml.data, &diagnostics));
    assert_int_equal(diagnostics.error_count, 1);
    close_all(&file, &diagnostics);
    writer_reset(&yaml);
    for (unsigned key = 0; key < 200000; key++)
        writer_text(&yaml, "k: v\n");
    writer_byte(&yaml, 0);
    assert_false(open_text(&file, (const char *)yaml.data, &diagnostics));
    assert_int_equal(diagnostics.error_count, 199999);
    assert_int_equal(diagnostics.count, 10);
    close_all(&file, &diagnostics);
    writer_reset(&yaml);
    writer_text(&yaml, "- \"");
    for (unsigned index = 0; index < YAML_SCALAR_MAX / 8 + 1; index++)
        writer_text(&yaml, "abcdefgh");
    writer_text(&yaml, "\"\n");
    writer_byte(&yaml, 0);
    assert_false(yaml.is_full);
    assert_false(open_text(&file, (const char *)yaml.data, &diagnostics));
    assert_true(span_eq(diagnostics.items[0].text, SPAN("scalar over 1 MiB")));
    close_all(&file, &diagnostics);
    writer_free(&yaml);
}

static void depth_and_size_are_limited(void **state)
{
    (void)state;
    struct yaml_file file;
    struct diagnostics diagnostics;
    char *text = malloc(YAML_BYTES_MAX + 2);
    assert_non_null(text);
    memset(text, '[', 1000);
    text[1000] = 0;
    assert_false(open_text(&file, text, &diagnostics));
    assert_true(span_eq(diagnostics.items[0].text, SPAN("nested too deeply")));
    close_all(&file, &diagnostics);
    memset(text, 'a', YAML_BYTES_MAX + 1);
    text[YAML_BYTES_MAX + 1] = 0;
    assert_false(open_text(&file, text, &diagnostics));
    assert_true(span_eq(diagnostics.items[0].text, SPAN("file over 8 MiB")));
    close_all(&file, &diagnostics);
    free(text);
}

static void diagnostics_keep_a_limit_and_count_on(void **state)
{
    (void)state;
    struct diagnostics diagnostics;
    struct writer out;
    const struct position at = {SPAN("a\x1b.yaml"), 3, 4};
    writer_init(&out, 1 << 16);
    diagnostics_init(&diagnostics, 2);
    diagnostics_error(&diagnostics, &at, "this", "wrong '%s'", "that");
    diagnostics_warning(&diagnostics, &at, "odd");
    diagnostics_warning(&diagnostics, &at, "odd");
    diagnostics_write(&diagnostics, &out);
    writer_byte(&out, 0);
    assert_false(out.is_full);
    assert_string_equal((const char *)out.data,
                        "a\\e.yaml:3:4: error: wrong 'that'; did you mean 'this'?\n"
                        "a\\e.yaml:3:4: warning: odd\n1 more errors and warnings\n");
    diagnostics_free(&diagnostics);
    writer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_become_trees_with_places),
        cmocka_unit_test(bytes_of_scalars_are_found_again),
        cmocka_unit_test(wrong_documents_end_with_a_place),
        cmocka_unit_test(an_alias_bomb_ends_at_the_limit),
        cmocka_unit_test(odd_documents_are_read),
        cmocka_unit_test(merge_keys_put_in_what_is_missing),
        cmocka_unit_test(a_bomb_of_merge_keys_ends_at_the_limit),
        cmocka_unit_test(many_keys_end_in_time),
        cmocka_unit_test(depth_and_size_are_limited),
        cmocka_unit_test(diagnostics_keep_a_limit_and_count_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
