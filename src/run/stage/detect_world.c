/* What the detect stage knows of the host, in and out: task iterator, store, recording. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/hash.h"
#include "stage/detect_state.h"

#define TASKS_BYTES_MAX (256u << 20)

static err_kind tasks_feed(struct detect *detect, span bytes, struct err_ctx *err)
{
    while (bytes.len) {
        uint32_t len;
        span head = bytes, record;
        const uint32_t *matches;
        size_t count;
        if (!span_u32le(&head, &len) || !span_take(&bytes, len, &record) || len == 0)
            return err_set(err, ERR_INPUT, "task iterator: cut short");
        err_kind kind = detect_record(detect, record, 0, &matches, &count, err);
        if (kind != OK)
            return err_wrap(err, "task iterator");
    }
    return OK;
}

err_kind detect_tasks(struct detect *detect, int tasks_fd, struct err_ctx *err)
{
    struct writer tasks;
    writer_init(&tasks, TASKS_BYTES_MAX);
    AUTO(auto_free) uint8_t *chunk = malloc(1 << 20);
    err_kind kind = chunk ? OK : err_set(err, ERR_SYSTEM, "task iterator");
    while (kind == OK) {
        ssize_t count = read(tasks_fd, chunk, 1 << 20);
        if (count < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (count < 0)
            kind = err_set(err, ERR_SYSTEM, "task iterator");
        if (count <= 0)
            break;
        writer_put(&tasks, span_of(chunk, (size_t)count));
        if (tasks.is_full)
            kind = err_set(err, ERR_LIMIT, "task iterator: over %u bytes", TASKS_BYTES_MAX);
    }
    if (kind == OK)
        kind = tasks_feed(detect, writer_span(&tasks), err);
    writer_free(&tasks);
    return kind;
}

/* ---- saved: parts, each behind its u32 length: [processes,] containers, users ---- */

static void part_put(struct detect *detect, struct writer *out)
{
    uint32_t len = (uint32_t)detect->part.len;
    writer_put(out, span_of(&len, sizeof len));
    writer_put(out, writer_span(&detect->part));
    out->is_full |= detect->part.is_full;
    writer_reset(&detect->part);
}

static bool part_take(span *bytes, span *ret)
{
    uint32_t len;
    return span_u32le(bytes, &len) && span_take(bytes, len, ret);
}

void detect_facts_save(struct detect *detect, struct writer *out)
{
    writer_reset(&detect->part);
    container_cache_save(detect->containers, &detect->part);
    part_put(detect, out);
    user_cache_save(detect->users, &detect->part);
    part_put(detect, out);
}

err_kind detect_facts_load(struct detect *detect, span bytes, struct err_ctx *err)
{
    span containers, users;
    if (!part_take(&bytes, &containers) || !part_take(&bytes, &users) || bytes.len)
        return err_set(err, ERR_INPUT, "saved facts: lengths do not fit");
    err_kind kind = container_cache_load(detect->containers, containers, clock_boot_ns(), err);
    return kind == OK ? user_cache_load(detect->users, users, clock_boot_ns(), err) : kind;
}

bool detect_facts_touch(struct detect *detect)
{
    const struct process *process = detect->decoder.process;
    struct container_key key = {0};
    const struct container_info *info;
    if (!process)
        return false;
    uint64_t found = container_cache_stats(detect->containers)->found;
    uint64_t now_ns = detect->decoder.record.head.time_boot_ns;
    bool is_inside = process_container(detect->processes, process, &key);
    if (is_inside) {
        enum container_state state = container_lookup(detect->containers, &key, process->pid,
                                                      process->start_boot_ns, now_ns, &info);
        is_inside = key.is_type_sure || state == CONTAINER_FOUND;
    }
    struct user_scope scope = {.container = is_inside ? key.id : (span){NULL, 0},
                               .pid = process->pid,
                               .start_boot_ns = process->start_boot_ns,
                               .exec_boot_ns = process->exec_boot_ns,
                               .now_boot_ns = now_ns};
    span name;
    user_name(detect->users, &scope, detect->decoder.record.head.uid, &name);
    group_name(detect->users, &scope, detect->decoder.record.head.gid, &name);
    uint64_t scope_hash = hash_span(scope.container, 1);
    bool is_new_scope = scope_hash != detect->facts_scope;
    detect->facts_scope = scope_hash;
    return is_new_scope || container_cache_stats(detect->containers)->found != found;
}

void detect_world_save(struct detect *detect, struct writer *out)
{
    writer_reset(&detect->part);
    process_table_save(detect->processes, &detect->part);
    part_put(detect, out);
    detect_facts_save(detect, out);
    process_table_delta(detect->processes, &detect->part); /* the next delta starts from here */
    writer_reset(&detect->part);
}

void detect_world_delta(struct detect *detect, struct writer *out)
{
    process_table_delta(detect->processes, out);
}

err_kind detect_world_load(struct detect *detect, span bytes, struct err_ctx *err)
{
    span processes;
    if (!part_take(&bytes, &processes))
        return err_set(err, ERR_INPUT, "saved world: lengths do not fit");
    err_kind kind = process_table_load(detect->processes, processes, err);
    return kind == OK ? detect_facts_load(detect, bytes, err) : kind;
}

err_kind detect_world_apply(struct detect *detect, span bytes, struct err_ctx *err)
{
    return process_table_apply_delta(detect->processes, bytes, err);
}

void detect_status_render(const struct detect *detect, struct writer *out)
{
    struct process_stats processes;
    struct rule_program_stats rules = {0};
    process_table_stats(detect->processes, &processes);
    const struct container_stats *containers = container_cache_stats(detect->containers);
    if (detect->program)
        rule_program_stats(detect->program, &rules);
    writer_format(out,
                  "\"processes\":%zu,\"processes_evicted\":%llu,\"containers_found\":%llu,"
                  "\"containers_unknown\":%llu,\"rules_enabled\":%zu,"
                  "\"rules_without_access\":%zu,\"undecided\":%llu,\"matches_over\":%llu",
                  processes.processes, (unsigned long long)processes.evicted,
                  (unsigned long long)containers->found, (unsigned long long)containers->given_up,
                  rules.enabled, rules.rules_without_access,
                  (unsigned long long)detect->counts.undecided,
                  (unsigned long long)detect->counts.over_matches);
}
