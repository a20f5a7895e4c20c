/* proc.*, thread.*: who did it, and who made them. */
#include "kernel/args.h"
#include "kernel/fields.h"

#define ANCESTORS_MAX 64

static const struct process_table *table(const struct fetch *fetch)
{
    return fetch->decoder->table;
}

static span text(const struct fetch *fetch, uint32_t number)
{
    return process_text(table(fetch), number);
}

/* 0: the process itself. */
static const struct process *ancestor(const struct fetch *fetch, int64_t generation)
{
    const struct process *process = fetch->process;
    for (; process && generation > 0; generation--)
        process = process_parent(table(fetch), process);
    return process;
}

/* ---- properties of any process; absent is data NULL ---- */

typedef span process_property(const struct fetch *fetch, const struct process *process);

static span name_of(const struct fetch *fetch, const struct process *process)
{
    return text(fetch, process->name);
}

/* argv[0]; a process that was never seen to exec has none but its file. */
static span exe_of(const struct fetch *fetch, const struct process *process)
{
    span argv = text(fetch, process->argv), first;
    if (!argv.data)
        return (span){NULL, 0};
    return span_until(&argv, 0, &first) ? first : argv;
}

static span exepath_of(const struct fetch *fetch, const struct process *process)
{
    return text(fetch, process->exe_path);
}

static span cmdline_of(const struct fetch *fetch, const struct process *process)
{
    return process_command_line(table(fetch), process, fetch->arena);
}

/* What follows argv[0], NULs between; data NULL: argv is not known. */
static span arguments(const struct fetch *fetch, const struct process *process)
{
    span argv = text(fetch, process->argv), first;
    if (!argv.data)
        return argv;
    if (!span_until(&argv, 0, &first))
        return span_of(argv.data + argv.len, 0);
    if (argv.len && argv.data[argv.len - 1] == 0)
        argv.len--;
    return argv;
}

/* A list of texts with blanks for its NULs. */
static span joined(const struct fetch *fetch, span list)
{
    if (!list.data || !list.len)
        return list;
    uint8_t *line = arena_alloc_raw(fetch->arena, list.len);
    if (!line)
        return (span){NULL, 0};
    for (size_t index = 0; index < list.len; index++)
        line[index] = list.data[index] ? list.data[index] : ' ';
    return span_of(line, list.len);
}

static span args_of(const struct fetch *fetch, const struct process *process)
{
    return joined(fetch, arguments(fetch, process));
}

static span env_of(const struct fetch *fetch, const struct process *process)
{
    span env = text(fetch, process->env);
    if (env.len && env.data[env.len - 1] == 0)
        env.len--;
    return joined(fetch, env);
}

/* ---- of itself, its parent, one ancestor or all ---- */

static void of_process(const struct fetch *fetch, const struct process *process,
                       process_property *property, struct value *ret)
{
    if (process)
        value_text(ret, property(fetch, process));
}

static void of_all(const struct fetch *fetch, process_property *property, struct value *ret)
{
    struct value items[ANCESTORS_MAX];
    size_t count = 0;
    const struct process *process = ancestor(fetch, 1);
    for (; process && count < ANCESTORS_MAX; process = process_parent(table(fetch), process)) {
        items[count] = (struct value){.kind = VALUE_ABSENT};
        value_text(&items[count], property(fetch, process));
        count += items[count].kind != VALUE_ABSENT;
    }
    struct value *list = count ? arena_alloc_raw(fetch->arena, count * sizeof *list) : NULL;
    if (!list)
        return;
    memcpy(list, items, count * sizeof *list);
    *ret = (struct value){.kind = VALUE_LIST, .any = true, .list = {.items = list, .count = count}};
}

static void of_ancestors(const struct fetch *fetch, process_property *property, struct value *ret)
{
    if (fetch->ref->argument.data)
        of_process(fetch, ancestor(fetch, fetch->ref->index), property, ret);
    else
        of_all(fetch, property, ret);
}

#define SELF_PARENT_ANCESTORS(self, parent, ancestors, property)                                   \
    void field_##self(const struct fetch *fetch, struct value *ret)                                \
    {                                                                                              \
        of_process(fetch, fetch->process, property, ret);                                          \
    }                                                                                              \
    void field_##parent(const struct fetch *fetch, struct value *ret)                              \
    {                                                                                              \
        of_process(fetch, ancestor(fetch, 1), property, ret);                                      \
    }                                                                                              \
    void field_##ancestors(const struct fetch *fetch, struct value *ret)                           \
    {                                                                                              \
        of_ancestors(fetch, property, ret);                                                        \
    }

SELF_PARENT_ANCESTORS(proc_exe, proc_pexe, proc_aexe, exe_of)
SELF_PARENT_ANCESTORS(proc_exepath, proc_pexepath, proc_aexepath, exepath_of)
SELF_PARENT_ANCESTORS(proc_name, proc_pname, proc_aname, name_of)
SELF_PARENT_ANCESTORS(proc_cmdline, proc_pcmdline, proc_acmdline, cmdline_of)

void field_proc_aargs(const struct fetch *fetch, struct value *ret)
{
    of_ancestors(fetch, args_of, ret);
}

/* ---- the command line and the environment ---- */

void field_proc_args(const struct fetch *fetch, struct value *ret)
{
    if (!fetch->process)
        return;
    if (!fetch->ref->argument.data) {
        of_process(fetch, fetch->process, args_of, ret);
        return;
    }
    span list = arguments(fetch, fetch->process), one = {NULL, 0};
    for (int64_t index = 0; list.data && list.len; index++) {
        if (!span_until(&list, 0, &one)) {
            one = list;
            list = span_after(list, list.len);
        }
        if (index == fetch->ref->index) {
            value_text(ret, one);
            return;
        }
    }
    if (list.data)
        value_text(ret, SPAN(""));
}

static size_t count_arguments(span list, size_t *ret_bytes)
{
    size_t count = list.len > 0;
    *ret_bytes = list.len;
    for (size_t index = 0; index < list.len; index++)
        if (list.data[index] == 0) {
            count++;
            (*ret_bytes)--;
        }
    return count;
}

void field_proc_cmdnargs(const struct fetch *fetch, struct value *ret)
{
    size_t bytes;
    if (fetch->process)
        value_uint(ret, count_arguments(arguments(fetch, fetch->process), &bytes));
}

void field_proc_cmdlenargs(const struct fetch *fetch, struct value *ret)
{
    size_t bytes;
    if (!fetch->process)
        return;
    count_arguments(arguments(fetch, fetch->process), &bytes);
    value_uint(ret, bytes);
}

void field_proc_exeline(const struct fetch *fetch, struct value *ret)
{
    if (!fetch->process)
        return;
    span line = text(fetch, fetch->process->argv);
    if (line.len && line.data[line.len - 1] == 0)
        line.len--;
    value_text(ret, joined(fetch, line));
}

static span env_variable(const struct fetch *fetch, const struct process *process, span name)
{
    span env = text(fetch, process->env), one;
    while (env.len) {
        if (!span_until(&env, 0, &one)) {
            one = env;
            env = span_after(env, env.len);
        }
        if (one.len > name.len && one.data[name.len] == '=' && span_starts(one, name))
            return span_after(one, name.len + 1);
    }
    return (span){NULL, 0};
}

void field_proc_env(const struct fetch *fetch, struct value *ret)
{
    if (!fetch->process)
        return;
    if (fetch->ref->argument.data)
        value_text(ret, env_variable(fetch, fetch->process, fetch->ref->argument));
    else
        of_process(fetch, fetch->process, env_of, ret);
}

void field_proc_aenv(const struct fetch *fetch, struct value *ret)
{
    if (!fetch->ref->argument.data || fetch->ref->index >= 0) {
        of_ancestors(fetch, env_of, ret);
        return;
    }
    const struct process *process = ancestor(fetch, 1);
    for (int count = 0; process && count < ANCESTORS_MAX && ret->kind == VALUE_ABSENT; count++) {
        value_text(ret, env_variable(fetch, process, fetch->ref->argument));
        process = process_parent(table(fetch), process);
    }
}

void field_proc_cwd(const struct fetch *fetch, struct value *ret)
{
    span cwd = fetch->process ? text(fetch, fetch->process->cwd) : (span){NULL, 0};
    if (!cwd.data)
        return;
    if (cwd.len && cwd.data[cwd.len - 1] == '/') {
        value_text(ret, cwd);
        return;
    }
    uint8_t *path = arena_alloc_raw(fetch->arena, cwd.len + 1);
    if (!path)
        return;
    memcpy(path, cwd.data, cwd.len);
    path[cwd.len] = '/';
    value_text(ret, span_of(path, cwd.len + 1));
}

/* ---- ids ---- */

void field_proc_pid(const struct fetch *fetch, struct value *ret)
{
    if (fetch->record->head.pid > 0)
        value_int(ret, fetch->record->head.pid);
}

void field_proc_ppid(const struct fetch *fetch, struct value *ret)
{
    if (fetch->process && fetch->process->parent_pid > 0)
        value_int(ret, fetch->process->parent_pid);
}

void field_proc_apid(const struct fetch *fetch, struct value *ret)
{
    if (fetch->ref->argument.data) {
        const struct process *process = ancestor(fetch, fetch->ref->index);
        if (process)
            value_int(ret, process->pid);
        return;
    }
    struct value *list = arena_alloc(fetch->arena, ANCESTORS_MAX * sizeof *list);
    size_t count = 0;
    const struct process *process = ancestor(fetch, 1);
    for (; list && process && count < ANCESTORS_MAX; count++) {
        value_int(&list[count], process->pid);
        process = process_parent(table(fetch), process);
    }
    if (count)
        *ret = (struct value){
            .kind = VALUE_LIST, .any = true, .list = {.items = list, .count = count}};
}

#define NUMBER_OF_PROCESS(field, member)                                                           \
    void field_##field(const struct fetch *fetch, struct value *ret)                               \
    {                                                                                              \
        if (fetch->process)                                                                        \
            value_int(ret, fetch->process->member);                                                \
    }

NUMBER_OF_PROCESS(proc_tty, tty)
NUMBER_OF_PROCESS(proc_vpid, vpid)
NUMBER_OF_PROCESS(proc_sid, vsession)
NUMBER_OF_PROCESS(proc_vpgid, vgroup)
NUMBER_OF_PROCESS(proc_pgid, group)

void field_proc_pvpid(const struct fetch *fetch, struct value *ret)
{
    const struct process *parent = ancestor(fetch, 1);
    if (parent)
        value_int(ret, parent->vpid);
}

void field_proc_loginshellid(const struct fetch *fetch, struct value *ret)
{
    for (const struct process *process = fetch->process; process;
         process = process_parent(table(fetch), process))
        if (span_ends(name_of(fetch, process), SPAN("sh")))
            value_int(ret, process->pid);
}

/* The leader of a session or group: the process with that id, or the eldest ancestor in it. */
static const struct process *leader(const struct fetch *fetch, bool is_session)
{
    const struct process *process = fetch->process;
    if (!process)
        return NULL;
    int32_t id = is_session ? process->session : process->group;
    const struct process *found = id > 0 ? process_find(table(fetch), id, 0) : NULL;
    if (found)
        return found;
    for (; process && (is_session ? process->session : process->group) == id;
         process = process_parent(table(fetch), process))
        found = process;
    return found;
}

#define OF_LEADER(field, is_session, property)                                                     \
    void field_##field(const struct fetch *fetch, struct value *ret)                               \
    {                                                                                              \
        of_process(fetch, leader(fetch, is_session), property, ret);                               \
    }

OF_LEADER(proc_sname, true, name_of)
OF_LEADER(proc_sid_exe, true, exe_of)
OF_LEADER(proc_sid_exepath, true, exepath_of)
OF_LEADER(proc_pgid_name, false, name_of)
OF_LEADER(proc_pgid_exe, false, exe_of)
OF_LEADER(proc_pgid_exepath, false, exepath_of)

#define CLAIM_OF_PROCESS(field, claim)                                                             \
    void field_##field(const struct fetch *fetch, struct value *ret)                               \
    {                                                                                              \
        const struct process *process = fetch->process;                                            \
        if (process)                                                                               \
            value_bool(ret, claim);                                                                \
    }

CLAIM_OF_PROCESS(proc_is_sid_leader, process->vsession == process->vpid)
CLAIM_OF_PROCESS(proc_is_vpgid_leader, process->vgroup == process->vpid)
CLAIM_OF_PROCESS(proc_is_pgid_leader, process->group == process->pid)
CLAIM_OF_PROCESS(proc_is_exe_writable, process->exe_flags &EXE_WRITABLE)
CLAIM_OF_PROCESS(proc_is_exe_upper_layer, process->exe_flags &EXE_UPPER_LAYER)
CLAIM_OF_PROCESS(proc_is_exe_lower_layer, process->exe_flags &EXE_LOWER_LAYER)
CLAIM_OF_PROCESS(proc_is_exe_from_memfd, process->exe_flags &EXE_MEMFD)

/* ---- times ---- */

static void duration(const struct fetch *fetch, const struct process *process, struct value *ret)
{
    uint64_t now = fetch->record->head.time_boot_ns;
    if (process)
        value_uint(ret, now > process->start_boot_ns ? now - process->start_boot_ns : 0);
}

void field_proc_duration(const struct fetch *fetch, struct value *ret)
{
    duration(fetch, fetch->process, ret);
}

void field_proc_ppid_duration(const struct fetch *fetch, struct value *ret)
{
    duration(fetch, ancestor(fetch, 1), ret);
}

static void start(const struct fetch *fetch, const struct process *process, struct value *ret)
{
    if (process)
        value_uint(ret, process->start_boot_ns + fetch->decoder->boot_to_wall_ns);
}

void field_proc_pid_ts(const struct fetch *fetch, struct value *ret)
{
    start(fetch, fetch->process, ret);
}

void field_proc_ppid_ts(const struct fetch *fetch, struct value *ret)
{
    start(fetch, ancestor(fetch, 1), ret);
}

/* ---- the program's file ---- */

#define NUMBER_UNLESS_ZERO(field, member)                                                          \
    void field_##field(const struct fetch *fetch, struct value *ret)                               \
    {                                                                                              \
        if (fetch->process && fetch->process->member)                                              \
            value_uint(ret, fetch->process->member);                                               \
    }

NUMBER_UNLESS_ZERO(proc_exe_ino, exe_inode)
NUMBER_UNLESS_ZERO(proc_exe_ino_ctime, exe_ctime_ns)
NUMBER_UNLESS_ZERO(proc_exe_ino_mtime, exe_mtime_ns)

void field_proc_exe_ino_age(const struct fetch *fetch, struct value *ret)
{
    if (!fetch->process || !fetch->process->exe_ctime_ns)
        return;
    uint64_t wall_ns = fetch->process->start_boot_ns + fetch->decoder->boot_to_wall_ns;
    if (wall_ns > fetch->process->exe_ctime_ns)
        value_uint(ret, wall_ns - fetch->process->exe_ctime_ns);
}

static void stdio_type(const struct fetch *fetch, size_t number, struct value *ret)
{
    const struct process_stdio *stdio = fetch->process ? &fetch->process->stdio[number] : NULL;
    if (stdio && stdio->is_known && stdio->letter != '-')
        value_text(ret, span_str(letter_word((char)stdio->letter)));
}

static void stdio_name(const struct fetch *fetch, size_t number, struct value *ret)
{
    if (fetch->process)
        value_text(ret, text(fetch, fetch->process->stdio[number].name));
}

#define STDIO(name, number)                                                                        \
    void field_proc_##name##_type(const struct fetch *fetch, struct value *ret)                    \
    {                                                                                              \
        stdio_type(fetch, number, ret);                                                            \
    }                                                                                              \
    void field_proc_##name##_name(const struct fetch *fetch, struct value *ret)                    \
    {                                                                                              \
        stdio_name(fetch, number, ret);                                                            \
    }

STDIO(stdin, 0)
STDIO(stdout, 1)
STDIO(stderr, 2)
