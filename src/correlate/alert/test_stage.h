/* A store with signals, for the tests of this folder. */
#pragma once

#include <jansson.h>

#include "alert/alert.h"
#include "core/test_place.h"
#include "core/writer.h"

#define SECOND 1000000000ull
#define WINDOW (60 * SECOND)

static inline struct topic_log *log_open(struct test_place *place)
{
    struct topic_options options = {0};
    struct topic_log *log = NULL;
    MUST(topic_log_open(place->fd, &options, &log, err));
    return log;
}

static inline struct alert_stage *stage_open(struct topic_log *log, uint32_t open_max,
                                             uint32_t batch_max)
{
    struct alert_options options = {
        .window_ns = WINDOW, .open_max = open_max, .batch_max = batch_max};
    struct alert_stage *stage = NULL;
    MUST(alert_stage_open(log, &options, &stage, err));
    return stage;
}

static inline void record_append(struct topic_log *log, const char *text)
{
    MUST(topic_append(log, "signals", (span){NULL, 0}, span_str(text), NULL, err));
}

static inline void signal_append(struct topic_log *log, unsigned rule, unsigned entity,
                                 uint64_t time_ns)
{
    struct topic_info info;
    struct writer out;
    static unsigned number;
    MUST(topic_info_get(log, "signals", &info, err));
    writer_init(&out, 4096);
    writer_format(&out,
                  "{\"rule\":\"rule %u\",\"entity\":\"host:h%u\",\"id\":\"%032x\",\"time\":\"",
                  rule, entity, ++number);
    writer_time(&out, time_ns);
    writer_format(&out, "\",\"priority\":\"Error\",\"output\":\"at %llu\",\"tags\":[\"a\"]}",
                  (unsigned long long)time_ns);
    writer_byte(&out, 0);
    MUST(out.is_full ? ERR_LIMIT : OK);
    record_append(log, (const char *)out.data);
    writer_free(&out);
}

static inline uint32_t step(struct alert_stage *stage, uint64_t now)
{
    uint32_t count;
    MUST(alert_stage_step(stage, now, &count, err));
    return count;
}

static inline struct alert_counters counters_get(struct topic_log *log)
{
    struct alert_counters counters;
    MUST(alert_counters_get(log, &counters, err));
    assert_int_equal(counters.in,
                     counters.out + counters.deduplicated + counters.shadow + counters.dead);
    return counters;
}

/* The alert at an offset of the topic; the caller releases it. */
static inline json_t *alert_at(struct topic_log *log, uint64_t offset)
{
    struct topic_reader *reader;
    struct topic_record record;
    bool is_end;
    json_error_t failure;
    MUST(topic_reader_open(log, ALERT_TOPIC, offset, &reader, err));
    MUST(topic_reader_next(reader, &record, &is_end, err));
    assert_false(is_end);
    json_t *json = json_loadb((const char *)record.value.data, record.value.len, 0, &failure);
    assert_non_null(json);
    const char *id = json_string_value(json_object_get(json, "id"));
    assert_true(span_eq(record.key, span_str(id)));
    topic_reader_close(reader);
    return json;
}

static inline uint64_t topic_end(struct topic_log *log, const char *topic)
{
    struct topic_info info;
    MUST(topic_info_get(log, topic, &info, err));
    return info.end;
}
