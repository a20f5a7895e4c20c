/* Records for tests, made as the kernel programs make them. */
#pragma once

#include <assert.h>
#include <fcntl.h>
#include <string.h>

#include <sys/stat.h>

#include "record/record.h"

#define TEST_BOOT_NS 1000000000000ull
#define TEST_WALL_NS 1700000000000000000ull /* of boot time 0 */

struct test_record {
    uint8_t bytes[RECORD_BYTES_MAX + 4096];
    size_t len;
};

/* pid's leader began at pid seconds. */
static inline uint64_t test_start(int32_t pid)
{
    return (uint64_t)pid * 1000000000u;
}

static inline struct record_head *test_head(struct test_record *record)
{
    return (struct record_head *)(void *)record->bytes;
}

static inline void test_begin(struct test_record *record, uint16_t type, int32_t pid,
                              int64_t result)
{
    struct record_head head = {.len = sizeof head,
                               .type = type,
                               .seq = 1,
                               .time_boot_ns = TEST_BOOT_NS,
                               .start_boot_ns = test_start(pid),
                               .pid = pid,
                               .tid = pid,
                               .uid = 1000,
                               .gid = 1000,
                               .login_uid = 1000,
                               .result = result,
                               .vtid = (uint32_t)pid};
    memset(record->bytes, 0, sizeof head);
    memcpy(record->bytes, &head, sizeof head);
    record->len = sizeof head;
}

static inline void test_bytes(struct test_record *record, enum param_id id, const void *data,
                              size_t len)
{
    struct param_head head = {.id = (uint16_t)id, .len = (uint32_t)len};
    size_t padded = (len + 7) & ~(size_t)7;
    assert(record->len + sizeof head + padded <= sizeof record->bytes);
    memcpy(record->bytes + record->len, &head, sizeof head);
    memset(record->bytes + record->len + sizeof head, 0, padded);
    if (len)
        memcpy(record->bytes + record->len + sizeof head, data, len);
    record->len += sizeof head + padded;
    test_head(record)->len = (uint32_t)record->len;
}

static inline void test_text(struct test_record *record, enum param_id id, const char *text)
{
    test_bytes(record, id, text, strlen(text));
}

/* "a b c" as texts ended by NUL. */
static inline void test_list(struct test_record *record, enum param_id id, const char *text)
{
    char list[4096];
    size_t len = strlen(text) + 1;
    assert(len <= sizeof list);
    memcpy(list, text, len);
    for (size_t index = 0; index < len; index++)
        if (list[index] == ' ')
            list[index] = 0;
    test_bytes(record, id, list, len);
}

static inline void test_number(struct test_record *record, enum param_id id, int64_t number)
{
    test_bytes(record, id, &number, sizeof number);
}

static inline void test_file(struct test_record *record, enum param_id id, uint32_t mode)
{
    struct file_identity file = {.inode = 42,
                                 .device = 8 << 20 | 1,
                                 .ctime_ns = TEST_WALL_NS,
                                 .mtime_ns = TEST_WALL_NS - 5,
                                 .mode = mode,
                                 .links = 1};
    test_bytes(record, id, &file, sizeof file);
}

static inline struct process_identity test_identity(int32_t pid, int32_t parent)
{
    return (struct process_identity){.pid = pid,
                                     .tid = pid,
                                     .parent_pid = parent,
                                     .session = parent,
                                     .start_boot_ns = test_start(pid),
                                     .parent_start_boot_ns = parent ? test_start(parent) : 0,
                                     .group = pid,
                                     .vpid = pid,
                                     .vtid = pid,
                                     .vsession = parent,
                                     .vgroup = pid,
                                     .tty = 34816};
}

static inline void test_fork(struct test_record *record, int32_t parent, int32_t child)
{
    struct process_identity identity = test_identity(child, parent);
    test_begin(record, EVENT_CLONE, parent, child);
    test_bytes(record, PARAM_PROCESS, &identity, sizeof identity);
}

/* name is the program's file in /usr/bin and argv the whole line, blanks between. */
static inline void test_exec(struct test_record *record, int32_t pid, int32_t parent,
                             const char *name, const char *argv)
{
    struct process_identity identity = test_identity(pid, parent);
    struct file_identity stdio[3] = {{.inode = 3, .mode = S_IFCHR | 0620, .links = 1},
                                     {.inode = 4, .mode = S_IFIFO | 0600, .links = 1},
                                     {0}};
    char path[256];
    snprintf(path, sizeof path, "/usr/bin/%s", name);
    test_begin(record, EVENT_EXECVE, pid, 0);
    test_text(record, PARAM_COMM, name);
    test_text(record, PARAM_EXE_PATH, path);
    test_number(record, PARAM_EXE_FLAGS, EXE_WRITABLE);
    test_file(record, PARAM_EXE_FILE, S_IFREG | 0755);
    test_list(record, PARAM_ARGV, argv);
    test_list(record, PARAM_ENV, "HOME=/root LD_PRELOAD=/tmp/x.so EMPTY=");
    test_text(record, PARAM_CWD, "/home/user");
    test_text(record, PARAM_PATH_RAW, name);
    test_bytes(record, PARAM_PROCESS, &identity, sizeof identity);
    test_bytes(record, PARAM_STDIO, stdio, sizeof stdio);
}

static inline span test_span(const struct test_record *record)
{
    return span_of(record->bytes, record->len);
}
