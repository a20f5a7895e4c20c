#include "follow/test_rig.h"

struct told {
    struct writer text; /* +PATH now there, =PATH was there, -PATH leads to nothing */
    const char *folder;
    bool takes;
};

static bool tell(void *context, const struct finder_found *found)
{
    struct told *told = context;
    writer_text(&told->text, found->fd < 0 ? "-" : found->is_there ? "+" : "=");
    writer_text(&told->text, found->path + strlen(told->folder) + 1);
    writer_byte(&told->text, ' ');
    return told->takes;
}

static const char *look(struct rig *rig, struct told *told)
{
    writer_reset(&told->text);
    told->folder = rig->place->path;
    MUST(finder_look(rig->finder, tell, told, err));
    writer_byte(&told->text, 0);
    return told->text.is_full ? "" : (const char *)told->text.data;
}

static void changes_are_told_once(void **state)
{
    struct rig *rig = rig_open(state, "*.log");
    struct told told = {.takes = true};
    writer_init(&told.text, 4096);
    assert_string_equal(look(rig, &told), "");
    rig_append(rig, "a.log", "a");
    assert_string_equal(look(rig, &told), "+a.log ");
    assert_string_equal(look(rig, &told), "");
    rig_rename(rig, "a.log", "b.log");
    assert_string_equal(look(rig, &told), "+b.log ");
    rig_rename(rig, "b.log", "c.txt");
    rig_append(rig, "b.log", "b");
    assert_string_equal(look(rig, &told), "+b.log ");
    rig_remove(rig, "b.log");
    assert_string_equal(look(rig, &told), "-b.log ");
    assert_int_equal(finder_counts(rig->finder).held, 2);
    finder_forget_told(rig->finder);
    assert_string_equal(look(rig, &told), "=b.log =b.log ");
    writer_free(&told.text);
    rig_close(rig);
}

static void what_was_not_taken_is_told_again(void **state)
{
    struct rig *rig = rig_open(state, "*.log");
    struct told told = {.takes = false};
    writer_init(&told.text, 4096);
    rig_append(rig, "a.log", "a");
    assert_string_equal(look(rig, &told), "+a.log ");
    told.takes = true;
    assert_string_equal(look(rig, &told), "+a.log ");
    assert_string_equal(look(rig, &told), "");
    writer_free(&told.text);
    rig_close(rig);
}

static void a_file_that_was_closed_is_told_when_it_has_grown(void **state)
{
    struct rig *rig = rig_open(state, "*.log");
    struct told told = {.takes = true};
    struct stat status;
    writer_init(&told.text, 4096);
    rig_append(rig, "a.log", "a");
    look(rig, &told);
    assert_int_equal(fstatat(rig->place->fd, "a.log", &status, 0), 0);
    finder_release(rig->finder,
                   &(struct follow_closed){status.st_dev, status.st_ino, status.st_size});
    assert_int_equal(finder_counts(rig->finder).held, 0);
    assert_string_equal(look(rig, &told), "");
    rig_append(rig, "a.log", "a");
    assert_string_equal(look(rig, &told), "+a.log ");
    writer_free(&told.text);
    rig_close(rig);
}

static void what_is_no_file_is_passed_over(void **state)
{
    struct rig *rig = rig_open(state, "*");
    struct told told = {.takes = true};
    writer_init(&told.text, 4096);
    assert_int_equal(mkfifoat(rig->place->fd, "pipe", 0600), 0);
    assert_int_equal(symlinkat("/dev/zero", rig->place->fd, "zero"), 0);
    assert_int_equal(symlinkat("nowhere", rig->place->fd, "dangling"), 0);
    assert_string_equal(look(rig, &told), "");
    writer_free(&told.text);
    rig_close(rig);
}

static void names_and_growth_are_noticed(void **state)
{
    struct rig *rig = rig_open(state, "*.log");
    struct told told = {.takes = true};
    writer_init(&told.text, 4096);
    if (finder_names_fd(rig->finder) < 0)
        skip();
    char byte;
    assert_int_equal(read(finder_names_fd(rig->finder), &byte, 0), -1); /* nothing yet */
    rig_append(rig, "a.log", "a");
    finder_drain(finder_growth_fd(rig->finder));
    look(rig, &told);
    struct stat before;
    assert_int_equal(fstatat(rig->place->fd, "a.log", &before, 0), 0);
    rig_append(rig, "a.log", "a");
    char events[4096];
    assert_true(read(finder_growth_fd(rig->finder), events, sizeof events) > 0);
    assert_int_equal(read(finder_names_fd(rig->finder), events, sizeof events), -1);
    rig_remove(rig, "a.log");
    assert_true(read(finder_names_fd(rig->finder), events, sizeof events) > 0);
    writer_free(&told.text);
    rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(changes_are_told_once),
        IN_PLACE(what_was_not_taken_is_told_again),
        IN_PLACE(a_file_that_was_closed_is_told_when_it_has_grown),
        IN_PLACE(what_is_no_file_is_passed_over),
        IN_PLACE(names_and_growth_are_noticed),
    };
    return cmocka_run_group_tests_name("finder", tests, NULL, NULL);
}
