/* Letters of a store. Each command runs in a child, for it gives up its rights. */
#include <string.h>

#include <sys/wait.h>

#include "core/test_place.h"
#include "dlq/dlq.h"
#include "topic/topic.h"

static struct topic_log *store_make(const struct test_place *place)
{
    const struct topic_options options = {0};
    struct topic_log *log = NULL;
    MUST(topic_log_open(place->fd, &options, &log, err));
    return log;
}

static void letter_append(struct topic_log *log, const char *source, span payload)
{
    struct writer letter;
    writer_init(&letter, 1u << 16);
    dead_letter_write(&letter, "no value here", "detect", source, SPAN("a/0@1"), payload);
    MUST(topic_append(log, "dead", (span){NULL, 0}, writer_span(&letter), NULL, err));
    writer_free(&letter);
}

static void part_append(struct topic_log *log)
{
    struct writer letter;
    writer_init(&letter, 1u << 16);
    dead_letter_write_part(&letter, "too large", "detect", "app", SPAN("a/0@1"), SPAN("third"), 2);
    MUST(topic_append(log, "dead", (span){NULL, 0}, writer_span(&letter), NULL, err));
    writer_free(&letter);
}

/* Six letters: two of app, one without its bytes, one with some of them, one of the kernel, and
 * what is none. */
static void letters_make(const struct test_place *place)
{
    struct topic_log *log = store_make(place);
    MUST(topic_begin(log, err));
    letter_append(log, "app", SPAN("first"));
    letter_append(log, "app", SPAN("\xff\x00second"));
    letter_append(log, "app", (span){NULL, 0});
    part_append(log);
    letter_append(log, "kernel", SPAN("00ff"));
    MUST(topic_append(log, "dead", (span){NULL, 0}, SPAN("no letter"), NULL, err));
    MUST(topic_commit(log, err));
    topic_log_close(log);
}

/* In a child: its exit code. */
static int in_child(int (*run)(const struct test_place *), const struct test_place *place)
{
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        *test_is_child() = true;
        _exit(run(place));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static const struct dlq_filter all = {0};

/* replayed, before and unfit as one number, for an exit code. */
static int replay(const struct test_place *place)
{
    struct dlq_replayed counts = {0};
    MUST(dlq_local_replay(place->path, NULL, &all, &counts, err));
    return (int)(counts.replayed * 50 + counts.before * 10 + counts.unfit);
}

static int replay_refused(const struct test_place *place)
{
    struct dlq_replayed counts = {0};
    struct err_ctx err;
    err_kind kind = dlq_local_replay(place->path, NULL, &all, &counts, &err);
    return kind == ERR_STATE && strstr(err.text, "stop what runs with it first") ? 7 : 1;
}

static err_kind letter_count(void *context, const struct dlq_letter *letter, struct err_ctx *err)
{
    int *count = context;
    (void)err;
    *count += letter->is_replayed ? 10 : 1;
    return OK;
}

static int count_all(const struct test_place *place)
{
    int count = 0;
    MUST(dlq_local_visit(place->path, &all, letter_count, &count, err));
    return count;
}

static int count_of_app(const struct test_place *place)
{
    const struct dlq_filter filter = {.source = "app"};
    int count = 0;
    MUST(dlq_local_visit(place->path, &filter, letter_count, &count, err));
    return count;
}

static void letters_are_replayed_once_with_their_own_bytes(void **state)
{
    const struct test_place *place = *state;
    letters_make(place);
    assert_int_equal(in_child(replay, place), 2 * 50 + 4);
    assert_int_equal(in_child(replay, place), 2 * 10 + 4);
    assert_int_equal(in_child(count_all, place), 2 * 10 + 4);
    struct topic_log *log = store_make(place);
    struct topic_reader *reader = NULL;
    struct topic_record record;
    bool is_end;
    MUST(topic_reader_open(log, "events.app", 0, &reader, err));
    MUST(topic_reader_next(reader, &record, &is_end, err));
    assert_true(span_eq(record.value, SPAN("first")));
    MUST(topic_reader_next(reader, &record, &is_end, err));
    assert_true(span_eq(record.value, SPAN("\xff\x00second")));
    MUST(topic_reader_next(reader, &record, &is_end, err));
    assert_true(is_end);
    topic_reader_close(reader);
    topic_log_close(log);
}

static void a_store_in_use_is_not_replayed(void **state)
{
    const struct test_place *place = *state;
    letters_make(place);
    struct topic_log *log = store_make(place);
    assert_int_equal(in_child(replay_refused, place), 7);
    assert_int_equal(in_child(count_all, place), 6);
    topic_log_close(log);
}

static void filters_let_through_what_they_name(void **state)
{
    const struct test_place *place = *state;
    letters_make(place);
    assert_int_equal(in_child(count_of_app, place), 4);
    struct arena arena;
    struct dlq_letter letter;
    arena_init(&arena, 1u << 16);
    span json = SPAN("{\"reason\":\"no value\",\"stage\":\"detect\",\"source\":\"app\","
                     "\"position\":\"in/1@7\",\"payload\":\"x\"}");
    const struct {
        struct dlq_filter filter;
        bool is_let_through;
    } cases[] = {
        {{.reason = "value"}, true},
        {{.reason = "key"}, false},
        {{.source = "app"}, true},
        {{.source = "ap"}, false},
        {{.position = "in/1@"}, true},
        {{.position = "n/1@"}, false},
        {{.id = "3@4"}, true},
        {{.id = "3@"}, false},
        {{.id = "3@4", .source = "other"}, true}, /* an id says it all */
    };
    for (size_t index = 0; index < sizeof cases / sizeof *cases; index++)
        assert_int_equal(dlq_letter_make(&cases[index].filter, SPAN("3@4"), json, &arena, &letter),
                         cases[index].is_let_through);
    assert_true(dlq_letter_make(&all, SPAN("0"), SPAN("{"), &arena, &letter));
    assert_true(span_eq(letter.content.stage, SPAN("dlq")));
    assert_null(letter.content.payload.data);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(letters_are_replayed_once_with_their_own_bytes),
        IN_PLACE(a_store_in_use_is_not_replayed),
        IN_PLACE(filters_let_through_what_they_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
