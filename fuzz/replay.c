/* Feeds the seeds of a fuzz target to it without libFuzzer: every file of a folder, whole and cut
 * at each of its first bytes. Speaks TAP. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEED_BYTES_MAX (1 << 20)
#define CUT_COUNT_MAX  2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An allocation of exactly this size, so that a sanitizer sees a read past its end. */
static void feed(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static int replay(int folder, const char *name, uint8_t *bytes)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t size = 0;
    for (ssize_t got; size < SEED_BYTES_MAX; size += (size_t)got) {
        got = read(fd, bytes + size, SEED_BYTES_MAX - size);
        if (got <= 0)
            break;
    }
    close(fd);
    feed(bytes, size);
    for (size_t cut = 0; cut < size && cut < CUT_COUNT_MAX; cut++)
        feed(bytes, cut);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    uint8_t *bytes = malloc(SEED_BYTES_MAX);
    if (!folder || !bytes) {
        printf("Bail out! usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    int count = 0, failed = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        int status = replay(dirfd(folder), entry->d_name, bytes);
        failed += status != 0;
        printf("%sok %d - %s\n", status ? "not " : "", ++count, entry->d_name);
        fflush(stdout);
    }
    printf("1..%d\n", count);
    closedir(folder);
    free(bytes);
    return failed || !count;
}
