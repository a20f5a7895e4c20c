#include "hook/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "core/cleanup.h"
#include "hook/set.h"
#include "hook/table.h"

#define RING_BYTES   ((size_t)32 << 20)
#define WAKEUP_BYTES (256u << 10)

struct hook_set *set_new(const struct hook_options *options, struct err_ctx *err)
{
    struct hook_set *set = calloc(1, sizeof *set);
    if (!set) {
        (void)err_set(err, ERR_SYSTEM, "hooks");
        return NULL;
    }
    set->options = *options;
    set->tracefs_fd = -1;
    if (!set->options.ring_bytes)
        set->options.ring_bytes = RING_BYTES;
    if (!set->options.wakeup_bytes)
        set->options.wakeup_bytes = WAKEUP_BYTES;
    libbpf_set_print(set->options.print);
    /* before 5.11 maps are charged to this limit; where it can't be raised they may still fit */
    struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    (void)setrlimit(RLIMIT_MEMLOCK, &unlimited);
    return set;
}

void hook_close(struct hook_set *set)
{
    if (!set)
        return;
    if (set->control)
        munmap(set->control, sizeof *set->control);
    for (size_t i = 0; i < set->link_count; i++) {
        if (set->links[i].fd >= 0)
            close(set->links[i].fd);
    }
    for (size_t i = 0; i < set->program_count; i++) {
        if (set->programs[i].fd >= 0)
            close(set->programs[i].fd);
    }
    for (size_t i = 0; i < set->map_count; i++)
        close(set->maps[i].fd);
    for (size_t i = 0; i < set->perf_event_count; i++)
        close(set->perf_events[i].fd);
    if (set->tracefs_fd >= 0)
        close(set->tracefs_fd);
    free(set);
}

err_kind control_map(struct hook_set *set, struct err_ctx *err)
{
    int fd = find_map(set, "control");
    void *page = mmap(NULL, sizeof *set->control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return err_set(err, ERR_SYSTEM, "control page");
    set->control = page;
    set->control->wakeup_bytes = set->options.wakeup_bytes;
    if (set->control->ring_id == 0) {
        uint64_t id;
        if (getrandom(&id, sizeof id, 0) != sizeof id)
            return err_set(err, ERR_SYSTEM, "random number of the ring");
        set->control->ring_id = id | 1;
    }
    return OK;
}

/* ---- links ---- */

struct hook_link *find_link(const struct hook_set *set, const char *name)
{
    for (size_t i = 0; i < set->link_count; i++) {
        if (strcmp(set->links[i].name, name) == 0)
            return (struct hook_link *)&set->links[i];
    }
    return NULL;
}

static void link_remove(struct hook_set *set, const char *name)
{
    struct hook_link *link = find_link(set, name);
    if (!link)
        return;
    if (link->fd >= 0)
        close(link->fd);
    *link = set->links[--set->link_count];
}

/* Attaches `program` under this name unless it is; folder NULL: a tp_btf program, which knows its
 * place itself; "": a raw_tp one, the tracepoint's name ends at a space. A failure is kept as the
 * link's reason. */
static void link_add(struct hook_set *set, const char *folder, const char *name,
                     const char *program_name)
{
    struct hook_link *link = find_link(set, name);
    if (link && link->fd >= 0)
        return;
    if (!link) {
        if (set->link_count == LINKS_MAX)
            return;
        link = &set->links[set->link_count++];
    }
    memset(link, 0, sizeof *link);
    snprintf(link->name, sizeof link->name, "%s", name);
    link->fd = -1;
    struct hook_program *program = find_program(set, program_name);
    if (!program || program->fd < 0) {
        snprintf(link->reason, sizeof link->reason, "%s", program ? program->reason : "no program");
        return;
    }
    if (folder && folder[0] && set->tracefs_fd < 0) {
        snprintf(link->reason, sizeof link->reason, "%s", set->tracefs_reason);
        return;
    }
    char raw[HOOK_NAME_MAX];
    snprintf(raw, sizeof raw, "%.*s", (int)strcspn(name, " "), name);
    int fd = !folder     ? attach_trace(NULL, program->fd)
             : folder[0] ? attach_tracepoint(set, folder, name, program->fd)
                         : attach_trace(raw, program->fd);
    if (fd < 0)
        snprintf(link->reason, sizeof link->reason, "does not attach: %s", strerror(-fd));
    else
        link->fd = fd;
}

/* ---- what the wanted events need ---- */

bool call_is_wanted(const struct hook_set *set, const struct call_row *row)
{
    enum event_type also = call_programs[row->program].also;
    return set->wanted[row->event] || (also && set->wanted[also]);
}

static unsigned long long programs_in_use(const struct hook_set *set)
{
    unsigned long long use = 0;
    for (int i = 0; i < call_table_len; i++) {
        if (call_is_wanted(set, &call_table[i]))
            use |= 1ull << call_table[i].program;
    }
    return use;
}

static bool trace_is_needed(const struct trace_row *row, unsigned long long use)
{
    return row->serves == 0 || (row->serves & use);
}

static bool is_loaded(struct hook_set *set, const char *name)
{
    const struct hook_program *program = name ? find_program(set, name) : NULL;
    return program && program->fd >= 0;
}

/* For the end of all calls, as far as 32-bit calls are to be watched. */
static err_kind any_load(struct hook_set *set, unsigned long long use, struct err_ctx *err)
{
    const char *names[CALL_PROGRAM_COUNT + 1] = {"exit_any"};
    size_t count = 1;
    if (set->options.compat == HOOK_COMPAT_OFF)
        return OK;
    for (int i = 0; i < CALL_PROGRAM_COUNT; i++) {
        if ((use >> i & 1) && call_programs[i].any)
            names[count++] = call_programs[i].any;
    }
    return load_programs(set, names, count, err);
}

/* Calls have a tracepoint of their own unless the end of all is watched from the start. */
static bool program_is_any(struct hook_set *set, int program)
{
    return set->options.compat == HOOK_COMPAT_ON && is_loaded(set, "exit_any") &&
           is_loaded(set, call_programs[program].any);
}

static err_kind wanted_load(struct hook_set *set, unsigned long long use, struct err_ctx *err)
{
    const char *names[PROGRAMS_MAX];
    size_t count = 0;
    err_kind kind = any_load(set, use, err);
    if (kind != OK)
        return kind;
    for (int i = 0; i < trace_table_len; i++) {
        if (trace_is_needed(&trace_table[i], use) && !trace_table[i].instead)
            names[count++] = trace_table[i].program;
    }
    for (int i = 0; i < CALL_PROGRAM_COUNT; i++) {
        if (!(use >> i & 1))
            continue;
        if (call_programs[i].exit && !program_is_any(set, i))
            names[count++] = call_programs[i].exit;
        if (call_programs[i].enter)
            names[count++] = call_programs[i].enter;
    }
    return load_programs(set, names, count, err);
}

static bool is_attached(const struct hook_set *set, const char *name)
{
    const struct hook_link *link = find_link(set, name);
    return link && link->fd >= 0;
}

static void trace_attach(struct hook_set *set, const struct trace_row *row, unsigned long long use)
{
    if (!trace_is_needed(row, use) || (row->instead && is_attached(set, row->instead))) {
        link_remove(set, row->name);
        return;
    }
    link_add(set, row->is_raw ? "" : NULL, row->name, row->program);
    if (row->instead && is_attached(set, row->name))
        link_remove(set, row->instead);
}

bool call_is_any(const struct hook_set *set, const struct call_row *row)
{
    return set->control->exits[row->event / 64] >> row->event % 64 & 1;
}

static void call_attach(struct hook_set *set, const struct call_row *row)
{
    char name[HOOK_NAME_MAX];
    const struct call_program_row *program = &call_programs[row->program];
    bool is_wanted = call_is_wanted(set, row);
    if (row->nr < 0)
        return; /* 32-bit only */
    if (program->exit) {
        snprintf(name, sizeof name, "sys_exit_%s", row->name);
        if (is_wanted && !call_is_any(set, row))
            link_add(set, "syscalls", name, program->exit);
        else
            link_remove(set, name);
    }
    if (program->enter) {
        snprintf(name, sizeof name, "sys_enter_%s", row->name);
        if (is_wanted)
            link_add(set, "syscalls", name, program->enter);
        else
            link_remove(set, name);
    }
}

/* Fills the table that exit_any jumps by, and hangs that program on the end of all calls. */
static void any_attach(struct hook_set *set, unsigned long long use)
{
    int table = find_map(set, "any_programs");
    if (set->options.compat == HOOK_COMPAT_OFF || (use & ~(1ull << CALL_FORK)) == 0) {
        link_remove(set, HOOK_ANY_NAME);
        return;
    }
    if (set->options.compat == HOOK_COMPAT_AUTO && !set->control->has_compat)
        return;
    for (uint32_t i = 0; i < CALL_PROGRAM_COUNT; i++) {
        if (is_loaded(set, call_programs[i].any))
            (void)bpf_map_update_elem(table, &i, &find_program(set, call_programs[i].any)->fd,
                                      BPF_ANY);
    }
    link_add(set, NULL, HOOK_ANY_NAME, "exit_any");
}

/* Says which calls the end of all serves: before their own tracepoints go, so that none is missed.
 */
static void any_choose(struct hook_set *set)
{
    uint64_t exits[2] = {0};
    for (int i = 0; is_attached(set, HOOK_ANY_NAME) && i < call_table_len; i++) {
        const struct call_row *row = &call_table[i];
        if (call_is_wanted(set, row) && program_is_any(set, (int)row->program))
            exits[row->event / 64] |= 1ull << row->event % 64;
    }
    memcpy(set->control->exits, exits, sizeof exits);
}

bool hook_compat_watch(struct hook_set *set)
{
    if (set->options.compat != HOOK_COMPAT_AUTO || !set->control->has_compat ||
        find_link(set, HOOK_ANY_NAME))
        return false;
    any_attach(set, programs_in_use(set));
    return is_attached(set, HOOK_ANY_NAME);
}

err_kind hook_want(struct hook_set *set, const bool wanted[EVENT_COUNT], struct err_ctx *err)
{
    memcpy(set->wanted, wanted, sizeof set->wanted);
    unsigned long long use = programs_in_use(set);
    err_kind kind = wanted_load(set, use, err);
    if (kind != OK)
        return err_wrap(err, "hooks");
    /* page before hooks: no event of a newly wanted type is missed between the two */
    for (int event = 0; event < EVENT_COUNT; event++)
        set->control->want_event[event] = wanted[event];
    for (int i = 0; i < trace_table_len; i++)
        trace_attach(set, &trace_table[i], use);
    any_attach(set, use);
    any_choose(set);
    for (int i = 0; i < call_table_len; i++)
        call_attach(set, &call_table[i]);
    return OK;
}

err_kind hook_open(const struct hook_options *options, struct hook_set **ret, struct err_ctx *err)
{
    struct hook_set *set = set_new(options, err);
    if (!set)
        return err->kind;
    tracefs_open(set);
    hook_perf_events_open(set);
    err_kind kind = load_programs(set, NULL, 0, err);
    if (kind == OK)
        kind = control_map(set, err);
    if (kind == OK)
        kind = hook_want(set, (bool[EVENT_COUNT]){0}, err);
    if (kind != OK) {
        hook_close(set);
        return kind;
    }
    *ret = set;
    return OK;
}

int hook_ring_fd(const struct hook_set *set)
{
    return find_map(set, "ring");
}

int hook_control_fd(const struct hook_set *set)
{
    return find_map(set, "control");
}

err_kind hook_own(struct hook_set *set, int pid, bool is_own, struct err_ctx *err)
{
    uint32_t key = (uint32_t)pid;
    uint8_t one = 1;
    int fd = find_map(set, "own_pids");
    if (is_own ? bpf_map_update_elem(fd, &key, &one, BPF_ANY) : bpf_map_delete_elem(fd, &key)) {
        if (!is_own && errno == ENOENT)
            return OK;
        return err_set(err, ERR_SYSTEM, "own process %d", pid);
    }
    if (is_own)
        set->control->own_bits |= 1ull << (key & 63);
    return OK;
}

err_kind hook_snapshot(struct hook_set *set, int *ret_fd, struct err_ctx *err)
{
    static const char *const names[] = {"snapshot_full", "snapshot_plain"};
    for (size_t i = 0; i < 2; i++) {
        err_kind kind = load_programs(set, &names[i], 1, err);
        if (kind != OK)
            return kind;
        const struct hook_program *program = find_program(set, names[i]);
        if (!program || program->fd < 0)
            continue;
        AUTO(auto_close) int link = attach_iterator(program->fd);
        int fd = link < 0 ? -1 : bpf_iter_create(link);
        if (fd >= 0) {
            *ret_fd = fd;
            return OK;
        }
    }
    return err_set(err, ERR_SYSTEM, "iterator over running processes");
}
