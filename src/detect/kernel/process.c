/* Processes as the records tell of them. A process is known by pid and start time; its parent is
 * the one that made it, for good: a daemon's double fork and a parent's exit hide no ancestry. The
 * dead stay while they have children in the table, or for options.retain_ns; the table is bounded
 * and whom it must let go is counted. All times are the records' own, so that a replay goes through
 * the same states. */
#include <assert.h>

#include "core/vector.h"
#include "kernel/table.h"

#define PROCESSES_MAX_DEFAULT  65536
#define TEXT_BYTES_MAX_DEFAULT ((size_t)64 << 20)
#define RETAIN_NS_DEFAULT      60000000000ull
#define KEY_BYTES              12
#define BURIED_PER_RECORD      4

_Static_assert(offsetof(struct process, pid) == 8, "the key is the first 12 bytes");

static span key_of(const struct process_key *key)
{
    return span_of(key, KEY_BYTES);
}

struct process *process_at(const struct process_table *table, uint32_t slot)
{
    assert(slot < table->slots);
    return &table->chunks[slot / CHUNK_SLOTS][slot % CHUNK_SLOTS];
}

uint32_t process_slot(const struct process_table *table, const struct process *process)
{
    uint32_t slot = SLOT_NONE;
    bool is_there = map_get(&table->by_key, span_of(process, KEY_BYTES), &slot);
    assert(is_there);
    return slot;
}

err_kind process_table_open(const struct process_options *options, struct process_table **ret,
                            struct err_ctx *err)
{
    struct process_table *table = calloc(1, sizeof *table);
    if (!table)
        return err_set(err, ERR_SYSTEM, "process table");
    table->options = *options;
    if (!table->options.processes_max)
        table->options.processes_max = PROCESSES_MAX_DEFAULT;
    if (!table->options.text_bytes_max)
        table->options.text_bytes_max = TEXT_BYTES_MAX_DEFAULT;
    if (!table->options.retain_ns)
        table->options.retain_ns = RETAIN_NS_DEFAULT;
    assert(table->options.processes_max < SLOT_NONE / 2);
    table->free_first = table->dead_oldest = table->dead_newest = SLOT_NONE;
    map_init(&table->by_key, table->options.processes_max, options->seed);
    map_init(&table->by_pid, table->options.processes_max, options->seed);
    text_pool_init(&table->texts, table->options.text_bytes_max, options->seed);
    *ret = table;
    return OK;
}

void process_table_close(struct process_table *table)
{
    if (!table)
        return;
    for (uint32_t chunk = 0; chunk < table->chunk_count; chunk++)
        free(table->chunks[chunk]);
    free(table->chunks);
    map_free(&table->by_key);
    map_free(&table->by_pid);
    text_pool_free(&table->texts);
    free(table->changed);
    free(table->removed);
    free(table);
}

void process_table_stats(const struct process_table *table, struct process_stats *ret)
{
    *ret = table->stats;
    ret->processes = table->by_key.count;
    ret->text_bytes = table->texts.bytes;
    ret->texts_refused = table->texts.refused;
}

uint32_t *process_text_field(struct process *process, size_t which)
{
    uint32_t *const fields[PROCESS_TEXT_COUNT + 3] = {
        &process->name,         &process->exe_path,      &process->interpreter,
        &process->argv,         &process->env,           &process->cwd,
        &process->cgroups,      &process->container,     &process->container_space,
        &process->pod_uid,      &process->stdio[0].name, &process->stdio[1].name,
        &process->stdio[2].name};
    assert(which < PROCESS_TEXT_COUNT + 3);
    return fields[which];
}

void process_forget_changes(struct process_table *table)
{
    for (uint32_t slot = 0; slot < table->slots; slot++)
        process_at(table, slot)->flags &= ~(uint32_t)PROCESS_CHANGED;
    table->changed_count = table->removed_count = 0;
    table->is_delta_whole = false;
}

/* Who never asks for a delta (a replay) must not pay with memory: past the limit it is the whole
 * table that has changed. */
static void changes_overflow(struct process_table *table)
{
    process_forget_changes(table);
    table->is_delta_whole = true;
}

void process_changed(struct process_table *table, struct process *process)
{
    if ((process->flags & PROCESS_CHANGED) || table->is_delta_whole)
        return;
    if (!vector_grow(&table->changed, &table->changed_size, table->changed_count,
                     2 * table->options.processes_max, sizeof *table->changed)) {
        changes_overflow(table);
        return;
    }
    process->flags |= PROCESS_CHANGED;
    table->changed[table->changed_count++] = process_slot(table, process);
}

static void note_removed(struct process_table *table, struct process_key key)
{
    if (table->is_delta_whole)
        return;
    if (vector_grow(&table->removed, &table->removed_size, table->removed_count,
                    2 * table->options.processes_max, sizeof *table->removed))
        table->removed[table->removed_count++] = key;
    else
        changes_overflow(table);
}

/* ---- life and death ---- */

static uint32_t slot_take(struct process_table *table)
{
    uint32_t slot = table->free_first;
    if (slot != SLOT_NONE) {
        table->free_first = process_at(table, slot)->older;
        return slot;
    }
    if (table->slots == table->chunk_count * CHUNK_SLOTS) {
        struct process **chunks =
            realloc(table->chunks, (table->chunk_count + 1) * sizeof(struct process *));
        if (!chunks)
            return SLOT_NONE;
        table->chunks = chunks;
        chunks[table->chunk_count] = calloc(CHUNK_SLOTS, sizeof **chunks);
        if (!chunks[table->chunk_count])
            return SLOT_NONE;
        table->chunk_count++;
    }
    return table->slots++;
}

static void queue_remove(struct process_table *table, struct process *process)
{
    if (!(process->flags & PROCESS_IN_QUEUE))
        return;
    if (process->older != SLOT_NONE)
        process_at(table, process->older)->newer = process->newer;
    else
        table->dead_oldest = process->newer;
    if (process->newer != SLOT_NONE)
        process_at(table, process->newer)->older = process->older;
    else
        table->dead_newest = process->older;
    process->flags &= ~(uint32_t)PROCESS_IN_QUEUE;
}

static void queue_append(struct process_table *table, struct process *process)
{
    uint32_t slot = process_slot(table, process);
    process->older = table->dead_newest;
    process->newer = SLOT_NONE;
    if (table->dead_newest != SLOT_NONE)
        process_at(table, table->dead_newest)->newer = slot;
    else
        table->dead_oldest = slot;
    table->dead_newest = slot;
    process->flags |= PROCESS_IN_QUEUE;
}

/* The parent's slot is believed only while it still holds the parent. */
static struct process *parent_of(const struct process_table *table, const struct process *process)
{
    if (process->parent >= table->slots || process->parent_pid == 0)
        return NULL;
    struct process *parent = process_at(table, process->parent);
    bool is_same = (parent->flags & PROCESS_IN_USE) && parent->pid == process->parent_pid &&
                   parent->start_boot_ns == process->parent_start_boot_ns;
    return is_same ? parent : NULL;
}

static void slot_free(struct process_table *table, uint32_t slot)
{
    struct process *process = process_at(table, slot);
    struct process_key key = {process->start_boot_ns, process->pid};
    uint32_t holder;
    queue_remove(table, process);
    for (size_t which = 0; which < PROCESS_TEXT_COUNT + 3; which++)
        text_drop(&table->texts, *process_text_field(process, which));
    if (map_get_u64(&table->by_pid, (uint32_t)process->pid, &holder) && holder == slot)
        map_remove_u64(&table->by_pid, (uint32_t)process->pid);
    map_remove(&table->by_key, key_of(&key));
    table->stats.dead -= (process->flags & PROCESS_EXITED) != 0;
    /* Its number may stand in `changed` still: without the flag it means nothing there. */
    *process = (struct process){.older = table->free_first};
    table->free_first = slot;
    note_removed(table, key);
}

/* Frees the process, and then each ancestor that was dead already and kept only for it. */
void process_remove(struct process_table *table, uint32_t slot)
{
    while (slot != SLOT_NONE) {
        struct process *process = process_at(table, slot);
        struct process *parent = parent_of(table, process);
        uint32_t parent_slot = process->parent;
        slot_free(table, slot);
        if (!parent)
            return;
        assert(parent->children > 0);
        parent->children--;
        bool is_kept = parent->children > 0 || !(parent->flags & PROCESS_EXITED) ||
                       (parent->flags & PROCESS_IN_QUEUE);
        slot = is_kept ? SLOT_NONE : parent_slot;
    }
}

/* Dead ones leave in the order of their deaths; who still has children leaves with the last. */
void process_bury_expired(struct process_table *table, uint64_t now_boot_ns)
{
    for (int count = 0; count < BURIED_PER_RECORD && table->dead_oldest != SLOT_NONE; count++) {
        uint32_t slot = table->dead_oldest;
        struct process *process = process_at(table, slot);
        if (process->exit_boot_ns + table->options.retain_ns > now_boot_ns)
            return;
        if (process->children)
            queue_remove(table, process);
        else
            process_remove(table, slot);
    }
}

static void evict(struct process_table *table)
{
    uint32_t victim = table->dead_oldest;
    for (uint32_t count = 0; victim == SLOT_NONE && count < 2 * table->slots; count++) {
        table->hand = (table->hand + 1) % table->slots;
        uint32_t flags = process_at(table, table->hand)->flags;
        bool is_due = (flags & PROCESS_EXITED) || count >= 64;
        if ((flags & PROCESS_IN_USE) && is_due)
            victim = table->hand;
    }
    assert(victim != SLOT_NONE);
    process_remove(table, victim);
    table->stats.evicted++;
}

void process_bury(struct process_table *table, struct process *process, uint64_t now_boot_ns)
{
    if (process->flags & PROCESS_EXITED)
        return;
    process->flags |= PROCESS_EXITED;
    process->exit_boot_ns = now_boot_ns;
    table->stats.dead++;
    queue_append(table, process);
    process_changed(table, process);
}

struct process *process_add(struct process_table *table, int32_t pid, uint64_t start_boot_ns,
                            uint64_t now_boot_ns)
{
    uint32_t former;
    if (pid <= 0 || start_boot_ns == 0)
        return NULL;
    if (table->by_key.count >= table->options.processes_max)
        evict(table);
    uint32_t slot = slot_take(table);
    if (slot == SLOT_NONE)
        return NULL;
    struct process *process = process_at(table, slot);
    *process = (struct process){.start_boot_ns = start_boot_ns,
                                .pid = pid,
                                .flags = PROCESS_IN_USE,
                                .parent = SLOT_NONE,
                                .login_uid = UINT32_MAX,
                                .vpid = pid};
    if (!map_put(&table->by_key, span_of(process, KEY_BYTES), slot)) {
        *process = (struct process){.older = table->free_first};
        table->free_first = slot;
        return NULL;
    }
    /* Its exit was not seen. */
    if (map_get_u64(&table->by_pid, (uint32_t)pid, &former))
        process_bury(table, process_at(table, former), now_boot_ns);
    if (!map_put_u64(&table->by_pid, (uint32_t)pid, slot)) {
        process_remove(table, slot);
        return NULL;
    }
    process_changed(table, process);
    return process;
}

struct process *process_lookup(const struct process_table *table, int32_t pid,
                               uint64_t start_boot_ns)
{
    uint32_t slot;
    struct process_key key = {start_boot_ns, pid};
    bool is_there = start_boot_ns ? map_get(&table->by_key, key_of(&key), &slot)
                                  : map_get_u64(&table->by_pid, (uint32_t)pid, &slot);
    return is_there ? process_at(table, slot) : NULL;
}

void process_link(struct process_table *table, struct process *process, int32_t parent_pid,
                  uint64_t parent_start_boot_ns)
{
    if (parent_of(table, process) || parent_pid <= 0)
        return;
    struct process *parent = process_lookup(table, parent_pid, parent_start_boot_ns);
    process->parent_pid = parent_pid;
    process->parent_start_boot_ns = parent_start_boot_ns;
    /* A parent is older than its child; what says otherwise would make a ring. */
    if (!parent || parent == process || parent->start_boot_ns > process->start_boot_ns)
        return;
    process->parent_start_boot_ns = parent->start_boot_ns;
    process->parent = process_slot(table, parent);
    parent->children++;
    process_changed(table, process);
}

const struct process *process_find(const struct process_table *table, int32_t pid,
                                   uint64_t start_boot_ns)
{
    return process_lookup(table, pid, start_boot_ns);
}

const struct process *process_parent(const struct process_table *table,
                                     const struct process *process)
{
    return parent_of(table, process);
}

span process_text(const struct process_table *table, uint32_t text)
{
    return text_get(&table->texts, text);
}

span process_command_line(const struct process_table *table, const struct process *process,
                          struct arena *arena)
{
    span name = process_text(table, process->name);
    span argv = process_text(table, process->argv);
    span first;
    if (!name.data)
        return (span){NULL, 0};
    /* comm for argv[0], then a blank for every NUL but the last */
    if (!argv.data || !span_until(&argv, 0, &first))
        argv = (span){NULL, 0};
    if (argv.len && argv.data[argv.len - 1] == 0)
        argv.len--;
    bool has_arguments = argv.data && (argv.len || first.data + first.len + 1 < argv.data);
    if (!has_arguments)
        return name;
    uint8_t *line = arena_alloc_raw(arena, name.len + 1 + argv.len);
    if (!line)
        return (span){NULL, 0};
    memcpy(line, name.data, name.len);
    line[name.len] = ' ';
    for (size_t index = 0; index < argv.len; index++)
        line[name.len + 1 + index] = argv.data[index] ? argv.data[index] : ' ';
    return span_of(line, name.len + 1 + argv.len);
}

bool process_container(const struct process_table *table, const struct process *process,
                       struct container_key *ret)
{
    if (!process || !(process->flags & PROCESS_IN_CONTAINER))
        return false;
    *ret = (struct container_key){.type = (enum container_type)process->container_type,
                                  .is_type_sure = !process->is_container_guess,
                                  .id = process_text(table, process->container),
                                  .space = process_text(table, process->container_space),
                                  .pod_uid = process_text(table, process->pod_uid)};
    return ret->id.data != NULL;
}
