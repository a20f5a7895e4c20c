/* Bounded loads for the benches: `storm JOB COUNT [PATH]` does COUNT of one thing and prints
 * "wall_ns cpu_ns count" of itself and its children; `storm run COUNT PROGRAM` runs a program that
 * does COUNT things. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int open_once(const char *path, int fd)
{
    (void)fd;
    int opened = open(path, O_RDONLY | O_CLOEXEC);
    return opened < 0 ? -1 : close(opened);
}

static int stat_once(const char *path, int fd)
{
    (void)fd;
    struct stat status;
    return stat(path, &status);
}

static int read_once(const char *path, int fd)
{
    (void)path;
    char byte[64];
    return read(fd, byte, sizeof byte) == (ssize_t)sizeof byte ? 0 : -1;
}

static int exec_once(const char *path, int fd)
{
    (void)fd;
    char *const argv[] = {(char *)(uintptr_t)path, NULL};
    pid_t pid;
    int status;
    if (posix_spawn(&pid, path, NULL, NULL, argv, environ))
        return -1;
    return waitpid(pid, &status, 0) == pid ? 0 : -1;
}

struct job {
    const char *name;
    int (*once)(const char *path, int fd);
    const char *path;
};

static const struct job jobs[] = {
    {"open", open_once, "/etc/hostname"},
    {"stat", stat_once, "/etc/hostname"},
    {"read", read_once, "/dev/zero"},
    {"exec", exec_once, "/bin/true"},
    {"run", exec_once, NULL},
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t cpu_ns(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * 1000000000u +
           ((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * 1000u;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: storm open|stat|read|exec COUNT [PATH], storm run COUNT PATH\n");
        return 2;
    }
    unsigned long count = strtoul(argv[2], NULL, 10);
    for (size_t index = 0; index < sizeof jobs / sizeof *jobs; index++) {
        if (strcmp(jobs[index].name, argv[1]) != 0)
            continue;
        const char *path = argc > 3 ? argv[3] : jobs[index].path;
        if (!path)
            break;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        unsigned long times = strcmp(argv[1], "run") == 0 ? 1 : count;
        uint64_t start_ns = now_ns();
        for (unsigned long done = 0; done < times; done++) {
            if (jobs[index].once(path, fd)) {
                fprintf(stderr, "storm %s %s: %s\n", argv[1], path, strerror(errno));
                return 1;
            }
        }
        printf("%llu %llu %lu\n", (unsigned long long)(now_ns() - start_ns),
               (unsigned long long)(cpu_ns(RUSAGE_SELF) + cpu_ns(RUSAGE_CHILDREN)), count);
        return 0;
    }
    fprintf(stderr, "storm: no job '%s'\n", argv[1]);
    return 2;
}
