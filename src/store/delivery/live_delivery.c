/* live_delivery DIR FIRST COUNT [SIZE]: writes alerts FIRST to FIRST + COUNT - 1, and as many
 * signals, into the store in DIR, which it makes, of at most SIZE bytes. Every tenth alert has a
 * second version, every seventh is of priority Debug, each names a process and a container;
 * with SIZE given each is of nearly a kilobyte that does not compress.
 * live_delivery DIR FILE: writes the file's lines as they are, those with a version as alerts. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "core/clock.h"
#include "core/writer.h"
#include "topic/topic.h"

/* Text that does not compress, so that a small store is full soon. */
static void padding_write(struct writer *out, unsigned long long seed, size_t words)
{
    writer_text(out, "\"padding\":\"");
    for (size_t index = 0; index < words; index++) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        writer_format(out, "%08llx", seed >> 32);
    }
    writer_text(out, "\",");
}

static void record_write(struct writer *out, unsigned long long number, unsigned version,
                         bool is_padded)
{
    writer_reset(out);
    writer_format(out, "{\"id\":\"%032llx\",", number);
    if (is_padded)
        padding_write(out, number, 100);
    if (version)
        writer_format(out, "\"version\":%u,\"count\":%u,\"final\":false,", version, version);
    writer_format(out, "\"rule\":\"Rule %llu\",\"rule_id\":null,\"priority\":\"%s\",", number % 5,
                  number % 7 ? "Warning" : "Debug");
    writer_text(out, "\"source\":\"syscall\",\"tags\":[\"T1059.004\",\"mitre_execution\"],"
                     "\"entity\":\"host:h1\",\"entities\":[\"host:h1\"],\"hostname\":\"h1\",");
    writer_format(out,
                  "\"output\":\"happened %llu\",\"desc\":\"a test\",\"response\":null,"
                  "\"container\":{\"id\":\"c0ffee\",\"name\":\"shop\",\"image\":\"nginx:1\"},"
                  "\"process\":[{\"pid\":%llu,\"name\":\"sh\",\"exe\":\"/bin/sh\",\"cmdline\":"
                  "\"sh -c id\",\"user\":\"root\"},{\"pid\":1,\"name\":\"init\",\"exe\":null,"
                  "\"cmdline\":null,\"user\":null}],\"n\":%llu,\"time\":\"",
                  number, 1000 + number, number);
    writer_time(out, clock_wall_ns());
    if (!version) {
        writer_format(out, "\",\"output_fields\":{\"proc.pid\":%llu,\"fd.name\":\"/x\"}}", number);
        return;
    }
    writer_text(out, "\",\"first_seen\":\"");
    writer_time(out, clock_wall_ns());
    writer_text(out, "\",\"last_seen\":\"");
    writer_time(out, clock_wall_ns());
    writer_text(out, "\"}");
}

static err_kind records_append(struct topic_log *log, unsigned long long first,
                               unsigned long long count, bool is_padded, struct err_ctx *err)
{
    struct writer out;
    err_kind kind = topic_begin(log, err);
    writer_init(&out, 65536);
    for (unsigned long long number = first; number < first + count && kind == OK; number++) {
        for (unsigned version = 0; version < (number % 10 ? 2 : 3) && kind == OK; version++) {
            record_write(&out, number, version, is_padded);
            kind = topic_append(log, version ? "alerts" : "signals", (span){NULL, 0},
                                writer_span(&out), NULL, err);
        }
    }
    writer_free(&out);
    return kind == OK ? topic_commit(log, err) : kind;
}

static err_kind lines_append(struct topic_log *log, const char *path, struct err_ctx *err)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    FILE *file = fopen(path, "re");
    if (!file)
        return err_set(err, ERR_SYSTEM, "%s", path);
    err_kind kind = topic_begin(log, err);
    while (kind == OK && (len = getline(&line, &size, file)) > 1) {
        span record = span_of(line, (size_t)len - 1);
        const char *topic = strstr(line, "\"version\":") ? "alerts" : "signals";
        kind = topic_append(log, topic, (span){NULL, 0}, record, NULL, err);
    }
    free(line);
    fclose(file);
    return kind == OK ? topic_commit(log, err) : kind;
}

int main(int argc, char **argv)
{
    struct err_ctx err = {0};
    struct topic_log *log = NULL;
    struct topic_options options = {0};
    if (argc < 3)
        return 2;
    if (argc > 4)
        options.size_bytes_max = strtoull(argv[4], NULL, 10);
    mkdir(argv[1], 0755);
    int folder = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    err_kind kind = folder < 0 ? err_set(&err, ERR_SYSTEM, "%s", argv[1])
                               : topic_log_open(folder, &options, &log, &err);
    if (kind == OK && argc == 3)
        kind = lines_append(log, argv[2], &err);
    unsigned long long first = strtoull(argv[2], NULL, 10), end = first;
    end += argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    for (; kind == OK && first < end; first += 500) /* several batches */
        kind = records_append(log, first, end - first < 500 ? end - first : 500, argc > 4, &err);
    topic_log_close(log);
    if (kind != OK)
        fprintf(stderr, "live_delivery: %s\n", err.text);
    return kind == OK ? 0 : 1;
}
