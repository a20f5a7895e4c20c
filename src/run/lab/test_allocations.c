/* After warm-up an event allocates nothing, from its bytes to the rules that match: Sigma over
 * JSON, Falco over kernel records. Counted from the allocator: bytes in use, and those it maps. */
#include <malloc.h>
#include <stdio.h>

#include "core/test.h"
#include "falco/falco.h"
#include "json/json.h"
#include "kernel/kernel.h"
#include "record/test_record.h"
#include "sigma/sigma.h"

#define WARM   2000u
#define EVENTS 6000u

struct usage {
    size_t used, mapped, arenas;
};

static struct usage usage_now(void)
{
    struct mallinfo2 info = mallinfo2();
    return (struct usage){info.uordblks, info.hblkhd, info.arena};
}

static void assert_nothing_since(const struct usage *before)
{
    struct usage now = usage_now();
    assert_int_equal(now.used, before->used);
    assert_int_equal(now.mapped, before->mapped);
    assert_int_equal(now.arenas, before->arenas);
}

/* What was built, as an engine opens it; the image must outlive the program. */
static struct rule_program *program_of(struct rule_builder *builder, const struct schema *schema,
                                       struct writer *image)
{
    struct rule_program *program;
    struct err_ctx err = {0};
    writer_init(image, 1 << 22);
    assert_int_equal(rule_image_write(builder, image, &err), OK);
    rule_builder_close(builder);
    assert_int_equal(rule_program_open(writer_span(image), schema, &program, &err), OK);
    return program;
}

/* Enough values for Vectorscan; a regex, keywords, a network, an array, a nested name. */
static struct rule_program *sigma_program(struct writer *image)
{
    struct rule_builder *builder;
    struct diagnostics diagnostics;
    struct sigma_counts counts = {0};
    struct err_ctx err = {0};
    struct writer text;
    writer_init(&text, 1 << 16);
    writer_text(&text, "title: t\nlogsource: {product: windows}\ndetection:\n"
                       "  a: {CommandLine|re: 'n[0-9]+7 ', User.Name: SYSTEM}\n"
                       "  b: {Ip|cidr: 10.0.0.0/8}\n  c: ['wörd', needle]\n"
                       "  d: {List|contains: two}\n  e:\n    Image|contains:\n");
    for (unsigned word = 0; word < 200; word++)
        writer_format(&text, "      - 'Word%u\\'\n", word);
    writer_text(&text, "  condition: a or b or c or d or e\n");
    const struct sigma_input input = {.name = SPAN("r.yml"), .bytes = writer_span(&text)};
    diagnostics_init(&diagnostics, 10);
    assert_int_equal(rule_builder_open(&json_schema, &builder, &err), OK);
    assert_true(sigma_load(&input, 1, NULL, 0, &json_schema, builder, &diagnostics, &counts));
    diagnostics_free(&diagnostics);
    writer_free(&text);
    return program_of(builder, &json_schema, image);
}

/* Values that come again and values that never do, escapes, wrong lines, other logsources. */
static size_t json_write(char *line, size_t size, unsigned number)
{
    int len = snprintf(
        line, size,
        "{\"product\":\"%s\",\"CommandLine\":\"run n%u "
        "\\u00e9\\\"x\\\"\",\"User\":{\"Name\":\"%s\"},"
        "\"Ip\":\"%u.1.2.3\",\"List\":[\"one\",\"%s\"],\"Image\":\"C:\\\\Word%u\\\\a%u.exe\","
        "\"Text\":\"%s%u\"}%s",
        number % 5 ? "windows" : "linux", number, number % 2 ? "system" : "root", number % 20,
        number % 7 ? "three" : "two", number % 900, number % 50, number % 11 ? "w" : "NEEDLE",
        number, number % 13 ? "" : "x");
    return (size_t)len;
}

static void events_of_json_allocate_nothing(void **state)
{
    (void)state;
    struct writer image;
    struct rule_program *program = sigma_program(&image);
    struct json_decoder *decoder;
    struct event event;
    struct err_ctx err = {0};
    struct usage before = {0};
    char line[512 + JSON_PADDING];
    uint32_t found[4], undecided;
    size_t matches = 0, refused = 0;
    assert_int_equal(json_decoder_open(rule_program_projection(program), &decoder, &err), OK);
    assert_int_equal(
        event_open(&event, rule_program_projection(program), json_fetch, decoder, &err), OK);
    for (unsigned number = 0; number < EVENTS; number++) {
        struct json_fault fault;
        memset(line, 0, sizeof line);
        size_t len = json_write(line, 512, number);
        assert_in_range(len, 1, 511);
        event_begin(&event);
        if (json_decode_padded(decoder, span_of((uint8_t *)line, len), &fault)) {
            event.raw = json_raw(decoder);
            event.raw_traits = json_raw_traits(decoder);
            event.logsource = json_logsource(decoder);
            matches += rule_program_match(program, &event, found, 4, &undecided);
        } else {
            refused++;
        }
        if (number == WARM)
            before = usage_now();
    }
    assert_nothing_since(&before);
    assert_in_range(matches, 1000, EVENTS - 1000);
    assert_int_equal(refused, (EVENTS + 12) / 13);
    event_close(&event);
    json_decoder_close(decoder);
    rule_program_close(program);
    writer_free(&image);
}

static struct rule_program *falco_program(struct writer *image)
{
    static const char text[] =
        "- rule: R\n  desc: d\n  output: o\n  priority: INFO\n  condition: >\n"
        "    evt.type in (execve, execveat) and (proc.cmdline contains '7 ' or\n"
        "    proc.aname in (sshd, init) and proc.args regex '.*9[0-9]*' or\n"
        "    proc.exepath startswith /opt/) and container.id != x and not user.name = root\n"
        "- rule: S\n  desc: d\n  output: o\n  priority: INFO\n"
        "  condition: evt.type = clone and proc.pcmdline contains 1\n";
    const struct falco_input input = {.name = SPAN("r.yaml"), .bytes = span_str(text)};
    struct rule_builder *builder;
    struct diagnostics diagnostics;
    struct err_ctx err = {0};
    diagnostics_init(&diagnostics, 10);
    assert_int_equal(rule_builder_open(&kernel_schema, &builder, &err), OK);
    assert_true(falco_load(&input, 1, &kernel_schema, builder, &diagnostics));
    diagnostics_free(&diagnostics);
    return program_of(builder, &kernel_schema, image);
}

/* A shell that forks and runs programs that end: the same process ids and ever new arguments. */
static void record_make(struct test_record *made, unsigned number)
{
    char command[64];
    int32_t pid = 100 + (int32_t)(number / 3 % 50);
    switch (number % 3) {
    case 0:
        test_fork(made, 10, pid);
        break;
    case 1:
        snprintf(command, sizeof command, "tool --level %u -v", number);
        test_exec(made, pid, 10, "tool", command);
        break;
    default:
        test_begin(made, EVENT_PROCEXIT, pid, 0);
    }
}

static void kernel_events_allocate_nothing(void **state)
{
    (void)state;
    static struct test_record made;
    struct writer image;
    struct rule_program *program = falco_program(&image);
    struct process_options options = {0};
    struct process_table *table;
    struct kernel_decoder decoder;
    struct event event;
    struct err_ctx err = {0};
    struct usage before = {0};
    uint32_t found[4], undecided;
    size_t matches = 0;
    assert_int_equal(process_table_open(&options, &table, &err), OK);
    kernel_decoder_init(&decoder, table, NULL, TEST_WALL_NS, SPAN("box"));
    assert_int_equal(
        event_open(&event, rule_program_projection(program), kernel_fetch, &decoder, &err), OK);
    test_exec(&made, 10, 1, "sshd", "sshd: alice");
    assert_int_equal(kernel_decode(&decoder, test_span(&made), 1, &err), OK);
    for (unsigned number = 0; number < EVENTS; number++) {
        record_make(&made, number);
        event_begin(&event);
        assert_int_equal(kernel_decode(&decoder, test_span(&made), number + 2, &err), OK);
        matches += rule_program_match(program, &event, found, 4, &undecided);
        if (number == WARM)
            before = usage_now();
    }
    assert_nothing_since(&before);
    assert_in_range(matches, 100, EVENTS - 100);
    event_close(&event);
    process_table_close(table);
    rule_program_close(program);
    writer_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_of_json_allocate_nothing),
        cmocka_unit_test(kernel_events_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
