/* Cost of Sigma rules on JSON events, CPU time of one thread, loading apart. Not a test.
 *
 *   sigma real EVENTS RULES [OPTION...]       EVENTS: lines of JSON; RULES: a list of rule files
 *   sigma synthetic EVENTS RULES [OPTION...]  numbers of each, both generated
 *
 * --passes=N      how often the events are read; the first pass is cold, the others are warm
 * --again         a new program for each pass: all are cold
 * --distinct      every text of every event is one of its own
 * --negations     every tenth generated rule has negations alone
 * --no-memo, --no-vectorscan
 *
 * Prints one line a pass, fields separated by tabs, with a head line. */
#include "sigma/sigma.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sys/resource.h>

#include "core/cleanup.h"
#include "json/json.h"

#define FILES_MAX   20000
#define MATCHES_MAX 4096

struct options {
    unsigned passes;
    bool is_distinct;
    bool has_negations;
    bool is_again;
    struct rule_program_options program;
};

static _Noreturn void fail(const char *text)
{
    fprintf(stderr, "bench: %s\n", text);
    exit(1);
}

static unsigned number_read(const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (*end || end == text || number > 100000000)
        fail(text);
    return (unsigned)number;
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static span file_read(const char *path)
{
    AUTO(auto_fclose) FILE *file = fopen(path, "re");
    struct writer out;
    uint8_t block[65536];
    size_t len;
    if (!file)
        fail(path);
    writer_init(&out, (size_t)4 << 30);
    while ((len = fread(block, 1, sizeof block, file)) > 0)
        writer_put(&out, span_of(block, len));
    if (out.is_full)
        fail("a file is too large");
    return writer_span(&out);
}

/* ---- rules ---- */

static size_t files_read(const char *list, struct sigma_input *inputs)
{
    span rest = file_read(list);
    size_t count = 0;
    span line;
    while (span_until(&rest, '\n', &line)) {
        char path[4096];
        if (line.len >= sizeof path || count == FILES_MAX)
            fail("too many rule files, or too long a name");
        memcpy(path, line.data, line.len);
        path[line.len] = 0;
        inputs[count++] = (struct sigma_input){.name = line, .bytes = file_read(path)};
    }
    return count;
}

static void rule_write(struct writer *out, unsigned number, bool has_negations)
{
    writer_format(out,
                  "title: r%u\nid: 00000000-0000-4000-8000-%012u\nstatus: test\nlevel: low\n"
                  "logsource: {product: windows, category: process_creation}\ndetection:\n",
                  number, number);
    if (has_negations && number % 10 == 0) {
        writer_format(out,
                      "  f1: {User|contains: 'CORP'}\n  f2: {CommandLine|contains: 'neg%u'}\n"
                      "  condition: not 1 of f*\n",
                      number);
        return;
    }
    switch (number % 5) {
    case 0:
        writer_format(out,
                      "  s: {Image|endswith: '\\tool%u.exe', CommandLine|contains: ' --run%u'}\n"
                      "  condition: s\n",
                      number, number);
        break;
    case 1:
        writer_format(out,
                      "  s:\n    CommandLine|contains|all: ['-enc%u', 'secret%u']\n"
                      "  condition: s\n",
                      number, number);
        break;
    case 2:
        writer_format(out,
                      "  s: {ParentImage|endswith: ['\\parent%u.exe', '\\start%u.exe']}\n"
                      "  filter: {User|contains: 'SYSTEM'}\n  condition: s and not filter\n",
                      number, number);
        break;
    case 3:
        writer_format(out,
                      "  s: {CurrentDirectory|startswith: 'C:\\Data\\set%u\\'}\n"
                      "  condition: s\n",
                      number);
        break;
    default:
        writer_format(out,
                      "  s1: {CommandLine|contains: ['evil%u', 'bad%u', 'worse%u']}\n"
                      "  s2: {Image|endswith: '\\x%u.exe'}\n  condition: s1 or s2\n",
                      number, number, number, number);
    }
}

static size_t rules_write(unsigned count, bool has_negations, struct sigma_input *inputs)
{
    for (unsigned number = 0; number < count; number++) {
        struct writer out;
        writer_init(&out, 1 << 16);
        rule_write(&out, number, has_negations);
        inputs[number] =
            (struct sigma_input){.name = SPAN("generated"), .bytes = writer_span(&out)};
    }
    return count;
}

static void rules_compile(const struct sigma_input *inputs, size_t count, struct writer *image,
                          struct sigma_counts *ret_counts)
{
    struct rule_builder *builder;
    struct diagnostics diagnostics;
    struct err_ctx err = {0};
    diagnostics_init(&diagnostics, 20);
    if (rule_builder_open(&json_schema, &builder, &err) != OK)
        fail(err.text);
    if (!sigma_load(inputs, count, NULL, 0, &json_schema, builder, &diagnostics, ret_counts)) {
        struct writer out;
        writer_init(&out, 1 << 16);
        diagnostics_write(&diagnostics, &out);
        fprintf(stderr, "%.*s", (int)out.len, (const char *)out.data);
    }
    if (rule_image_write(builder, image, &err) != OK)
        fail(err.text);
    rule_builder_close(builder);
    diagnostics_free(&diagnostics);
}

/* ---- events ---- */

static void event_write(struct writer *out, unsigned number)
{
    uint64_t mixed = (number + 1) * 0x9e3779b97f4a7c15u;
    mixed ^= mixed >> 29;
    writer_format(
        out,
        "{\"product\":\"windows\",\"category\":\"process_creation\",\"EventID\":1,"
        "\"UtcTime\":\"2024-01-01 00:00:00.%03u\",\"ProcessId\":%u,"
        "\"Image\":\"C:\\\\Program Files\\\\App%llx\\\\bin\\\\prog%u.exe\","
        "\"CommandLine\":\"prog%u.exe --input C:\\\\work\\\\%llx\\\\file%u.dat --level %u -v\","
        "\"CurrentDirectory\":\"C:\\\\Users\\\\user%u\\\\%llx\\\\\",\"User\":\"CORP\\\\user%u\","
        "\"ParentImage\":\"C:\\\\Windows\\\\Apps\\\\%llx\\\\host%u.exe\",\"Hashes\":\"MD5=%"
        "016llx\"}\n",
        number % 1000, number, (unsigned long long)mixed, number, number,
        (unsigned long long)mixed >> 7, number, number % 9, number, (unsigned long long)mixed >> 20,
        number, (unsigned long long)mixed >> 13, number, (unsigned long long)mixed);
}

static span events_write(unsigned count)
{
    struct writer out;
    writer_init(&out, (size_t)2 << 30);
    for (unsigned number = 0; number < count; number++)
        event_write(&out, number);
    return writer_span(&out);
}

/* Puts a number behind the first character of every text but the logsource's. */
static span make_distinct(span events)
{
    struct writer out;
    unsigned number = 0;
    span line;
    writer_init(&out, (size_t)4 << 30);
    while (span_until(&events, '\n', &line)) {
        for (size_t at = 0; at < line.len; at++) {
            bool is_start = at > 2 && line.data[at - 1] == '"' && line.data[at - 2] == ':' &&
                            line.data[at - 3] == '"';
            bool is_logsource =
                is_start && (span_ends(span_first(line, at), SPAN("product\":\"")) ||
                             span_ends(span_first(line, at), SPAN("category\":\"")) ||
                             span_ends(span_first(line, at), SPAN("service\":\"")));
            writer_byte(&out, line.data[at]);
            if (is_start && !is_logsource && line.data[at] != '\\' && line.data[at] != '"')
                writer_format(&out, "%x", number++);
        }
        writer_byte(&out, '\n');
    }
    return writer_span(&out);
}

/* ---- passes ---- */

static void pass_run(struct rule_program *program, span events, const char *name, size_t rules)
{
    struct json_decoder *decoder;
    struct event event;
    struct err_ctx err = {0};
    struct rule_program_counters before = *rule_program_counters(program);
    uint32_t found[MATCHES_MAX];
    uint32_t undecided;
    uint64_t matches = 0;
    uint64_t count = 0;
    uint64_t refused = 0;
    span rest = events;
    span line;
    if (json_decoder_open(rule_program_projection(program), &decoder, &err) != OK ||
        event_open(&event, rule_program_projection(program), json_fetch, decoder, &err) != OK)
        fail(err.text);
    uint8_t *own = malloc(events.len + JSON_PADDING);
    if (!own)
        fail("memory");
    memcpy(own, events.data, events.len);
    for (size_t at = 0; at < events.len;
         at++) /* a line ends with a zero, as its reader leaves it */
        own[at] = own[at] == '\n' ? 0 : own[at];
    memset(own + events.len, 0, JSON_PADDING);
    rest = span_of(own, events.len);
    double start = cpu_seconds();
    while (span_until(&rest, 0, &line)) {
        struct json_fault fault;
        count++;
        event_begin(&event);
        if (!json_decode_padded(decoder, line, &fault)) {
            refused++;
            continue;
        }
        event.raw = json_raw(decoder);
        event.raw_traits = json_raw_traits(decoder);
        event.logsource = json_logsource(decoder);
        matches += rule_program_match(program, &event, found, MATCHES_MAX, &undecided);
    }
    double taken = cpu_seconds() - start;
    const struct rule_program_counters *after = rule_program_counters(program);
    printf("%s\t%zu\t%llu\t%.3f\t%.0f\t%.0f\t%llu\t%.2f\t%.1f%%\t%.2f\t%llu\n", name, rules,
           (unsigned long long)count, taken, (double)count / taken,
           (double)events.len / 1e6 / taken, (unsigned long long)matches,
           (double)(after->lookups - before.lookups) / (double)count,
           100.0 * (double)(after->remembered - before.remembered) /
               (double)(after->lookups - before.lookups + 1),
           (double)(after->candidates - before.candidates) / (double)count,
           (unsigned long long)refused);
    event_close(&event);
    json_decoder_close(decoder);
    free(own);
}

static void options_read(int argc, char **argv, struct options *ret)
{
    *ret = (struct options){.passes = 2};
    for (int at = 4; at < argc; at++) {
        if (strncmp(argv[at], "--passes=", 9) == 0)
            ret->passes = number_read(argv[at] + 9);
        else if (strcmp(argv[at], "--distinct") == 0)
            ret->is_distinct = true;
        else if (strcmp(argv[at], "--negations") == 0)
            ret->has_negations = true;
        else if (strcmp(argv[at], "--again") == 0)
            ret->is_again = true;
        else if (strcmp(argv[at], "--no-memo") == 0)
            ret->program.without_memo = true;
        else if (strcmp(argv[at], "--no-vectorscan") == 0)
            ret->program.without_vectorscan = true;
        else
            fail(argv[at]);
    }
}

int main(int argc, char **argv)
{
    static struct sigma_input inputs[FILES_MAX];
    struct options options;
    struct sigma_counts counts = {0};
    struct rule_program_stats stats;
    struct rule_program *program;
    struct err_ctx err = {0};
    struct writer image;
    char name[64];
    if (argc < 4)
        fail("usage: sigma real|synthetic EVENTS RULES [OPTION...]");
    options_read(argc, argv, &options);
    bool is_real = strcmp(argv[1], "real") == 0;
    size_t files = is_real ? files_read(argv[3], inputs)
                           : rules_write(number_read(argv[3]), options.has_negations, inputs);
    size_t heap_before = mallinfo2().uordblks;
    double start = cpu_seconds();
    writer_init(&image, (size_t)1 << 30);
    rules_compile(inputs, files, &image, &counts);
    double compiled = cpu_seconds();
    if (rule_program_open_with(writer_span(&image), &json_schema, &options.program, &program, &err))
        fail(err.text);
    double opened = cpu_seconds();
    rule_program_stats(program, &stats);
    fprintf(stderr,
            "rules %zu, compiled in %.3f s, image %.1f MB, opened in %.3f s, heap %.1f MB, "
            "predicates %zu, looked up %zu, without access %zu, fields with Vectorscan %zu\n",
            stats.rules, compiled - start, (double)image.len / 1e6, opened - compiled,
            (double)(mallinfo2().uordblks - heap_before) / 1e6, stats.predicates,
            stats.indexed_predicates, stats.rules_without_access, stats.vectorscan_fields);
    span events = is_real ? file_read(argv[2]) : events_write(number_read(argv[2]));
    if (options.is_distinct)
        events = make_distinct(events);
    printf("pass\trules\tevents\tcpu_s\tevents_s\tmb_s\tmatches\tlookups\tremembered\tcandidates\t"
           "refused\n");
    for (unsigned pass = 0; pass < options.passes; pass++) {
        if (pass && options.is_again) {
            rule_program_close(program);
            if (rule_program_open_with(writer_span(&image), &json_schema, &options.program,
                                       &program, &err))
                fail(err.text);
        }
        snprintf(name, sizeof name, "%s%s", argv[1], pass && !options.is_again ? "-warm" : "-cold");
        pass_run(program, events, name, counts.rules);
    }
    return 0;
}
