/* The reader of a BPF ring buffer, by mmap alone. Pages of the map (kernel/bpf/ringbuf.c, 5.8 and
 * later):
 *
 *   0           consumer position   ours to write
 *   1           producer position   read only
 *   2 …         data                read only, mapped twice in a row, so that a record that
 *   2 + n …     the same data       crosses the end reads on
 *
 * Each sample: u32 length with two bits on top, u32 page offset, then the bytes, padded to 8. */
#include <assert.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "record/record.h"

#define LENGTH_MASK (~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT))

struct ring {
    uint64_t *consumer;
    const uint64_t *producer; /* followed by the data, twice */
    const uint8_t *data;
    struct control *control;
    size_t data_bytes;
    size_t page_bytes;
    uint64_t cursor;
    bool is_broken;
};

#define DATA_BYTES_MAX (1u << 30)

static size_t control_bytes(size_t page_bytes)
{
    return (sizeof(struct control) + page_bytes - 1) / page_bytes * page_bytes;
}

/* Of a file: from its size. The kernel's map has none, but refuses to map beyond its end
 * (remap_vmalloc_range), so the largest size that goes is the one. Maps it on the way. */
static err_kind data_map(struct ring *ring, int ring_fd, struct err_ctx *err)
{
    struct stat status;
    if (fstat(ring_fd, &status) != 0)
        return err_set(err, ERR_SYSTEM, "look at the ring");
    for (size_t bytes = DATA_BYTES_MAX; bytes >= ring->page_bytes; bytes /= 2) {
        size_t whole = ring->page_bytes + 2 * bytes;
        if (status.st_size && (uint64_t)status.st_size < ring->page_bytes + whole)
            continue;
        void *page = mmap(NULL, whole, PROT_READ, MAP_SHARED, ring_fd, (off_t)ring->page_bytes);
        if (page == MAP_FAILED)
            continue;
        ring->data_bytes = bytes;
        ring->producer = page;
        ring->data = (const uint8_t *)page + ring->page_bytes;
        return OK;
    }
    return err_set(err, ERR_SYSTEM, "map the ring's data");
}

/* The kernel lets only the consumer page be mapped for writing, the rest in a mapping of its own.
 */
static err_kind ring_map(struct ring *ring, int ring_fd, int control_fd, struct err_ctx *err)
{
    void *page = mmap(NULL, ring->page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, 0);
    if (page == MAP_FAILED)
        return err_set(err, ERR_SYSTEM, "map the ring's consumer page");
    ring->consumer = page;
    err_kind kind = data_map(ring, ring_fd, err);
    if (kind)
        return kind;
    page = mmap(NULL, control_bytes(ring->page_bytes), PROT_READ | PROT_WRITE, MAP_SHARED,
                control_fd, 0);
    if (page == MAP_FAILED)
        return err_set(err, ERR_SYSTEM, "map the control page");
    ring->control = page;
    return OK;
}

err_kind ring_open(int ring_fd, int control_fd, struct ring **ret, struct err_ctx *err)
{
    struct ring *ring = calloc(1, sizeof *ring);
    if (!ring)
        return err_set(err, ERR_SYSTEM, "ring reader");
    ring->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    err_kind kind = ring_map(ring, ring_fd, control_fd, err);
    if (kind) {
        ring_close(ring);
        return kind;
    }
    ring->cursor = ring_position(ring);
    *ret = ring;
    return OK;
}

void ring_close(struct ring *ring)
{
    if (!ring)
        return;
    if (ring->control)
        munmap(ring->control, control_bytes(ring->page_bytes));
    if (ring->producer)
        munmap((void *)(uintptr_t)ring->producer, ring->page_bytes + 2 * ring->data_bytes);
    if (ring->consumer)
        munmap(ring->consumer, ring->page_bytes);
    free(ring);
}

static uint64_t producer_position(const struct ring *ring)
{
    return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
}

bool ring_next(struct ring *ring, span *ret_record)
{
    uint64_t end = producer_position(ring);
    while (ring->cursor < end && !ring->is_broken) {
        const uint8_t *sample = ring->data + (ring->cursor & (ring->data_bytes - 1));
        uint32_t head = __atomic_load_n((const uint32_t *)(const void *)sample, __ATOMIC_ACQUIRE);
        if (head & BPF_RINGBUF_BUSY_BIT)
            return false;
        uint32_t length = head & LENGTH_MASK;
        uint64_t whole = (BPF_RINGBUF_HDR_SZ + (uint64_t)length + 7) & ~7ull;
        if (whole > end - ring->cursor || whole > ring->data_bytes) {
            ring->is_broken = true;
            return false;
        }
        ring->cursor += whole;
        if (head & BPF_RINGBUF_DISCARD_BIT)
            continue;
        *ret_record = span_of(sample + BPF_RINGBUF_HDR_SZ, length);
        return true;
    }
    return false;
}

bool ring_is_broken(const struct ring *ring)
{
    return ring->is_broken;
}

uint64_t ring_cursor(const struct ring *ring)
{
    return ring->cursor;
}

uint64_t ring_position(const struct ring *ring)
{
    return __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
}

uint64_t ring_pending_bytes(const struct ring *ring)
{
    uint64_t end = producer_position(ring);
    return end > ring->cursor ? end - ring->cursor : 0;
}

size_t ring_size_bytes(const struct ring *ring)
{
    return ring->data_bytes;
}

uint64_t ring_id(const struct ring *ring)
{
    return __atomic_load_n(&ring->control->ring_id, __ATOMIC_RELAXED);
}

bool ring_seek(struct ring *ring, uint64_t position)
{
    if (position < ring_position(ring) || position > producer_position(ring) || position % 8 != 0)
        return false;
    ring->cursor = position;
    return true;
}

void ring_release(struct ring *ring, uint64_t position)
{
    assert(position <= ring->cursor);
    assert(position >= ring_position(ring));
    __atomic_store_n(ring->consumer, position, __ATOMIC_RELEASE);
}

bool ring_arm(struct ring *ring)
{
    __atomic_store_n(&ring->control->want_wakeup, 1, __ATOMIC_SEQ_CST);
    /* A record that came before the store wakes nobody: look again. */
    if (producer_position(ring) == ring->cursor)
        return true;
    __atomic_store_n(&ring->control->want_wakeup, 0, __ATOMIC_SEQ_CST);
    return false;
}

struct control *ring_control(struct ring *ring)
{
    return ring->control;
}
