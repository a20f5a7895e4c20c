#include <zstd.h>

#include "follow/test_rig.h"

static void lines_come_once_as_they_are_written(void **state)
{
    struct rig *rig = rig_open(state, "*.log");
    rig->shows_offsets = true;
    rig_append(rig, "a.log", "one\ntwo\n\npart");
    rig_turn(rig, 1);
    rig_is(rig, "1@0-4 one\n1@4-8 two\n1@8-9 \n");
    rig_append(rig, "a.log", "ly\n");
    rig_turn(rig, 1);
    rig_is(rig, "1@0-4 one\n1@4-8 two\n1@8-9 \n1@9-16 partly\n");
    assert_int_equal(rig_read(rig, 1, SIZE_MAX), 0);
    assert_int_equal(follow_counts(rig->follow).lag_bytes, 0);
    assert_int_equal(follow_counts(rig->follow).bytes, 16);
    rig_close(rig);
}

static void files_that_appear_later_are_found(void **state)
{
    struct rig *rig = rig_open(state, "*.log");
    rig_append(rig, "a.log", "a\n");
    rig_turn(rig, 1);
    rig_append(rig, "b.log", "b\n");
    rig_append(rig, "b.txt", "no\n");
    rig_turn(rig, 1);
    rig_is(rig, "a\nb\n");
    assert_int_equal(follow_counts(rig->follow).files, 2);
    rig_close(rig);
}

static void a_restart_goes_on_at_the_byte(void **state)
{
    struct rig *rig = rig_open(state, "*.log");
    rig_append(rig, "a.log", "one\ntwo\nthree\n");
    rig_look(rig);
    rig_read(rig, 1, 2);
    rig_commit(rig);
    rig_read(rig, 1, SIZE_MAX); /* uncommitted */
    rig_restart(rig);
    rig_append(rig, "a.log", "four\n");
    rig_turn(rig, 1);
    rig_is(rig, "one\ntwo\nthree\nfour\n");
    rig_close(rig);
}

static void a_line_over_the_limit_is_told_and_the_next_one_is_read(void **state)
{
    struct rig *rig = rig_open(state, "*.log");
    static char line[700001];
    rig->options.frame_bytes_max = 10;
    rig->shows_offsets = true;
    follow_close(rig->follow);
    rig_start_follow(rig);
    memset(line, 'x', sizeof line - 1);
    rig_append(rig, "a.log", "0123456789\n01234567890\nok\n");
    rig_append(rig, "a.log", line); /* longer than is read at once, and not yet ended */
    rig_turn(rig, 1);
    rig_is(rig, "1@0-11 0123456789\n1@11-23 !the line is over the limit\n1@23-26 ok\n"
                "1@26-262154 !the line is over the limit\n");
    rig_commit(rig);
    rig_restart(rig); /* inside the line */
    rig->out.len = 0;
    rig_append(rig, "a.log", "tail\nnext\n");
    rig_turn(rig, 1);
    rig_is(rig, "1@700031-700036 next\n");
    rig_close(rig);
}

static void a_renamed_file_is_read_to_its_end_before_its_successor(void **state)
{
    struct rig *rig = rig_open(state, "a.log");
    rig_append(rig, "a.log", "one\n");
    rig_turn(rig, 1);
    rig_append(rig, "a.log", "two\n");
    rig_rename(rig, "a.log", "a.log.1");
    rig_append(rig, "a.log", "four\n");
    rig_append(rig, "a.log.1", "three\n"); /* its writer has not noticed */
    rig_turn(rig, 1);
    rig_is(rig, "one\ntwo\nthree\nfour\n");
    rig_append(rig, "a.log.1", "late\n");
    rig_turn(rig, 1);
    rig_is(rig, "one\ntwo\nthree\nfour\nlate\n");
    assert_int_equal(follow_counts(rig->follow).rotations, 1);
    rig_close(rig);
}

static void a_deleted_file_is_finished_even_by_a_new_follower(void **state)
{
    struct rig *rig = rig_open(state, "a.log");
    rig_append(rig, "a.log", "one\ntwo\nno newline");
    rig_look(rig);
    rig_read(rig, 1, 1);
    rig_commit(rig);
    rig_remove(rig, "a.log");
    rig_append(rig, "a.log", "three\n");
    rig_look(rig);
    rig_crash(rig);
    rig_turn(rig, 1);
    rig_is(rig, "one\ntwo\nthree\n");
    rig_read(rig, 61000, SIZE_MAX); /* nobody can end its last line any more */
    rig_is(rig, "one\ntwo\nthree\nno newline\n");
    rig_commit(rig);
    rig_look(rig);
    assert_int_equal(finder_counts(rig->finder).held, 1);
    assert_int_equal(follow_counts(rig->follow).open, 1);
    rig_close(rig);
}

static void a_file_renamed_while_all_was_down_is_found_by_its_inode(void **state)
{
    struct rig *rig = rig_open(state, "a.log");
    rig_append(rig, "a.log", "one\ntwo\n");
    rig_look(rig);
    rig_read(rig, 1, 1);
    rig_commit(rig);
    rig_rename(rig, "a.log", "old-name");
    rig_append(rig, "a.log", "three\n");
    rig_restart(rig);
    rig_turn(rig, 1);
    rig_is(rig, "one\ntwo\nthree\n");
    rig_close(rig);
}

static void a_file_cut_short_begins_anew(void **state)
{
    struct rig *rig = rig_open(state, "a.log");
    rig_append(rig, "a.log", "one\ntwo\n");
    rig_turn(rig, 1);
    rig_truncate(rig, "a.log");
    rig_append(rig, "a.log", "3\n");
    rig_turn(rig, 1);
    rig_is(rig, "one\ntwo\n3\n");
    rig_truncate(rig, "a.log");
    rig_append(rig, "a.log", "longer than it was\n"); /* only its bytes tell */
    rig_turn(rig, 1);
    rig_is(rig, "one\ntwo\n3\nlonger than it was\n");
    rig_commit(rig);
    rig_truncate(rig, "a.log");
    rig_append(rig, "a.log", "while nobody looked, and longer than before\n");
    rig_restart(rig);
    rig_turn(rig, 1);
    rig_is(rig, "one\ntwo\n3\nlonger than it was\nwhile nobody looked, and longer than before\n");
    rig_close(rig);
}

static void what_was_unread_when_a_file_was_cut_is_read_from_its_copy(void **state)
{
    struct rig *rig = rig_open(state, "a.log*");
    rig_append(rig, "a.log", "one\ntwo\n");
    rig_turn(rig, 1);
    rig_append(rig, "a.log", "three\nfour\n");
    rig_read(rig, 1, 1);
    rig_copy(rig, "a.log", "a.log.1");
    rig_truncate(rig, "a.log");
    rig_append(rig, "a.log", "five\n");
    follow_poll(rig->follow, rig->now_ns);
    assert_int_equal(follow_counts(rig->follow).lost_bytes, 5);
    rig_turn(rig, 2000);
    rig_is(rig, "one\ntwo\nthree\nfive\nfour\n");
    assert_int_equal(follow_counts(rig->follow).copies, 1);
    assert_int_equal(follow_counts(rig->follow).truncated, 1);
    assert_int_equal(follow_counts(rig->follow).lost_bytes, 0);
    rig_close(rig);
}

static void what_follows_a_cut_is_not_counted_as_lost(void **state)
{
    struct rig *rig = rig_open(state, "a.log*");
    rig_append(rig, "a.log", "one\ntwo\n");
    rig_look(rig);
    rig_read(rig, 1, 1);
    rig_copy(rig, "a.log", "a.log.1");
    rig_truncate(rig, "a.log");
    rig_append(rig, "a.log", "longer than it was\n");
    follow_poll(rig->follow, rig->now_ns);
    rig_turn(rig, 1);
    rig_turn(rig, 2000);
    rig_is(rig, "one\ntwo\nlonger than it was\n");
    assert_int_equal(follow_counts(rig->follow).truncated, 1);
    assert_int_equal(follow_counts(rig->follow).lost_bytes, 0);
    rig_close(rig);
}

static void without_a_copy_what_was_unread_is_counted(void **state)
{
    struct rig *rig = rig_open(state, "a.log");
    rig_append(rig, "a.log", "one\ntwo\n");
    rig_look(rig);
    rig_read(rig, 1, 1);
    rig_truncate(rig, "a.log");
    rig_turn(rig, 1);
    rig_is(rig, "one\n");
    assert_int_equal(follow_counts(rig->follow).lost_bytes, 4);
    rig_close(rig);
}

static void a_copy_of_a_file_that_lives_is_not_read_twice(void **state)
{
    struct rig *rig = rig_open(state, "a.log*");
    rig_append(rig, "a.log", "one\ntwo\n");
    rig_turn(rig, 1);
    rig_copy(rig, "a.log", "a.log.bak");
    rig_turn(rig, 2000);
    rig_append(rig, "a.log", "three\n");
    rig_turn(rig, 2000);
    rig_is(rig, "one\ntwo\nthree\n");
    rig_remove(rig, "a.log");
    rig_turn(rig, 1000);
    rig_turn(rig, 61000);
    rig_turn(rig, 1000);
    rig_is(rig, "one\ntwo\nthree\n");
    rig_close(rig);
}

static void files_that_only_begin_alike_are_both_read(void **state)
{
    struct rig *rig = rig_open(state, "*.log");
    rig_append(rig, "a.log", "# time level text\none\n");
    rig_turn(rig, 1);
    rig_append(rig, "b.log", "# time level text\none\n");
    rig_turn(rig, 1);
    rig_is(rig, "# time level text\none\n# time level text\none\n");
    rig_close(rig);
}

static void a_packed_file_is_read_once_when_it_is_whole(void **state)
{
    struct rig *rig = rig_open(state, "*");
    rig_append(rig, "old", "one\ntwo\nend");
    rig_gzip(rig, "old", false);
    rig_turn(rig, 1);
    rig_is(rig, "");
    rig_turn(rig, 1001);
    rig_is(rig, "one\ntwo\nend\n");
    rig_commit(rig);
    rig_restart(rig);
    rig_turn(rig, 1001);
    rig_turn(rig, 1001);
    rig_is(rig, "one\ntwo\nend\n");
    assert_int_equal(follow_counts(rig->follow).open, 0);
    rig_close(rig);
}

static void a_restart_goes_on_inside_a_packed_file(void **state)
{
    struct rig *rig = rig_open(state, "*");
    rig_append(rig, "old", "one\ntwo\nthree\n");
    rig_gzip(rig, "old", false);
    rig_look(rig);
    rig_read(rig, 1, 0);
    rig_read(rig, 1001, 2);
    rig_commit(rig);
    rig_crash(rig);
    rig_look(rig);
    rig_read(rig, 1, 0);
    rig_read(rig, 1001, SIZE_MAX);
    rig_is(rig, "one\ntwo\nthree\n");
    rig_close(rig);
}

static void a_rotated_file_that_is_packed_is_not_read_twice(void **state)
{
    struct rig *rig = rig_open(state, "a.log*");
    rig_append(rig, "a.log", "one\ntwo\n");
    rig_turn(rig, 1);
    rig_rename(rig, "a.log", "a.log.1");
    rig_append(rig, "a.log.1", "three\n");
    rig_append(rig, "a.log", "four\n");
    rig_turn(rig, 1);
    rig_gzip(rig, "a.log.1", false);
    rig_turn(rig, 1);
    rig_turn(rig, 1001);
    rig_turn(rig, 61000);
    rig_turn(rig, 1001);
    rig_turn(rig, 1001);
    rig_is(rig, "one\ntwo\nthree\nfour\n");
    assert_int_equal(follow_counts(rig->follow).open, 1);
    rig_close(rig);
}

static void what_was_packed_while_all_was_down_is_read_on(void **state)
{
    struct rig *rig = rig_open(state, "a.log*");
    rig_append(rig, "a.log", "one\ntwo\nthree\n");
    rig_look(rig);
    rig_read(rig, 1, 2);
    rig_commit(rig);
    rig_rename(rig, "a.log", "a.log.1");
    rig_gzip(rig, "a.log.1", false);
    rig_append(rig, "a.log", "four\n");
    rig_restart(rig);
    for (unsigned turn = 0; turn < 4; turn++)
        rig_turn(rig, 1001);
    rig_is(rig, "one\ntwo\nfour\nthree\n");
    rig_close(rig);
}

static void a_packed_file_that_ends_early_is_told_after_some_patience(void **state)
{
    struct rig *rig = rig_open(state, "*.zst");
    char packed[256];
    const char *text = "one\ntwo\nthree\n";
    size_t len = ZSTD_compress(packed, sizeof packed, text, strlen(text), 3);
    rig_write(rig, "a.zst", packed, len - 3);
    rig_turn(rig, 1);
    rig_turn(rig, 1001);
    size_t before = rig->out.len;
    rig_turn(rig, 5000);
    assert_int_equal(rig->out.len, before);
    rig_write(rig, "a.zst", packed + len - 3, 3); /* it was not done */
    rig_turn(rig, 1);
    rig_turn(rig, 1001);
    rig_is(rig, "one\ntwo\nthree\n");
    rig_write(rig, "b.zst", packed, len - 3);
    rig_turn(rig, 1);
    rig_turn(rig, 1001);
    rig_turn(rig, 10001);
    rig_turn(rig, 10001);
    assert_non_null(strstr(rig_text(rig), "!the packed data is broken or ends early"));
    assert_int_equal(follow_counts(rig->follow).faults, 1);
    assert_int_equal(follow_counts(rig->follow).open, 0);
    rig_close(rig);
}

static void a_document_is_a_whole_file(void **state)
{
    struct rig *rig = rig_open(state, "*");
    rig->options.is_document = true;
    rig->options.frame_bytes_max = 400000;
    follow_close(rig->follow);
    rig_start_follow(rig);
    static char large[400002];
    memset(large, 'y', sizeof large - 1);
    rig_append(rig, "a.json", "{\n");
    rig_turn(rig, 1);
    rig_append(rig, "a.json", "}\n");
    rig_turn(rig, 999);
    rig_turn(rig, 999);
    rig_is(rig, "");
    rig_turn(rig, 1);
    rig_is(rig, "{\n}\n\n");
    rig_append(rig, "b.json", "{}");
    rig_gzip(rig, "b.json", false);
    rig_append(rig, "c.json", large);
    rig_turn(rig, 1);
    rig_turn(rig, 1001);
    rig_turn(rig, 1001);
    assert_int_equal(follow_counts(rig->follow).frames, 3);
    assert_int_equal(follow_counts(rig->follow).faults, 1);
    assert_int_equal(follow_counts(rig->follow).bytes, 4 + 2 + 400001);
    rig_close(rig);
}

static void more_files_than_may_be_open_are_read_in_turn(void **state)
{
    struct rig *rig = rig_open(state, "*.log");
    char name[32];
    rig->options.file_count_max = 4;
    follow_close(rig->follow);
    rig_start_follow(rig);
    for (unsigned number = 0; number < 20; number++) {
        snprintf(name, sizeof name, "%02u.log", number);
        rig_append(rig, name, name);
        rig_append(rig, name, "\n");
    }
    for (unsigned turn = 0; turn < 10; turn++)
        rig_turn(rig, 1);
    assert_int_equal(follow_counts(rig->follow).frames, 20);
    assert_int_equal(follow_counts(rig->follow).open, 4);
    rig_commit(rig);
    rig_append(rig, "00.log", "again\n"); /* it was closed: the finder sees that it has grown */
    rig_turn(rig, 1);
    rig_turn(rig, 1);
    assert_int_equal(follow_counts(rig->follow).frames, 21);
    rig_close(rig);
}

static void what_is_no_file_is_refused(void **state)
{
    struct rig *rig = rig_open(state, "*");
    struct err_ctx err;
    bool is_taken;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(follow_offer(rig->follow, "/dev/null", true, &fd, &is_taken, &err), ERR_INPUT);
    close(fd);
    rig_close(rig);
}

static void a_position_that_is_none_is_refused(void **state)
{
    static const char good[] =
        "1 2049 131 8192 1700000000000000000 8000 s-- 3 0123456789abcdef 4 fedcba9876543210 /a b";
    struct rig *rig = rig_open(state, "*");
    MUST(follow_restore(rig->follow, 1, span_str(good), err));
    struct err_ctx err;
    assert_int_equal(follow_restore(rig->follow, 1, span_str(good), &err), ERR_STATE);
    assert_int_equal(follow_restore(rig->follow, 0, span_str(good), &err), ERR_STATE);
    size_t shortest = strlen(good) - strlen("/a b");
    for (size_t len = 0; len <= shortest; len++)
        assert_int_equal(follow_restore(rig->follow, 2, span_of(good, len), &err), ERR_STATE);
    rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(lines_come_once_as_they_are_written),
        IN_PLACE(files_that_appear_later_are_found),
        IN_PLACE(a_restart_goes_on_at_the_byte),
        IN_PLACE(a_line_over_the_limit_is_told_and_the_next_one_is_read),
        IN_PLACE(a_renamed_file_is_read_to_its_end_before_its_successor),
        IN_PLACE(a_deleted_file_is_finished_even_by_a_new_follower),
        IN_PLACE(a_file_renamed_while_all_was_down_is_found_by_its_inode),
        IN_PLACE(a_file_cut_short_begins_anew),
        IN_PLACE(what_was_unread_when_a_file_was_cut_is_read_from_its_copy),
        IN_PLACE(what_follows_a_cut_is_not_counted_as_lost),
        IN_PLACE(without_a_copy_what_was_unread_is_counted),
        IN_PLACE(a_copy_of_a_file_that_lives_is_not_read_twice),
        IN_PLACE(files_that_only_begin_alike_are_both_read),
        IN_PLACE(a_packed_file_is_read_once_when_it_is_whole),
        IN_PLACE(a_restart_goes_on_inside_a_packed_file),
        IN_PLACE(a_rotated_file_that_is_packed_is_not_read_twice),
        IN_PLACE(what_was_packed_while_all_was_down_is_read_on),
        IN_PLACE(a_packed_file_that_ends_early_is_told_after_some_patience),
        IN_PLACE(a_document_is_a_whole_file),
        IN_PLACE(more_files_than_may_be_open_are_read_in_turn),
        IN_PLACE(what_is_no_file_is_refused),
        IN_PLACE(a_position_that_is_none_is_refused),
    };
    return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
