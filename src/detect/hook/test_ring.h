/* For tests: reads the ring into memory, finds records and their parameters. */
#pragma once

#include <abi.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <sys/mman.h>

#include "core/test.h"
#include "hook/hook.h"

struct test_ring {
    unsigned long *consumer;
    const unsigned long *producer;
    const uint8_t *data;
    size_t size;
};

/* A record found: valid until the next test_ring_forget. */
struct test_record {
    const struct record_head *head;
    const void *params[PARAM_COUNT];
    uint32_t lens[PARAM_COUNT];
};

static inline void test_ring_open(struct test_ring *ring, int fd, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    void *producer = mmap(NULL, page + 2 * size, PROT_READ, MAP_SHARED, fd, (off_t)page);
    assert_true(consumer != MAP_FAILED && producer != MAP_FAILED);
    ring->consumer = consumer;
    ring->producer = producer;
    ring->data = (const uint8_t *)producer + page;
    ring->size = size;
}

static inline void test_ring_close(struct test_ring *ring)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    munmap((void *)ring->producer, page + 2 * ring->size);
    munmap(ring->consumer, page);
}

static inline void test_record_read(const struct record_head *head, struct test_record *ret)
{
    const uint8_t *bytes = (const uint8_t *)head;
    memset(ret, 0, sizeof *ret);
    ret->head = head;
    assert_int_equal(head->len % 8, 0);
    size_t at = sizeof *head;
    while (at < head->len) {
        const struct param_head *param = (const void *)(bytes + at);
        assert_true(at + sizeof *param + param->len <= head->len);
        assert_in_range(param->id, 1, PARAM_COUNT - 1);
        assert_null(ret->params[param->id]);
        assert_int_equal(param->reserved, 0);
        ret->params[param->id] = param + 1;
        ret->lens[param->id] = param->len;
        size_t end = at + sizeof *param + param->len;
        at += sizeof *param + ((param->len + 7) & ~7u);
        for (size_t i = end; i < at; i++)
            assert_int_equal(bytes[i], 0);
    }
    assert_int_equal(at, head->len);
}

/* The `nth` (from 0) record of this type by this process since the last forget. */
static inline bool test_ring_find_nth(const struct test_ring *ring, uint16_t type, int pid,
                                      unsigned nth, struct test_record *ret)
{
    unsigned long at = *ring->consumer;
    unsigned long end = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
    while (at < end) {
        const uint32_t *len = (const void *)(ring->data + (at & (ring->size - 1)));
        uint32_t bytes = __atomic_load_n(len, __ATOMIC_ACQUIRE);
        assert_false(bytes & BPF_RINGBUF_BUSY_BIT);
        const struct record_head *head = (const void *)(len + 2);
        if (!(bytes & BPF_RINGBUF_DISCARD_BIT) && head->type == type &&
            (pid == 0 || head->pid == pid) && nth-- == 0) {
            test_record_read(head, ret);
            return true;
        }
        at += ((bytes & ~(BPF_RINGBUF_DISCARD_BIT)) + BPF_RINGBUF_HDR_SZ + 7) & ~7u;
    }
    return false;
}

static inline bool test_ring_find(const struct test_ring *ring, uint16_t type, int pid,
                                  struct test_record *ret)
{
    return test_ring_find_nth(ring, type, pid, 0, ret);
}

static inline void test_ring_forget(struct test_ring *ring)
{
    __atomic_store_n(ring->consumer, __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE),
                     __ATOMIC_RELEASE);
}

static inline const char *test_text(const struct test_record *record, int id)
{
    static char texts[4][8192];
    static unsigned next;
    char *text = texts[next++ % 4];
    if (!record->params[id])
        return "(none)";
    snprintf(text, sizeof texts[0], "%.*s", (int)record->lens[id],
             (const char *)record->params[id]);
    return text;
}

static inline int64_t test_number(const struct test_record *record, int id)
{
    int64_t value = INT64_MIN;
    if (record->params[id] && record->lens[id] == 8)
        memcpy(&value, record->params[id], 8);
    return value;
}
