#include <string.h>
#include <unistd.h>

#include <sys/mman.h>

#include "core/test.h"
#include "recording/recording.h"

static const struct recording_info info = {.boot_to_wall_ns = 12345, .hostname = "host"};

/* A recording of three frames in a memfd. */
static int recording_make(void)
{
    struct err_ctx err;
    struct recording_writer *writer;
    int fd = memfd_create("recording", MFD_CLOEXEC);
    assert_int_equal(recording_writer_open(fd, &info, &writer, &err), OK);
    assert_int_equal(recording_write(writer, RECORDING_WORLD, SPAN("the world"), &err), OK);
    assert_int_equal(recording_write(writer, RECORDING_RECORDS, SPAN("some records"), &err), OK);
    assert_int_equal(recording_write(writer, RECORDING_END, SPAN(""), &err), OK);
    recording_writer_close(writer);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

/* Reads all; returns how many whole frames there were, END included. */
static size_t frames_read(int fd, err_kind *ret_kind)
{
    struct err_ctx err;
    struct recording_reader *reader;
    struct recording_info read_info;
    size_t count = 0;
    enum recording_frame frame = 0;
    span bytes;
    *ret_kind = recording_open(fd, &reader, &read_info, &err);
    if (*ret_kind != OK)
        return 0;
    while ((*ret_kind = recording_next(reader, &frame, &bytes, &err)) == OK) {
        count++;
        if (frame == RECORDING_END)
            break;
    }
    recording_close(reader);
    return count;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct err_ctx err;
    struct recording_reader *reader;
    struct recording_info read_info;
    enum recording_frame frame;
    span bytes;
    int fd = recording_make();
    assert_true(recording_is(fd));
    assert_int_equal(recording_open(fd, &reader, &read_info, &err), OK);
    assert_int_equal(read_info.boot_to_wall_ns, 12345);
    assert_string_equal(read_info.hostname, "host");
    assert_int_equal(recording_next(reader, &frame, &bytes, &err), OK);
    assert_int_equal(frame, RECORDING_WORLD);
    assert_true(span_eq(bytes, SPAN("the world")));
    assert_int_equal(recording_next(reader, &frame, &bytes, &err), OK);
    assert_int_equal(frame, RECORDING_RECORDS);
    assert_true(span_eq(bytes, SPAN("some records")));
    assert_int_equal(recording_next(reader, &frame, &bytes, &err), OK);
    assert_int_equal(frame, RECORDING_END);
    recording_close(reader);
    close(fd);
}

static void every_truncation_is_told_and_what_is_whole_is_used(void **state)
{
    (void)state;
    int fd = recording_make();
    off_t size = lseek(fd, 0, SEEK_END);
    size_t most = 0;
    for (off_t len = size - 1; len >= 0; len--) {
        err_kind kind;
        assert_int_equal(ftruncate(fd, len), 0);
        lseek(fd, 0, SEEK_SET);
        size_t count = frames_read(fd, &kind);
        assert_int_equal(kind, ERR_INPUT);
        assert_true(count < 3);
        most = count > most ? count : most;
    }
    assert_int_equal(most, 2);
    close(fd);
}

static void every_changed_byte_is_found_or_harmless(void **state)
{
    (void)state;
    int fd = recording_make();
    off_t size = lseek(fd, 0, SEEK_END);
    for (off_t at = 28; at < size; at++) { /* behind the header: its numbers are not checked */
        uint8_t byte;
        err_kind kind;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        uint8_t wrong = byte ^ 0x55;
        assert_int_equal(pwrite(fd, &wrong, 1, at), 1);
        lseek(fd, 0, SEEK_SET);
        frames_read(fd, &kind);
        assert_int_not_equal(kind, OK);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
}

static void other_files_are_no_recordings(void **state)
{
    (void)state;
    err_kind kind;
    int fd = memfd_create("other", MFD_CLOEXEC);
    assert_false(recording_is(fd));
    assert_int_equal(write(fd, "{\"evt.type\": \"open\"}\n......", 27), 27);
    assert_false(recording_is(fd));
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(frames_read(fd, &kind), 0);
    assert_int_equal(kind, ERR_INPUT);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_truncation_is_told_and_what_is_whole_is_used),
        cmocka_unit_test(every_changed_byte_is_found_or_harmless),
        cmocka_unit_test(other_files_are_no_recordings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
