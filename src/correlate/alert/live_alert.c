/* live_alert DIR: signals from stdin, one JSON object a line, into the store in DIR, which it
 * makes; then what the local stage makes of them on stdout: versions of alerts, one a line. No
 * window ends by the clock. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/stat.h>

#include "alert/alert.h"

#define BATCH 1000

static err_kind signals_append(struct topic_log *log, struct err_ctx *err)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len = 0;
    err_kind kind = OK;
    while (kind == OK && len >= 0) {
        kind = topic_begin(log, err);
        for (unsigned count = 0; kind == OK && count < BATCH; count++) {
            len = getline(&line, &size, stdin);
            if (len < 0)
                break;
            span value = span_of(line, (size_t)len - (line[len - 1] == '\n'));
            kind = topic_append(log, "signals", (span){NULL, 0}, value, NULL, err);
        }
        if (kind == OK)
            kind = topic_commit(log, err);
    }
    free(line);
    return kind;
}

static err_kind signals_correlate(struct topic_log *log, struct err_ctx *err)
{
    const struct alert_options options = {0};
    struct alert_stage *stage = NULL;
    uint32_t count = 1;
    err_kind kind = alert_stage_open(log, &options, &stage, err);
    while (kind == OK && count)
        kind = alert_stage_step(stage, 0, &count, err);
    alert_stage_close(stage);
    return kind;
}

static err_kind alerts_print(struct topic_log *log, struct err_ctx *err)
{
    struct topic_reader *reader = NULL;
    bool is_end = false;
    err_kind kind = topic_reader_open(log, ALERT_TOPIC, 0, &reader, err);
    while (kind == OK && !is_end) {
        struct topic_record record;
        kind = topic_reader_next(reader, &record, &is_end, err);
        if (kind == OK && !is_end) {
            fwrite(record.value.data, 1, record.value.len, stdout);
            putchar('\n');
        }
    }
    topic_reader_close(reader);
    return kind;
}

int main(int argc, char **argv)
{
    struct err_ctx err;
    struct topic_log *log = NULL;
    const struct topic_options options = {0};
    if (argc != 2) {
        fprintf(stderr, "usage: live_alert DIR\n");
        return 2;
    }
    mkdir(argv[1], 0700);
    int folder = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    err_kind kind = topic_log_open(folder, &options, &log, &err);
    if (kind == OK)
        kind = signals_append(log, &err);
    if (kind == OK)
        kind = signals_correlate(log, &err);
    if (kind == OK)
        kind = alerts_print(log, &err);
    if (kind != OK)
        fprintf(stderr, "live_alert: %s\n", err.text);
    topic_log_close(log);
    if (folder >= 0)
        close(folder);
    return kind == OK ? 0 : 1;
}
