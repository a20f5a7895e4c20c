/* user.*, group.*: names as the process's own container has them. */
#include "kernel/fields.h"

struct user_scope fetch_scope(const struct fetch *fetch)
{
    const struct record_head *head = &fetch->record->head;
    struct user_scope scope = {.pid = head->pid,
                               .start_boot_ns = head->start_boot_ns,
                               .exec_boot_ns = fetch->process ? fetch->process->exec_boot_ns : 0,
                               .now_boot_ns = head->time_boot_ns};
    struct container_key key;
    bool is_inside; /* a control group that only looks like a container's has the host's users */
    (void)fetch_container(fetch, &is_inside);
    if (is_inside && process_container(fetch->decoder->table, fetch->process, &key))
        scope.container = key.id;
    return scope;
}

typedef bool name_lookup(void *context, const struct user_scope *scope, uint32_t id, span *ret);

/* Absent names are words in Falco: rules compare with them. */
static span name_or(const struct fetch *fetch, name_lookup *lookup, uint32_t id, span root)
{
    struct user_scope scope = fetch_scope(fetch);
    span name;
    if (lookup && id != UINT32_MAX && lookup(fetch->decoder->facts.context, &scope, id, &name))
        return arena_dup(fetch->arena, name);
    return id == 0 && root.data ? root : SPAN("<NA>");
}

span fetch_user_name(const struct fetch *fetch, uint32_t uid)
{
    return name_or(fetch, fetch->decoder->facts.user_name, uid, SPAN("root"));
}

span fetch_group_name(const struct fetch *fetch, uint32_t gid)
{
    return name_or(fetch, fetch->decoder->facts.group_name, gid, SPAN("root"));
}

void field_user_uid(const struct fetch *fetch, struct value *ret)
{
    value_int(ret, fetch->record->head.uid);
}

void field_user_name_field(const struct fetch *fetch, struct value *ret)
{
    value_text(ret, fetch_user_name(fetch, fetch->record->head.uid));
}

void field_user_homedir(const struct fetch *fetch, struct value *ret)
{
    value_text(ret, name_or(fetch, fetch->decoder->facts.user_home, fetch->record->head.uid,
                            SPAN("/root")));
}

void field_user_shell_field(const struct fetch *fetch, struct value *ret)
{
    value_text(ret, name_or(fetch, fetch->decoder->facts.user_shell, fetch->record->head.uid,
                            (span){NULL, 0}));
}

void field_user_loginuid(const struct fetch *fetch, struct value *ret)
{
    uint32_t uid = fetch->record->head.login_uid;
    value_int(ret, uid == UINT32_MAX ? -1 : (int64_t)uid);
}

void field_user_loginname(const struct fetch *fetch, struct value *ret)
{
    value_text(ret, fetch_user_name(fetch, fetch->record->head.login_uid));
}

void field_group_gid(const struct fetch *fetch, struct value *ret)
{
    value_int(ret, fetch->record->head.gid);
}

void field_group_name_field(const struct fetch *fetch, struct value *ret)
{
    value_text(ret, fetch_group_name(fetch, fetch->record->head.gid));
}
