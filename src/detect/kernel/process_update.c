/* What a record changes in the process table. */
#include <fcntl.h>

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "kernel/table.h"
#include "kernel/type.h"

static void text_set(struct process_table *table, struct process *process, uint32_t *field,
                     span text)
{
    span present = text_get(&table->texts, *field);
    if (present.data ? text.data && span_eq(present, text) : !text.data)
        return;
    uint32_t number = text_keep(&table->texts, text);
    text_drop(&table->texts, *field);
    *field = number;
    process_changed(table, process);
}

static void text_set_param(struct process_table *table, struct process *process, uint32_t *field,
                           const struct record *record, enum param_id id)
{
    if (record->params[id].data)
        text_set(table, process, field, record->params[id]);
}

static void cgroups_set(struct process_table *table, struct process *process, span cgroups)
{
    struct container_key key = {0};
    if (!cgroups.data ||
        (process->cgroups && span_eq(text_get(&table->texts, process->cgroups), cgroups)))
        return;
    bool is_inside = container_from_cgroups(cgroups, &key);
    text_set(table, process, &process->cgroups, cgroups);
    text_set(table, process, &process->container, is_inside ? key.id : (span){NULL, 0});
    text_set(table, process, &process->container_space, is_inside ? key.space : (span){NULL, 0});
    text_set(table, process, &process->pod_uid, is_inside ? key.pod_uid : (span){NULL, 0});
    process->container_type = (uint8_t)key.type;
    process->is_container_guess = !key.is_type_sure;
    process->flags &= ~(uint32_t)PROCESS_IN_CONTAINER;
    process->flags |= is_inside ? PROCESS_IN_CONTAINER : 0;
    process_changed(table, process);
}

static void identity_set(struct process_table *table, struct process *process,
                         const struct process_identity *identity)
{
    process->session = identity->session;
    process->group = identity->group;
    process->vpid = identity->vpid;
    process->vsession = identity->vsession;
    process->vgroup = identity->vgroup;
    process->tty = identity->tty;
    process->pid_ns = (uint32_t)identity->pid_ns;
    process_link(table, process, identity->parent_pid, identity->parent_start_boot_ns);
    process_changed(table, process);
}

static void stdio_set(struct process_table *table, struct process *process, size_t number,
                      const struct file_identity *file, span name)
{
    struct process_stdio *stdio = &process->stdio[number];
    bool is_open = file->inode || file->device || file->mode;
    stdio->inode = file->inode;
    stdio->device = (uint32_t)file->device;
    stdio->letter = is_open ? (uint8_t)file_letter(file, name) : '-';
    stdio->is_known = 1;
    text_set(table, process, &stdio->name, name);
    process_changed(table, process);
}

static void image_set(struct process_table *table, struct process *process,
                      const struct record *record)
{
    struct file_identity files[3], exe;
    text_set_param(table, process, &process->name, record, PARAM_COMM);
    text_set_param(table, process, &process->exe_path, record, PARAM_EXE_PATH);
    text_set_param(table, process, &process->argv, record, PARAM_ARGV);
    text_set_param(table, process, &process->env, record, PARAM_ENV);
    text_set_param(table, process, &process->cwd, record, PARAM_CWD);
    text_set(table, process, &process->interpreter, record->params[PARAM_INTERPRETER]);
    process->exe_flags = (uint32_t)record_number(record, PARAM_EXE_FLAGS, 0);
    process->flags &= ~(uint32_t)(PROCESS_CUT_ARGV | PROCESS_CUT_ENV);
    process->flags |= record->head.flags & RECORD_CUT_ARGV ? PROCESS_CUT_ARGV : 0;
    process->flags |= record->head.flags & RECORD_CUT_ENV ? PROCESS_CUT_ENV : 0;
    if (record_struct(record, PARAM_EXE_FILE, &exe, sizeof exe)) {
        process->exe_inode = exe.inode;
        process->exe_ctime_ns = exe.ctime_ns;
        process->exe_mtime_ns = exe.mtime_ns;
        process->exe_flags |= exe.layer;
    }
    if (record_struct(record, PARAM_STDIO, files, sizeof files))
        for (size_t number = 0; number < 3; number++)
            stdio_set(table, process, number, &files[number], (span){NULL, 0});
    process_changed(table, process);
}

/* A child begins as a copy of whom it came from. */
static void inherit(struct process_table *table, struct process *child, const struct process *from)
{
    struct process copy = *from;
    for (size_t which = 0; which < PROCESS_TEXT_COUNT + 3; which++) {
        uint32_t *field = process_text_field(child, which);
        text_drop(&table->texts, *field);
        *field = text_share(&table->texts, *process_text_field(&copy, which));
    }
    for (size_t number = 0; number < 3; number++) {
        uint32_t name = child->stdio[number].name;
        child->stdio[number] = from->stdio[number];
        child->stdio[number].name = name;
    }
    uint32_t passed_on = PROCESS_CUT_ARGV | PROCESS_CUT_ENV | PROCESS_IN_CONTAINER;
    child->flags |= from->flags & passed_on;
    child->cgroup_id = from->cgroup_id;
    child->exe_inode = from->exe_inode;
    child->exe_ctime_ns = from->exe_ctime_ns;
    child->exe_mtime_ns = from->exe_mtime_ns;
    child->exe_flags = from->exe_flags;
    child->uid = from->uid;
    child->gid = from->gid;
    child->login_uid = from->login_uid;
    child->container_type = from->container_type;
    child->is_container_guess = from->is_container_guess;
}

static void take_fork(struct process_table *table, struct process *actor,
                      const struct record *record)
{
    struct process_identity identity;
    const struct process_key key = {actor->start_boot_ns, actor->pid};
    if (!record_struct(record, PARAM_PROCESS, &identity, sizeof identity) || identity.is_thread ||
        identity.pid <= 0 || identity.pid == actor->pid)
        return;
    struct process *child = process_lookup(table, identity.pid, identity.start_boot_ns);
    if (!child) {
        child = process_add(table, identity.pid, identity.start_boot_ns, record->head.time_boot_ns);
        actor = process_lookup(table, key.pid, key.start_boot_ns);
        if (!child || !actor) /* a full table let go of one for the other */
            return;
        inherit(table, child, actor);
    }
    identity_set(table, child, &identity);
    /* CLONE_PARENT makes a sibling; otherwise a parent that is not known is the one that forked. */
    process_link(table, child, actor->pid, actor->start_boot_ns);
    text_set_param(table, child, &child->name, record, PARAM_COMM);
    text_set_param(table, child, &child->exe_path, record, PARAM_EXE_PATH);
    cgroups_set(table, child, record->params[PARAM_CGROUPS]);
}

static void take_exec(struct process_table *table, struct process *actor,
                      const struct record *record)
{
    struct process_identity identity;
    if (record->head.result < 0)
        return;
    image_set(table, actor, record);
    actor->exec_boot_ns = record->head.time_boot_ns;
    if (record_struct(record, PARAM_PROCESS, &identity, sizeof identity))
        identity_set(table, actor, &identity);
}

static void take_exit(struct process_table *table, struct process *actor,
                      const struct record *record)
{
    struct process_identity identity = {0};
    bool has_identity = record_struct(record, PARAM_PROCESS, &identity, sizeof identity);
    if (has_identity ? !identity.is_thread : record->head.tid == record->head.pid)
        process_bury(table, actor, record->head.time_boot_ns);
}

static void take_cgroup_attach(struct process_table *table, const struct record *record)
{
    int32_t pid = (int32_t)record_number(record, PARAM_PEER_PID, 0);
    uint64_t start_boot_ns = (uint64_t)record_number(record, PARAM_PEER_START, 0);
    struct process *process = process_lookup(table, pid, start_boot_ns);
    if (!process && pid > 0 && start_boot_ns)
        process = process_add(table, pid, start_boot_ns, record->head.time_boot_ns);
    if (process)
        cgroups_set(table, process, record->params[PARAM_CGROUPS]);
}

static void take_dup(struct process_table *table, struct process *actor,
                     const struct record *record)
{
    struct file_identity file = {0};
    struct socket_tuple socket;
    int64_t number = record_number(record, PARAM_FD, record->head.result);
    if (record->head.result < 0 || number < 0 || number > 2)
        return;
    bool has_file = record_struct(record, PARAM_FILE, &file, sizeof file);
    char text[TUPLE_TEXT_BYTES];
    span name = file_name(&file, record->params[PARAM_PATH], text);
    if (record_struct(record, PARAM_SOCKET, &socket, sizeof socket) && socket.family) {
        file.mode = S_IFSOCK | (file.mode & 07777);
        file.sock_family = tuple_is_v4(&socket) ? AF_INET : socket.family;
        name = span_of(text, tuple_text(&socket, text));
        has_file = true;
    }
    if (record->params[PARAM_SOCKET_PATH].data)
        name = record->params[PARAM_SOCKET_PATH];
    if (has_file)
        stdio_set(table, actor, (size_t)number, &file, name);
}

/* What every head tells of its process. */
static void take_head(struct process_table *table, struct process *process,
                      const struct record *record)
{
    const struct record_head *head = &record->head;
    if (process->uid != head->uid || process->gid != head->gid ||
        process->login_uid != head->login_uid || process->cgroup_id != head->cgroup_id) {
        process->uid = head->uid;
        process->gid = head->gid;
        process->login_uid = head->login_uid;
        process->cgroup_id = head->cgroup_id;
        process_changed(table, process);
    }
}

static const struct process *take_snapshot(struct process_table *table, const struct record *record)
{
    struct process_identity identity;
    if (!record_struct(record, PARAM_PROCESS, &identity, sizeof identity) || identity.is_thread)
        return NULL;
    struct process *process = process_lookup(table, identity.pid, identity.start_boot_ns);
    if (!process)
        process =
            process_add(table, identity.pid, identity.start_boot_ns, record->head.time_boot_ns);
    if (!process)
        return NULL;
    process->flags &= ~(uint32_t)PROCESS_INCOMPLETE;
    table->has_unlinked = true;
    take_head(table, process, record);
    identity_set(table, process, &identity);
    image_set(table, process, record);
    cgroups_set(table, process, record->params[PARAM_CGROUPS]);
    return process;
}

/* Snapshots come in pid order: a child may have come before its parent. */
static void link_late(struct process_table *table)
{
    table->has_unlinked = false;
    for (uint32_t slot = 0; slot < table->slots; slot++) {
        struct process *process = process_at(table, slot);
        if ((process->flags & PROCESS_IN_USE) && process->parent_pid > 0 &&
            !process_parent(table, process))
            process_link(table, process, process->parent_pid, process->parent_start_boot_ns);
    }
}

static void take_event(struct process_table *table, struct process *actor,
                       const struct record *record)
{
    switch (record->head.type) {
    case EVENT_FORK:
    case EVENT_VFORK:
    case EVENT_CLONE:
    case EVENT_CLONE3:
        take_fork(table, actor, record);
        return;
    case EVENT_EXECVE:
    case EVENT_EXECVEAT:
        take_exec(table, actor, record);
        break;
    case EVENT_PROCEXIT:
        take_exit(table, actor, record);
        return;
    case EVENT_CGROUP_ATTACH:
        take_cgroup_attach(table, record);
        return;
    case EVENT_DUP:
    case EVENT_DUP2:
    case EVENT_DUP3:
        take_dup(table, actor, record);
        break;
    case EVENT_PRCTL:
        if (record_number(record, PARAM_REQUEST, 0) == PR_SET_NAME && record->head.result == 0 &&
            record->head.tid == record->head.pid)
            text_set_param(table, actor, &actor->name, record, PARAM_NAME);
        break;
    default:
        break;
    }
    /* With a directory's descriptor CWD is that directory. */
    if (record_number(record, PARAM_DIRFD, AT_FDCWD) < 0)
        text_set_param(table, actor, &actor->cwd, record, PARAM_CWD);
    cgroups_set(table, actor, record->params[PARAM_CGROUPS]);
}

/* A process whose beginning was not seen: what the record itself tells. */
static struct process *add_from_head(struct process_table *table, const struct record *record)
{
    const struct record_head *head = &record->head;
    struct process_identity identity;
    struct process *process =
        process_add(table, head->pid, head->start_boot_ns, head->time_boot_ns);
    if (!process)
        return NULL;
    table->stats.incomplete++;
    process->flags |= PROCESS_INCOMPLETE;
    if (record->params[PARAM_COMM].data && head->type != EVENT_FORK && head->type != EVENT_CLONE &&
        head->type != EVENT_VFORK && head->type != EVENT_CLONE3)
        text_set_param(table, process, &process->name, record, PARAM_COMM);
    if (record_struct(record, PARAM_PROCESS, &identity, sizeof identity) &&
        identity.pid == head->pid)
        identity_set(table, process, &identity);
    return process;
}

const struct process *process_table_update(struct process_table *table, const struct record *record)
{
    const struct record_head *head = &record->head;
    if (head->type == EVENT_DROP)
        return NULL;
    if (head->type == EVENT_TASK || (head->flags & RECORD_SNAPSHOT))
        return take_snapshot(table, record);
    if (table->has_unlinked)
        link_late(table);
    process_bury_expired(table, head->time_boot_ns);
    if (head->pid <= 0)
        return NULL;
    struct process *actor = process_lookup(table, head->pid, head->start_boot_ns);
    if (!actor)
        actor = add_from_head(table, record);
    if (!actor)
        return NULL;
    take_head(table, actor, record);
    take_event(table, actor, record);
    /* A full table may have let go of the actor itself. */
    return process_lookup(table, head->pid, head->start_boot_ns);
}
