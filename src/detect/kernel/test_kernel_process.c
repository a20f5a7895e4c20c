#include <stdio.h>

#include "core/test.h"
#include "kernel/kernel.h"
#include "record/test_record.h"

static struct test_record made;

static struct process_table *table_new(size_t processes_max)
{
    struct process_options options = {.processes_max = processes_max, .seed = 7};
    struct process_table *table;
    struct err_ctx err = {0};
    assert_int_equal(process_table_open(&options, &table, &err), OK);
    return table;
}

static const struct process *feed(struct process_table *table)
{
    struct record record;
    struct err_ctx err = {0};
    assert_int_equal(record_open(&record, test_span(&made), &err), OK);
    return process_table_update(table, &record);
}

static void feed_exec(struct process_table *table, int32_t pid, int32_t parent, const char *name)
{
    char argv[128];
    snprintf(argv, sizeof argv, "%s -a %d", name, pid);
    test_exec(&made, pid, parent, name, argv);
    assert_non_null(feed(table));
}

static void feed_fork(struct process_table *table, int32_t parent, int32_t child)
{
    test_fork(&made, parent, child);
    feed(table);
}

static void feed_exit(struct process_table *table, int32_t pid, uint64_t time_boot_ns)
{
    test_begin(&made, EVENT_PROCEXIT, pid, 0);
    test_head(&made)->time_boot_ns = time_boot_ns;
    test_number(&made, PARAM_STATUS, 0);
    feed(table);
}

static void feed_idle(struct process_table *table, int32_t pid, uint64_t time_boot_ns)
{
    test_begin(&made, EVENT_OPENAT, pid, 3);
    test_head(&made)->time_boot_ns = time_boot_ns;
    feed(table);
}

static void assert_name(const struct process_table *table, const struct process *process,
                        const char *name)
{
    assert_non_null(process);
    assert_true(span_eq(process_text(table, process->name), span_str(name)));
}

/* sshd 10 -> bash 11 -> sh 12 -> nc 13 */
static void feed_tree(struct process_table *table)
{
    feed_exec(table, 10, 1, "sshd");
    feed_fork(table, 10, 11);
    feed_exec(table, 11, 10, "bash");
    feed_fork(table, 11, 12);
    feed_exec(table, 12, 11, "sh");
    feed_fork(table, 12, 13);
    feed_exec(table, 13, 12, "nc");
}

static void ancestry_survives_a_double_fork(void **state)
{
    (void)state;
    struct process_table *table = table_new(0);
    feed_tree(table);
    feed_exit(table, 12, TEST_BOOT_NS);
    feed_exit(table, 11, TEST_BOOT_NS);
    /* far beyond the time that the dead are kept, and as a child of init by now */
    for (int count = 0; count < 10; count++)
        feed_idle(table, 13, TEST_BOOT_NS + 1000000000000ull);
    feed_exec(table, 13, 1, "worm");
    const struct process *process = process_find(table, 13, test_start(13));
    assert_name(table, process, "worm");
    assert_name(table, process_parent(table, process), "sh");
    assert_name(table, process_parent(table, process_parent(table, process)), "bash");
    /* with the last of them the chain goes */
    feed_exit(table, 13, TEST_BOOT_NS + 1000000000000ull);
    for (int count = 0; count < 10; count++)
        feed_idle(table, 10, TEST_BOOT_NS + 2000000000000ull);
    assert_null(process_find(table, 13, test_start(13)));
    assert_null(process_find(table, 12, test_start(12)));
    assert_non_null(process_find(table, 10, test_start(10)));
    process_table_close(table);
}

static void a_child_begins_as_its_parent(void **state)
{
    (void)state;
    struct process_table *table = table_new(0);
    feed_exec(table, 10, 1, "sshd");
    feed_fork(table, 10, 11);
    const struct process *child = process_find(table, 11, 0);
    assert_name(table, child, "sshd");
    assert_true(span_eq(process_text(table, child->cwd), SPAN("/home/user")));
    assert_int_equal(child->stdio[1].letter, 'p');
    assert_int_equal(child->exe_inode, 42);
    /* a thread is no process */
    struct process_identity identity = test_identity(12, 10);
    identity.is_thread = 1;
    test_begin(&made, EVENT_CLONE, 10, 12);
    test_bytes(&made, PARAM_PROCESS, &identity, sizeof identity);
    feed(table);
    assert_null(process_find(table, 12, 0));
    process_table_close(table);
}

static void a_reused_pid_is_another_process(void **state)
{
    (void)state;
    struct process_table *table = table_new(0);
    feed_tree(table);
    test_exec(&made, 12, 1, "cron", "cron");
    test_head(&made)->start_boot_ns = test_start(500);
    feed(table);
    assert_name(table, process_find(table, 12, 0), "cron");
    assert_name(table, process_parent(table, process_find(table, 13, 0)), "sh");
    assert_true(process_find(table, 12, test_start(12))->flags & PROCESS_EXITED);
    process_table_close(table);
}

static void who_was_not_seen_to_begin_is_made_from_the_head(void **state)
{
    (void)state;
    struct process_table *table = table_new(0);
    struct process_stats stats;
    test_begin(&made, EVENT_OPENAT, 77, 3);
    const struct process *process = feed(table);
    assert_non_null(process);
    assert_true(process->flags & PROCESS_INCOMPLETE);
    assert_int_equal(process->uid, 1000);
    assert_null(process_text(table, process->name).data);
    process_table_stats(table, &stats);
    assert_int_equal(stats.incomplete, 1);
    process_table_close(table);
}

static void snapshots_link_in_any_order(void **state)
{
    (void)state;
    struct process_table *table = table_new(0);
    const int32_t order[] = {13, 12, 11, 10};
    for (size_t index = 0; index < 4; index++) {
        struct process_identity identity = test_identity(order[index], order[index] - 1);
        test_exec(&made, order[index], order[index] - 1, "init", "init");
        test_head(&made)->type = EVENT_TASK;
        test_head(&made)->flags = RECORD_SNAPSHOT;
        (void)identity;
        feed(table);
    }
    feed_idle(table, 13, TEST_BOOT_NS);
    const struct process *process = process_find(table, 13, 0);
    for (int32_t pid = 12; pid >= 10; pid--) {
        process = process_parent(table, process);
        assert_non_null(process);
        assert_int_equal(process->pid, pid);
    }
    assert_null(process_parent(table, process));
    process_table_close(table);
}

static void a_dup_onto_stdin_is_seen(void **state)
{
    (void)state;
    struct process_table *table = table_new(0);
    feed_exec(table, 10, 1, "bash");
    struct socket_tuple tuple = {.local = {10, 0, 0, 1},
                                 .remote = {10, 0, 0, 2},
                                 .local_port = 40000,
                                 .remote_port = 4444,
                                 .family = 2,
                                 .type = 1};
    test_begin(&made, EVENT_DUP2, 10, 0);
    test_number(&made, PARAM_FD, 0);
    test_number(&made, PARAM_FD_OTHER, 5);
    test_bytes(&made, PARAM_SOCKET, &tuple, sizeof tuple);
    const struct process *process = feed(table);
    assert_int_equal(process->stdio[0].letter, '4');
    assert_true(span_eq(process_text(table, process->stdio[0].name),
                        SPAN("10.0.0.1:40000->10.0.0.2:4444")));
    process_table_close(table);
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void the_container_follows_the_cgroup(void **state)
{
    (void)state;
    struct process_table *table = table_new(0);
    struct container_key key;
    feed_exec(table, 10, 1, "runc");
    assert_false(process_container(table, process_find(table, 10, 0), &key));
    test_begin(&made, EVENT_CGROUP_ATTACH, 10, 0);
    test_number(&made, PARAM_PEER_PID, 10);
    test_number(&made, PARAM_PEER_START, (int64_t)test_start(10));
    test_text(&made, PARAM_PATH, "/system.slice/docker-" ID ".scope");
    test_list(&made, PARAM_CGROUPS, ":/system.slice/docker-" ID ".scope");
    feed(table);
    assert_true(process_container(table, process_find(table, 10, 0), &key));
    assert_true(span_eq(key.id, SPAN(ID)));
    assert_int_equal(key.type, CONTAINER_DOCKER);
    feed_fork(table, 10, 11);
    assert_true(process_container(table, process_find(table, 11, 0), &key));
    process_table_close(table);
}

static void a_full_table_lets_go_and_counts(void **state)
{
    (void)state;
    struct process_table *table = table_new(64);
    struct process_stats stats;
    for (int32_t pid = 10; pid < 1010; pid++) {
        feed_exec(table, pid, pid - 1, "true");
        if (pid % 2)
            feed_exit(table, pid, TEST_BOOT_NS);
    }
    process_table_stats(table, &stats);
    assert_int_equal(stats.processes, 64);
    assert_int_equal(stats.evicted, 1000 - 64);
    /* forks in a full table, of the very process that may have to go */
    for (int32_t pid = 2000; pid < 2200; pid++)
        feed_fork(table, pid - 1, pid);
    process_table_stats(table, &stats);
    assert_int_equal(stats.processes, 64);
    process_table_close(table);
}

static void a_storm_of_execs_leaks_nothing(void **state)
{
    (void)state;
    struct process_table *table = table_new(0);
    struct process_stats before, after;
    uint64_t time_boot_ns = TEST_BOOT_NS;
    feed_exec(table, 10, 1, "bash");
    process_table_stats(table, &before);
    for (int32_t pid = 100; pid < 20100; pid++) {
        feed_fork(table, 10, pid);
        feed_exec(table, pid, 10, "true");
        time_boot_ns += 10000000;
        feed_exit(table, pid, time_boot_ns);
    }
    for (int count = 0; count < 20000; count++)
        feed_idle(table, 10, time_boot_ns + 100000000000ull);
    process_table_stats(table, &after);
    assert_int_equal(after.processes, before.processes);
    assert_int_equal(after.dead, 0);
    assert_int_equal(after.text_bytes, before.text_bytes);
    process_table_close(table);
}

static struct writer saved(const struct process_table *table)
{
    struct writer writer;
    writer_init(&writer, 64u << 20);
    process_table_save(table, &writer);
    assert_false(writer.is_full);
    return writer;
}

static void a_saved_table_comes_back(void **state)
{
    (void)state;
    struct process_table *table = table_new(0), *copy = table_new(0);
    struct err_ctx err = {0};
    feed_tree(table);
    feed_exit(table, 12, TEST_BOOT_NS);
    struct writer first = saved(table);
    feed_exec(copy, 900, 1, "stale");
    assert_int_equal(process_table_load(copy, writer_span(&first), &err), OK);
    assert_null(process_find(copy, 900, 0));
    const struct process *process = process_find(copy, 13, test_start(13));
    assert_name(copy, process, "nc");
    assert_name(copy, process_parent(copy, process), "sh");
    struct process_stats stats;
    process_table_stats(copy, &stats);
    assert_int_equal(stats.processes, 4);
    assert_int_equal(stats.dead, 1);
    /* every truncation and every bit */
    for (size_t len = 0; len < first.len; len++)
        assert_int_not_equal(process_table_load(copy, span_of(first.data, len), &err), OK);
    for (size_t at = 0; at < first.len; at++) {
        first.data[at] ^= 0x10;
        assert_int_not_equal(process_table_load(copy, writer_span(&first), &err), OK);
        first.data[at] ^= 0x10;
    }
    assert_name(copy, process_find(copy, 13, 0), "nc");
    writer_free(&first);
    process_table_close(table);
    process_table_close(copy);
}

/* What matters of a table, in pid order. */
static void describe(const struct process_table *table, struct writer *writer)
{
    for (int32_t pid = 1; pid < 3000; pid++)
        for (int again = 0; again < 2; again++) {
            const struct process *process = process_find(table, pid, again ? test_start(pid) : 0);
            if (!process)
                continue;
            const struct process *parent = process_parent(table, process);
            span name = process_text(table, process->name);
            writer_format(writer, "%d %d " PRI_SPAN " %u %llu\n", pid, parent ? parent->pid : 0,
                          ARG_SPAN(name), process->flags & PROCESS_EXITED,
                          (unsigned long long)process->exec_boot_ns);
        }
}

static void deltas_add_up_to_the_whole(void **state)
{
    (void)state;
    struct process_table *table = table_new(0), *copy = table_new(0);
    struct err_ctx err = {0};
    struct writer delta, a, b;
    writer_init(&delta, 64u << 20);
    writer_init(&a, 64u << 20);
    writer_init(&b, 64u << 20);
    uint32_t random = 12345;
    int32_t last = 10;
    feed_exec(table, 10, 1, "bash");
    for (int round = 0; round < 200; round++) {
        for (int count = 0; count < 20; count++) {
            random = random * 1664525 + 1013904223;
            int32_t pid = 10 + (int32_t)(random >> 8) % (last - 9);
            if (random % 3 == 0)
                feed_fork(table, pid, ++last);
            else if (random % 3 == 1)
                feed_exec(table, pid, 10, random & 64 ? "curl" : "sh");
            else
                feed_exit(table, pid, TEST_BOOT_NS + (uint64_t)round * 10000000000u);
        }
        writer_reset(&delta);
        process_table_delta(table, &delta);
        assert_int_equal(process_table_apply_delta(copy, writer_span(&delta), &err), OK);
        writer_reset(&a);
        writer_reset(&b);
        describe(table, &a);
        describe(copy, &b);
        assert_true(span_eq(writer_span(&a), writer_span(&b)));
    }
    writer_reset(&delta);
    process_table_delta(table, &delta);
    assert_true(delta.len < 64); /* nothing new */
    writer_free(&delta);
    writer_free(&a);
    writer_free(&b);
    process_table_close(table);
    process_table_close(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ancestry_survives_a_double_fork),
        cmocka_unit_test(a_child_begins_as_its_parent),
        cmocka_unit_test(a_reused_pid_is_another_process),
        cmocka_unit_test(who_was_not_seen_to_begin_is_made_from_the_head),
        cmocka_unit_test(snapshots_link_in_any_order),
        cmocka_unit_test(a_dup_onto_stdin_is_seen),
        cmocka_unit_test(the_container_follows_the_cgroup),
        cmocka_unit_test(a_full_table_lets_go_and_counts),
        cmocka_unit_test(a_storm_of_execs_leaks_nothing),
        cmocka_unit_test(a_saved_table_comes_back),
        cmocka_unit_test(deltas_add_up_to_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
