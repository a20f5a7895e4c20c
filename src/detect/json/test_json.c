#include "core/test.h"
#include "core/writer.h"
#include "json/decoder.h"

#define NAMES_MAX 16

struct fixture {
    struct field_ref refs[NAMES_MAX];
    struct projection projection;
    struct json_decoder *decoder;
    struct arena arena;
    struct writer out;
};

/* names: divided by commas. */
static void open(struct fixture *all, const char *names)
{
    struct err_ctx err;
    span rest = span_str(names), name;
    *all = (struct fixture){.projection = {.schema = &json_schema, .refs = all->refs}};
    while (names[0]) {
        const char *hint;
        bool is_last = !span_until(&rest, ',', &name);
        if (is_last)
            name = rest;
        assert_int_equal(
            schema_resolve(&json_schema, name, &all->refs[all->projection.count++], &hint),
            FIELD_FOUND);
        if (is_last)
            break;
    }
    assert_int_equal(json_decoder_open(&all->projection, &all->decoder, &err), OK);
    arena_init(&all->arena, 1 << 20);
    writer_init(&all->out, 1 << 20);
}

static void close(struct fixture *all)
{
    json_decoder_close(all->decoder);
    arena_free(&all->arena);
    writer_free(&all->out);
}

static void value_write(struct writer *out, const struct value *value)
{
    switch (value->kind) {
    case VALUE_TEXT:
        writer_json_string(out, value->text);
        break;
    case VALUE_INT:
        writer_format(out, "%lld", (long long)value->integer);
        break;
    case VALUE_UINT:
        writer_format(out, "%lluu", (unsigned long long)value->uinteger);
        break;
    case VALUE_REAL:
        writer_format(out, "%gr", value->real);
        break;
    case VALUE_BOOL:
        writer_text(out, value->truth ? "yes" : "no");
        break;
    case VALUE_LIST:
        writer_text(out, value->any ? "[" : "<");
        for (size_t index = 0; index < value->list.count; index++) {
            writer_text(out, index ? " " : "");
            value_write(out, &value->list.items[index]);
        }
        writer_byte(out, ']');
        break;
    case VALUE_NULL:
        writer_text(out, "null");
        break;
    default:
        writer_byte(out, '-');
    }
}

/* The values of all slots, divided by " | ". */
static const char *values(struct fixture *all)
{
    writer_reset(&all->out);
    for (size_t slot = 0; slot < all->projection.count; slot++) {
        struct value value;
        json_fetch(all->decoder, &all->refs[slot], &all->arena, &value);
        bool is_there = json_raw(all->decoder)[slot].data;
        assert_true(is_there || value.kind == VALUE_ABSENT);
        writer_text(&all->out, slot ? " | " : "");
        value_write(&all->out, &value);
    }
    writer_byte(&all->out, 0);
    return (const char *)all->out.data;
}

static void expect(const char *names, const char *line, const char *expected)
{
    struct fixture all;
    struct json_fault fault;
    open(&all, names);
    for (size_t time = 0; time < 2; time++) { /* nothing is left of a record in the next */
        assert_true(json_decode(all.decoder, span_str(line), &fault));
        assert_string_equal(values(&all), expected);
        assert_true(json_decode(all.decoder, SPAN("{}"), &fault));
    }
    close(&all);
}

static void refuse(span line, size_t at, const char *reason)
{
    struct fixture all;
    struct json_fault fault = {0};
    open(&all, "a");
    if (json_decode(all.decoder, line, &fault))
        fail_msg("taken: %.*s", (int)line.len, line.data);
    if (fault.at != at || !strstr(fault.reason, reason))
        fail_msg("%.*s: at %zu: %s", (int)line.len, line.data, fault.at, fault.reason);
    close(&all);
}

/* ---- fields ---- */

static void finds_values_of_each_kind(void **state)
{
    (void)state;
    expect("a,b,c,d,e,f", "{\"a\":\"x\",\"b\":12,\"c\":true,\"d\":false,\"e\":null,\"f\":1.5}",
           "\"x\" | 12 | yes | no | null | 1.5r");
    expect("a", " { \"z\" : { \"a\" : 1 } , \"a\" : [ ] } ", "[]");
    expect("a", "{\"a\":{\"b\":1}}", "[]");
    expect("a,b", "{}", "- | -");
}

static void reads_numbers_to_64_bits(void **state)
{
    (void)state;
    expect("a", "{\"a\":9223372036854775807}", "9223372036854775807");
    expect("a", "{\"a\":-9223372036854775808}", "-9223372036854775808");
    expect("a", "{\"a\":9223372036854775808}", "9223372036854775808u");
    expect("a", "{\"a\":18446744073709551615}", "18446744073709551615u");
    expect("a", "{\"a\":18446744073709551616}", "1.84467e+19r");
    expect("a", "{\"a\":-9223372036854775809}", "-9.22337e+18r");
    expect("a", "{\"a\":-0}", "0");
    expect("a", "{\"a\":1e2}", "100r");
    expect("a", "{\"a\":1E+400}", "infr");
    expect("a", "{\"a\":0.00000000000000000000000000000000000000000000000000000000000000001}",
           "1e-65r");
}

static void walks_paths_and_prefers_literal_keys(void **state)
{
    (void)state;
    expect("a.b.c", "{\"a\":{\"b\":{\"c\":1}}}", "1");
    expect("a.b.c", "{\"a.b.c\":2,\"a\":{\"b\":{\"c\":1}}}", "2");
    expect("a.b.c", "{\"a\":{\"b\":{\"c\":1}},\"a.b.c\":2}", "2");
    expect("a.b.c", "{\"a\":{\"b.c\":1,\"b\":{\"c\":2}}}", "1");
    expect("a.b.c", "{\"a\":{\"b.c\":1},\"a.b\":{\"c\":2}}", "2");
    expect("a.b.c", "{\"a\":{\"b\":{\"c\":1}},\"a.b.c\":null}", "1");
    expect("a.b", "{\"a\":1}", "-");
    expect("a,a.b,a.c", "{\"a\":{\"b\":1,\"c\":{}}}", "[] | 1 | []");
    expect("a..b,.a,a.", "{\"a\":{\"\":{\"b\":1}},\"\":{\"a\":2}}", "1 | 2 | []");
    expect("a.,a.b", "{\"a\":[{\"\":1,\"b\":2},{\"\":3}]}", "[1 3] | [2]");
    expect("proc.aname[2],a[0].b", "{\"proc.aname[2]\":\"x\",\"a[0]\":{\"b\":1}}", "\"x\" | 1");
}

static void any_element_of_an_array(void **state)
{
    (void)state;
    expect("a", "{\"a\":[1,\"x\",null,[2,[true]],{\"b\":3}]}", "[1 \"x\" 2 yes]");
    expect("a.b", "{\"a\":[{\"b\":1},{\"c\":2},{\"b\":[3,4]},7,[{\"b\":5}]]}", "[1 3 4 5]");
    expect("a.b", "{\"a\":[{\"c\":1}]}", "-");
    expect("a.b,a", "{\"a\":[{\"b\":1},6]}", "[1] | [6]");
    expect("a.b.c", "{\"a\":[{\"b\":{\"c\":1}},{\"b.c\":2}],\"x\":3}", "[1 2]");
    expect("a.b", "{\"a.b\":2,\"a\":[{\"b\":1}]}", "2");
    expect("a.b", "{\"a\":[{\"b\":1}],\"a.b\":2}", "2");
    expect("a.b.c", "{\"a\":{\"b\":{\"c\":1}},\"a.b\":[]}", "1");
}

static void of_equal_keys_the_last_counts(void **state)
{
    (void)state;
    expect("a", "{\"a\":1,\"a\":2}", "2");
    expect("a", "{\"a\":1,\"\\u0061\":2}", "2");
    expect("a", "{\"a\":1,\"a\":null}", "null");
    expect("a.b", "{\"a\":{\"b\":null},\"a\":5}", "-");
    expect("a.b,a", "{\"a.b\":null,\"a\":{\"b\":{}}}", "[] | []");
    expect("a.b", "{\"a\":[{\"b\":null}]}", "-");
    expect("a", "{\"a\":1,\"a\":null,\"a\":3}", "3");
    expect("a,a.b", "{\"a\":{\"b\":1},\"a\":2}", "2 | -");
    expect("a.b", "{\"a\":{\"b\":1},\"a\":{\"c\":2}}", "-");
    expect("a.b", "{\"a\":{\"b\":1,\"b\":2}}", "2");
    expect("a.b.c", "{\"a.b\":{\"c\":1},\"a\":{\"b\":{}},\"a.b\":{}}", "-");
    expect("a.b", "{\"a.b\":1,\"a.b\":null,\"a\":{\"b\":2}}", "2");
    expect("product", "{\"product\":{\"x\":1},\"product\":\"p\"}", "\"p\"");
}

static void the_whole_is_every_leaf(void **state)
{
    (void)state;
    struct fixture all;
    struct json_fault fault;
    struct field_ref ref = {.field = json_schema.open, .argument = SPAN(""), .index = -1};
    struct value value;
    open(&all, "a");
    assert_true(json_decode(
        all.decoder, SPAN("{\"a\":\"x\",\"b\":{\"c\":[1,{\"d\":\"y\\n\"}],\"e\":null}}"), &fault));
    json_fetch(all.decoder, &ref, &all.arena, &value);
    writer_reset(&all.out);
    value_write(&all.out, &value);
    writer_byte(&all.out, 0);
    assert_string_equal(all.out.data, "[\"x\" 1 \"y\\n\"]");
    close(&all);
}

static void unescapes_strings_and_keys(void **state)
{
    (void)state;
    expect("a", "{\"a\":\"C:\\\\x \\\"q\\\" \\/\"}", "\"C:\\\\x \\\"q\\\" /\"");
    expect("a", "{\"\\u0061\":\"\\u00e9\\u20AC\\ud83d\\ude00\"}", "\"é€😀\"");
    expect("a", "{\"a\":\"\\ud800x\\udc00\\ud800\\u0041\"}",
           "\"\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd"
           "A\"");
    expect("a\\b,a", "{\"a\\\\b\":1,\"a\\b\":2}", "1 | -");
    expect("a", "{\"a\":\"\"}", "\"\"");
    expect("a-key-that-is-longer-than-sixteen-bytes",
           "{\"a-key-that-is-lon\\u0067er-than-sixteen-bytes\":1,\"a-key-that-is-longer-thaN-"
           "sixteen-bytes\":2}",
           "1");
}

static void takes_the_logsource_from_text_at_the_top(void **state)
{
    (void)state;
    struct fixture all;
    struct json_fault fault;
    open(&all, "a,service");
    assert_true(json_decode(all.decoder,
                            SPAN("{\"product\":\"windows\",\"x\":{\"category\":\"no\"},"
                                 "\"service\":\"sys\\u006don\"}"),
                            &fault));
    const struct logsource *logsource = json_logsource(all.decoder);
    assert_true(span_eq(logsource->product, SPAN("windows")));
    assert_true(span_eq(logsource->service, SPAN("sysmon")));
    assert_null(logsource->category.data);
    assert_string_equal(values(&all), "- | \"sysmon\"");
    assert_true(json_decode(all.decoder, SPAN("{\"product\":1,\"a\":2}"), &fault));
    assert_null(json_logsource(all.decoder));
    close(&all);
}

/* ---- refusals ---- */

static void says_what_is_wrong_and_where(void **state)
{
    (void)state;
    refuse(SPAN(""), 0, "end of the line");
    refuse(SPAN("  [1]"), 2, "found an array");
    refuse(SPAN("12"), 0, "found a number");
    refuse(SPAN("{\"a\":1"), 6, "',' or '}'");
    refuse(SPAN("{\"a\":1}x"), 7, "end of the line");
    refuse(SPAN("{\"a\":1}{\"a\":1}"), 7, "end of the line");
    refuse(SPAN("{\"a\":01}"), 6, "begins with 0");
    refuse(SPAN("{\"a\":-}"), 6, "digit");
    refuse(SPAN("{\"a\":1.}"), 7, "decimal");
    refuse(SPAN("{\"a\":1e}"), 7, "exponent");
    refuse(SPAN("{\"a\":.5}"), 5, "expected a value");
    refuse(SPAN("{\"a\":tru}"), 5, "expected a value");
    refuse(SPAN("{\"a\":True}"), 5, "expected a value");
    refuse(SPAN("{\"a\":\"x}"), 8, "does not end");
    refuse(SPAN("{\"a\":\"x\\"), 7, "backslash");
    refuse(SPAN("{\"a\":\"\\x\"}"), 6, "backslash");
    refuse(SPAN("{\"a\":\"\\u12g4\"}"), 6, "four hex");
    refuse(SPAN("{\"a\":\"\t\"}"), 6, "control");
    refuse(SPAN("{\"a\":\"\xff\"}"), 6, "UTF-8");
    refuse(SPAN("{\"a\":\"\xed\xa0\x80\"}"), 6, "UTF-8");
    refuse(SPAN("{\"a\":\"\xc0\x80\"}"), 6, "UTF-8");
    refuse(SPAN("{\"z\":{\"y\":\"\\q\"},\"a\":1}"), 11, "backslash");
    refuse(SPAN("{\"z\":[1,],\"a\":1}"), 8, "expected a value");
    refuse(SPAN("{\"a\":1,}"), 7, "expected a key");
    refuse(SPAN("{,\"a\":1}"), 1, "expected a key");
    refuse(SPAN("{\"a\" 1}"), 5, "':'");
    refuse(SPAN("{\"a\":1 \"b\":2}"), 7, "',' or '}'");
    refuse(SPAN("{a:1}"), 1, "double quotes");
    refuse(SPAN("{'a':1}"), 1, "double quotes");
    refuse(SPAN("{\"a\":1}\0"), 7, "end of the line");
    refuse(SPAN("{\"a\":1\0}"), 6, "',' or '}'");
    refuse(SPAN("\xef\xbb\xbf{}"), 0, "expected a value");
    refuse(SPAN("{\\\"a\":1}"), 1, "expected a key");
}

static void nests_to_a_limit(void **state)
{
    (void)state;
    char line[2 * JSON_DEPTH_MAX + 16];
    struct fixture all;
    struct json_fault fault;
    open(&all, "a");
    for (size_t depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX; depth++) {
        size_t len = 0;
        len += (size_t)snprintf(line, sizeof line, "{\"a\":");
        memset(line + len, '[', depth);
        memset(line + len + depth, ']', depth);
        line[len + 2 * depth] = '}';
        bool is_taken = json_decode(all.decoder, span_of(line, len + 2 * depth + 1), &fault);
        assert_int_equal(is_taken, depth < JSON_DEPTH_MAX);
    }
    assert_int_equal(fault.at, 5 + JSON_DEPTH_MAX - 1);
    assert_non_null(strstr(fault.reason, "too deep"));
    close(&all);
}

/* ---- the passes agree ---- */

static const char sample[] =
    "{\"key\":\"C:\\\\Windows\\\\System32\\\\\",\"n\":-12.5e3,\"deep\":{\"a\":[1,{\"b\":\"\\\"\"}]}"
    ","
    "\"text\":\"\\\\\\\"x\\\\\\\\\",\"u\":\"\\u00e9 é\",\"t\":true,\"f\":false,\"z\":null}";

static void agree(struct fixture *all, span line)
{
    struct json_fault fault;
    bool is_fine = json_check(line, &fault);
    uint8_t padded[512 + JSON_PADDING] = {0};
    uint32_t quotes[3][512 + 80];
    size_t count[3] = {0};
    struct json_indexed seen[3];
    assert_true(line.len <= 512);
    memcpy(padded, line.data, line.len);
    memset(padded + line.len + 1, '"', JSON_PADDING - 1);
    count[0] = json_index_scalar(padded, line.len, quotes[0], &seen[0]);
#if defined(__x86_64__)
    const json_index others[] = {json_index_sse2, __builtin_cpu_supports("avx2") ? json_index_avx2
                                                                                 : json_index_sse2};
    for (size_t index = 0; index < 2; index++) {
        count[index + 1] = others[index](padded, line.len, quotes[index + 1], &seen[index + 1]);
        assert_int_equal(count[index + 1], count[0]);
        assert_int_equal(seen[index + 1].is_fine, seen[0].is_fine);
        assert_int_equal(seen[index + 1].traits.has_escapes, seen[0].traits.has_escapes);
        assert_int_equal(seen[index + 1].traits.has_wide, seen[0].traits.has_wide);
        assert_memory_equal(quotes[index + 1], quotes[0], count[0] * sizeof quotes[0][0]);
    }
#endif
    struct json_fault reached;
    bool is_taken = json_decode_padded(all->decoder, span_of(padded, line.len), &reached);
    if (is_taken != is_fine || (!is_fine && reached.at != fault.at))
        fail_msg("%.*s", (int)line.len, line.data);
}

static void passes_agree_on_every_change_of_a_byte(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0,   '\t', ' ', '"', '\\', '{', '}', '[',  ']',  ',',
                                    ':', '0',  '-', 'e', '.',  'u', 't', 0x80, 0xc3, 0xff};
    struct fixture all;
    uint8_t line[sizeof sample + 80];
    open(&all, "key,deep.a.b,n");
    for (size_t shift = 0; shift < 70; shift += 7) { /* over the edges of blocks */
        size_t len = sizeof sample - 1 + shift;
        memset(line, ' ', shift);
        memcpy(line + shift, sample, sizeof sample - 1);
        for (size_t cut = 0; cut <= len; cut++)
            agree(&all, span_of(line, cut));
        for (size_t at = shift; at < len; at++) {
            uint8_t kept = line[at];
            for (size_t index = 0; index < sizeof bytes; index++) {
                line[at] = bytes[index];
                agree(&all, span_of(line, len));
            }
            line[at] = kept;
        }
    }
    close(&all);
}

static uint64_t time_of_line(const struct json_time *time, const char *line)
{
    struct json_decoder *decoder;
    struct json_fault fault;
    struct err_ctx err;
    const struct projection none = {0};
    assert_int_equal(json_decoder_open(&none, &decoder, &err), OK);
    json_decoder_time(decoder, time);
    assert_true(json_decode(decoder, span_str(line), &fault));
    uint64_t ns = json_time_ns(decoder);
    json_decoder_close(decoder);
    return ns;
}

static void a_source_says_where_its_time_stands(void **state)
{
    (void)state;
    const struct json_time micro = {{"a.t", "u"}, 1000}, text = {{"begin", NULL}, 0};
    assert_int_equal(time_of_line(&micro, "{\"a\":{\"t\":5}}"), 5000);
    assert_int_equal(time_of_line(&micro, "{\"a\":{\"t\":\"7\"}}"), 7000);
    assert_int_equal(time_of_line(&micro, "{\"a\":{\"t\":0},\"u\":6}"), 6000);
    assert_int_equal(time_of_line(&micro, "{\"a\":{\"t\":-1}}"), 0);
    assert_int_equal(time_of_line(&micro, "{\"a\":{\"t\":18446744073709551615}}"), 0);
    assert_int_equal(time_of_line(&micro, "{\"time\":\"1970-01-01T00:00:01Z\"}"), 1000000000);
    assert_int_equal(time_of_line(&text, "{\"begin\":\"1970-01-01T00:00:02Z\"}"), 2000000000);
    assert_int_equal(time_of_line(&text, "{\"begin\":3}"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_values_of_each_kind),
        cmocka_unit_test(reads_numbers_to_64_bits),
        cmocka_unit_test(walks_paths_and_prefers_literal_keys),
        cmocka_unit_test(any_element_of_an_array),
        cmocka_unit_test(of_equal_keys_the_last_counts),
        cmocka_unit_test(the_whole_is_every_leaf),
        cmocka_unit_test(unescapes_strings_and_keys),
        cmocka_unit_test(takes_the_logsource_from_text_at_the_top),
        cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(nests_to_a_limit),
        cmocka_unit_test(passes_agree_on_every_change_of_a_byte),
        cmocka_unit_test(a_source_says_where_its_time_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
