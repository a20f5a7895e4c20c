/* The inside of the process table, for process.c and process_store.c only. */
#pragma once

#include "core/map.h"
#include "kernel/kernel.h"
#include "kernel/text.h"

#define SLOT_NONE          UINT32_MAX
#define CHUNK_SLOTS        256
#define REMOVED_MAX        65536
#define PROCESS_TEXT_COUNT 10

struct process_key {
    uint64_t start_boot_ns;
    int32_t pid;
};

struct process_table {
    struct process **chunks; /* never moved: keys of the map lie in them */
    uint32_t slots;          /* that were ever used */
    uint32_t chunk_count;
    uint32_t free_first; /* chained through `older` */
    uint32_t dead_oldest;
    uint32_t dead_newest;
    uint32_t hand;       /* of the clock that looks for a victim */
    bool has_unlinked;   /* snapshots came in any order */
    bool is_delta_whole; /* more changed than is kept track of: the next delta is a whole table */
    struct process_options options;
    struct process_stats stats;
    struct map by_key;
    struct map by_pid;
    struct text_pool texts;
    uint32_t *changed; /* slots with PROCESS_CHANGED, freed ones included */
    size_t changed_count, changed_size;
    struct process_key *removed;
    size_t removed_count, removed_size;
};

/* Nothing has changed, from now on. */
void process_forget_changes(struct process_table *table);
struct process *process_at(const struct process_table *table, uint32_t slot);
/* A fresh process under its key, or NULL. Takes the pid over from an earlier holder. */
struct process *process_add(struct process_table *table, int32_t pid, uint64_t start_boot_ns,
                            uint64_t now_boot_ns);
void process_remove(struct process_table *table, uint32_t slot);
struct process *process_lookup(const struct process_table *table, int32_t pid,
                               uint64_t start_boot_ns);
/* Sets the parent and counts the child where the parent is known. */
void process_link(struct process_table *table, struct process *process, int32_t parent_pid,
                  uint64_t parent_start_boot_ns);
void process_bury(struct process_table *table, struct process *process, uint64_t now_boot_ns);
/* Lets go of a few dead ones whose time is over. */
void process_bury_expired(struct process_table *table, uint64_t now_boot_ns);
void process_changed(struct process_table *table, struct process *process);
/* The fields that hold a text, one after the other: which = 0 … PROCESS_TEXT_COUNT - 1, then the
 * three stdio names. */
uint32_t *process_text_field(struct process *process, size_t which);
uint32_t process_slot(const struct process_table *table, const struct process *process);
