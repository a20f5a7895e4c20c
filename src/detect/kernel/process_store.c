/* The process table as bytes, for a restart and for recordings: whole, or what changed.
 *
 *   | head | texts: u32 length, bytes … | removed: u64 start, i32 pid … | processes … | u64 sum |
 *
 * A process is struct process as it lies in memory (this build's: version), its texts numbered from
 * 1 in the order above, the links of the table itself zero. */
#include <assert.h>

#include "kernel/table.h"

#define STORE_MAGIC   0x54504b50u /* "PKPT" */
#define STORE_VERSION 1
#define LINKS_MASK    (PROCESS_CHANGED | PROCESS_IN_QUEUE)
#define FLAGS_ALL     0xffu

enum store_kind { STORE_WHOLE = 1, STORE_DELTA = 2 };

struct store_head {
    uint32_t magic;
    uint16_t version;
    uint16_t kind;
    uint32_t process_bytes;
    uint32_t text_count;
    uint32_t removed_count;
    uint32_t process_count;
};

_Static_assert(sizeof(struct store_head) == 24, "no padding");

#define REMOVED_BYTES 12

/* FNV-1a, 64 bits: against damage, not against malice, which the checks are for. */
static uint64_t checksum(span bytes)
{
    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t index = 0; index < bytes.len; index++)
        sum = (sum ^ bytes.data[index]) * 0x100000001b3u;
    return sum;
}

/* ---- out ---- */

struct store_writer {
    const struct process_table *table;
    struct writer *out;
    struct store_head head;
    struct map numbers; /* the pool's number -> ours */
    bool is_short;      /* memory out */
};

static void put_texts(struct store_writer *store, const struct process *process)
{
    struct process copy = *process;
    for (size_t which = 0; which < PROCESS_TEXT_COUNT + 3; which++) {
        uint32_t number = *process_text_field(&copy, which), known;
        if (!number || map_get_u64(&store->numbers, number, &known))
            continue;
        span text = process_text(store->table, number);
        uint32_t length = (uint32_t)text.len;
        writer_put(store->out, span_of(&length, sizeof length));
        writer_put(store->out, text);
        store->is_short |= !map_put_u64(&store->numbers, number, ++store->head.text_count);
    }
}

static void put_process(struct store_writer *store, const struct process *process)
{
    struct process copy;
    memcpy(&copy, process, sizeof copy);
    for (size_t which = 0; which < PROCESS_TEXT_COUNT + 3; which++) {
        uint32_t *field = process_text_field(&copy, which);
        uint32_t number = 0;
        if (*field && !map_get_u64(&store->numbers, *field, &number))
            store->is_short = true;
        *field = number;
    }
    copy.flags &= ~(uint32_t)LINKS_MASK;
    copy.parent = copy.children = copy.older = copy.newer = 0;
    writer_put(store->out, span_of(&copy, sizeof copy));
    store->head.process_count++;
}

static bool is_wanted(const struct process *process, enum store_kind kind)
{
    return (process->flags & PROCESS_IN_USE) &&
           (kind == STORE_WHOLE || (process->flags & PROCESS_CHANGED));
}

/* Calls put for each process that belongs into it: every slot, or those noted as changed. */
static void each_process(struct store_writer *store,
                         void (*put)(struct store_writer *store, const struct process *process))
{
    const struct process_table *table = store->table;
    bool is_whole = store->head.kind == STORE_WHOLE;
    size_t count = is_whole ? table->slots : table->changed_count;
    for (size_t index = 0; index < count; index++) {
        uint32_t slot = is_whole ? (uint32_t)index : table->changed[index];
        const struct process *process = process_at(table, slot);
        if (is_wanted(process, (enum store_kind)store->head.kind))
            put(store, process);
    }
}

static void store_write(const struct process_table *table, enum store_kind kind, struct writer *out)
{
    size_t start = out->len;
    struct store_writer store = {.table = table,
                                 .out = out,
                                 .head = {.magic = STORE_MAGIC,
                                          .version = STORE_VERSION,
                                          .kind = (uint16_t)kind,
                                          .process_bytes = sizeof(struct process)}};
    map_init(&store.numbers, UINT32_MAX / 2, table->options.seed);
    writer_put(out, span_of(&store.head, sizeof store.head));
    each_process(&store, put_texts);
    for (size_t index = 0; kind == STORE_DELTA && index < table->removed_count; index++) {
        writer_put(out, span_of(&table->removed[index], REMOVED_BYTES));
        store.head.removed_count++;
    }
    each_process(&store, put_process);
    map_free(&store.numbers);
    out->is_full |= store.is_short;
    if (out->is_full)
        return;
    memcpy(out->data + start, &store.head, sizeof store.head);
    uint64_t sum = checksum(span_of(out->data + start, out->len - start));
    writer_put(out, span_of(&sum, sizeof sum));
}

void process_table_save(const struct process_table *table, struct writer *out)
{
    store_write(table, STORE_WHOLE, out);
}

void process_table_delta(struct process_table *table, struct writer *out)
{
    bool is_whole = table->is_delta_whole;
    /* A slot that was used again stands there twice: the first one counts. */
    size_t kept = 0;
    for (size_t index = 0; !is_whole && index < table->changed_count; index++) {
        struct process *process = process_at(table, table->changed[index]);
        if (process->flags & PROCESS_CHANGED) {
            process->flags &= ~(uint32_t)PROCESS_CHANGED;
            table->changed[kept++] = table->changed[index];
        }
    }
    table->changed_count = kept;
    for (size_t index = 0; index < kept; index++)
        process_at(table, table->changed[index])->flags |= PROCESS_CHANGED;
    store_write(table, is_whole ? STORE_WHOLE : STORE_DELTA, out);
    if (out->is_full)
        return; /* not given out: the next delta tells it again */
    for (size_t index = 0; index < kept; index++)
        process_at(table, table->changed[index])->flags &= ~(uint32_t)PROCESS_CHANGED;
    table->changed_count = table->removed_count = 0;
    table->is_delta_whole = false;
}

/* ---- in ---- */

struct store_reader {
    struct store_head head;
    span *texts; /* [0] is absent */
    span removed;
    span processes;
};

static err_kind texts_read(struct store_reader *store, span *rest, struct err_ctx *err)
{
    if (store->head.text_count > rest->len / 4)
        return err_set(err, ERR_INPUT, "%u texts do not fit", store->head.text_count);
    store->texts = calloc((size_t)store->head.text_count + 1, sizeof *store->texts);
    if (!store->texts)
        return err_set(err, ERR_SYSTEM, "texts of the process table");
    for (uint32_t number = 1; number <= store->head.text_count; number++) {
        uint32_t length;
        if (!span_u32le(rest, &length) || !span_take(rest, length, &store->texts[number]))
            return err_set(err, ERR_INPUT, "text %u is cut", number);
    }
    return OK;
}

static err_kind process_check(const struct store_reader *store, const struct process *process,
                              struct err_ctx *err)
{
    struct process copy = *process;
    if (process->pid <= 0 || !process->start_boot_ns || (process->flags & ~(uint32_t)FLAGS_ALL) ||
        (process->flags & LINKS_MASK) || !(process->flags & PROCESS_IN_USE) || process->parent ||
        process->children || process->older || process->newer ||
        process->container_type >= CONTAINER_TYPE_COUNT || process->reserved)
        return err_set(err, ERR_INPUT, "process %d: a field is out of range", process->pid);
    for (size_t which = 0; which < PROCESS_TEXT_COUNT + 3; which++)
        if (*process_text_field(&copy, which) > store->head.text_count)
            return err_set(err, ERR_INPUT, "process %d: unknown text", process->pid);
    return OK;
}

static err_kind store_check(struct store_reader *store, span bytes, struct err_ctx *err)
{
    span head, rest = bytes;
    uint64_t sum;
    if (bytes.len < sizeof store->head + sizeof sum)
        return err_set(err, ERR_INPUT, "%zu bytes are too short", bytes.len);
    memcpy(&sum, bytes.data + bytes.len - sizeof sum, sizeof sum);
    rest.len -= sizeof sum;
    if (checksum(rest) != sum)
        return err_set(err, ERR_INPUT, "wrong checksum");
    if (!span_take(&rest, sizeof store->head, &head))
        return err_set(err, ERR_INPUT, "head is cut");
    memcpy(&store->head, head.data, sizeof store->head);
    if (store->head.magic != STORE_MAGIC || store->head.version != STORE_VERSION ||
        store->head.process_bytes != sizeof(struct process) ||
        (store->head.kind != STORE_WHOLE && store->head.kind != STORE_DELTA))
        return err_set(err, ERR_STATE, "not of this version");
    err_kind kind = texts_read(store, &rest, err);
    if (kind)
        return kind;
    if (!span_take(&rest, (size_t)store->head.removed_count * REMOVED_BYTES, &store->removed))
        return err_set(err, ERR_INPUT, "list of removed ones is cut");
    store->processes = rest;
    if (rest.len != (size_t)store->head.process_count * sizeof(struct process))
        return err_set(err, ERR_INPUT, "%zu bytes for %u processes", rest.len,
                       store->head.process_count);
    for (uint32_t index = 0; index < store->head.process_count && kind == OK; index++) {
        struct process process;
        memcpy(&process, rest.data + index * sizeof process, sizeof process);
        kind = process_check(store, &process, err);
    }
    return kind;
}

static void process_put(struct process_table *table, const struct store_reader *store,
                        const struct process *stored)
{
    struct process *process = process_lookup(table, stored->pid, stored->start_boot_ns);
    if (!process)
        process = process_add(table, stored->pid, stored->start_boot_ns, stored->start_boot_ns);
    if (!process)
        return;
    struct process fresh = *stored;
    for (size_t which = 0; which < PROCESS_TEXT_COUNT + 3; which++) {
        uint32_t *field = process_text_field(&fresh, which);
        *field = text_keep(&table->texts, store->texts[*field]);
        text_drop(&table->texts, *process_text_field(process, which));
    }
    bool is_dead = stored->flags & PROCESS_EXITED;
    fresh.flags = (stored->flags & ~(uint32_t)(PROCESS_EXITED)) |
                  (process->flags & (LINKS_MASK | PROCESS_EXITED));
    fresh.parent = process->parent;
    fresh.children = process->children;
    fresh.older = process->older;
    fresh.newer = process->newer;
    *process = fresh;
    if (is_dead)
        process_bury(table, process, stored->exit_boot_ns);
}

struct death {
    uint64_t exit_boot_ns;
    uint32_t index;
};

static int death_order(const void *a, const void *b)
{
    const struct death *x = a, *y = b;
    if (x->exit_boot_ns != y->exit_boot_ns)
        return x->exit_boot_ns < y->exit_boot_ns ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void store_apply(struct process_table *table, const struct store_reader *store,
                        struct death *order)
{
    struct process process;
    for (uint32_t slot = 0; store->head.kind == STORE_WHOLE && slot < table->slots; slot++)
        if (process_at(table, slot)->flags & PROCESS_IN_USE)
            process_remove(table, slot);
    span removed = store->removed;
    uint64_t start_boot_ns;
    uint32_t pid;
    while (span_u64le(&removed, &start_boot_ns) && span_u32le(&removed, &pid)) {
        struct process *gone = process_lookup(table, (int32_t)pid, start_boot_ns);
        if (gone && start_boot_ns)
            process_remove(table, process_slot(table, gone));
    }
    /* Older deaths first: the queue of the dead is in that order; the living last, so that they
     * hold their pids. */
    for (uint32_t index = 0; index < store->head.process_count; index++) {
        memcpy(&process, store->processes.data + index * sizeof process, sizeof process);
        bool is_dead = process.flags & PROCESS_EXITED;
        order[index] = (struct death){is_dead ? process.exit_boot_ns : UINT64_MAX, index};
    }
    qsort(order, store->head.process_count, sizeof *order, death_order);
    for (uint32_t index = 0; index < store->head.process_count; index++) {
        memcpy(&process, store->processes.data + order[index].index * sizeof process,
               sizeof process);
        process_put(table, store, &process);
    }
    for (uint32_t slot = 0; slot < table->slots; slot++) {
        struct process *child = process_at(table, slot);
        if (child->flags & PROCESS_IN_USE)
            process_link(table, child, child->parent_pid, child->parent_start_boot_ns);
    }
    process_forget_changes(table);
}

static err_kind store_read(struct process_table *table, span bytes, bool is_load,
                           struct err_ctx *err)
{
    struct store_reader store = {0};
    err_kind kind = store_check(&store, bytes, err);
    if (kind == OK && is_load && store.head.kind != STORE_WHOLE)
        kind = err_set(err, ERR_INPUT, "expected a whole table, found a delta");
    if (kind == OK) {
        struct death *order = calloc((size_t)store.head.process_count + 1, sizeof *order);
        if (order)
            store_apply(table, &store, order);
        else
            kind = err_set(err, ERR_SYSTEM, "process table");
        free(order);
    }
    free(store.texts);
    return kind ? err_wrap(err, "saved process table") : OK;
}

err_kind process_table_load(struct process_table *table, span bytes, struct err_ctx *err)
{
    return store_read(table, bytes, true, err);
}

err_kind process_table_apply_delta(struct process_table *table, span bytes, struct err_ctx *err)
{
    return store_read(table, bytes, false, err);
}
