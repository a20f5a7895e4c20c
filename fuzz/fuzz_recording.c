/* A recording: header and frames, read to the first damage. */
#include <unistd.h>

#include <sys/mman.h>

#include "recording/recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err_ctx err;
    struct recording_info info;
    struct recording_reader *reader;
    int fd = memfd_create("recording", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        close(fd);
        return 0;
    }
    lseek(fd, 0, SEEK_SET);
    (void)recording_is(fd);
    if (recording_open(fd, &reader, &info, &err) == OK) {
        enum recording_frame frame;
        span bytes;
        while (recording_next(reader, &frame, &bytes, &err) == OK && frame != RECORDING_END) {
        }
        recording_close(reader);
    }
    close(fd);
    return 0;
}
