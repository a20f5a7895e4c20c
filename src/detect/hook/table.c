/* To add a call: a row in call_table (sorted by event), a case in its handler in bpf/. To add a
 * handler: a row in call_programs and CALL_PROGRAMS() in bpf/. i386 numbers are those of
 * arch/x86/entry/syscalls/syscall_32.tbl. */
#include "hook/table.h"

#include <stddef.h>
#include <string.h>

#include <sys/syscall.h>

#include "hook/set.h"

const struct call_program_row call_programs[CALL_PROGRAM_COUNT] = {
    [CALL_EXEC] = {.exit = "exit_exec",    .compat = "compat_exec"   },
    [CALL_OPEN] = {.exit = "exit_open",    .compat = "compat_open"   },
    [CALL_CONNECT] = {.exit = "exit_connect", .compat = "compat_connect"},
};

const struct call_row call_table[] = {
    {"execve",            SYS_execve,            11,  EVENT_EXECVE,            CALL_EXEC   },
    {"execveat",          SYS_execveat,          358, EVENT_EXECVEAT,          CALL_EXEC   },
    {"open",              SYS_open,              5,   EVENT_OPEN,              CALL_OPEN   },
    {"openat",            SYS_openat,            295, EVENT_OPENAT,            CALL_OPEN   },
    {"openat2",           SYS_openat2,           437, EVENT_OPENAT2,           CALL_OPEN   },
    {"open_by_handle_at", SYS_open_by_handle_at, 342, EVENT_OPEN_BY_HANDLE_AT, CALL_OPEN   },
    {"creat",             SYS_creat,             8,   EVENT_CREAT,             CALL_OPEN   },
    {"connect",           SYS_connect,           362, EVENT_CONNECT,           CALL_CONNECT},
};
const int call_table_len = sizeof call_table / sizeof call_table[0];

const struct trace_row trace_table[] = {
    {"sched_process_exec", "exec_done",       0        },
    {"task_newtask",       "fork_done",       0        },
    {"sched_process_exit", "exit_done",       0        },
    {"cgroup_attach_task", "cgroup_attached", 0,         EVENT_CGROUP_ATTACH},
    {"cgroup_mkdir",                    "cgroup_made",                        0},
};
const int trace_table_len = sizeof trace_table / sizeof trace_table[0];

static bool is_named(const char *name, const char *program)
{
    return program && strcmp(name, program) == 0;
}

uint16_t program_event(const char *name)
{
    for (int i = 0; i < trace_table_len; i++) {
        if (is_named(name, trace_table[i].program))
            return (uint16_t)trace_table[i].event;
    }
    for (int i = 0; i < call_table_len; i++) {
        const struct call_program_row *program = &call_programs[call_table[i].program];
        if (is_named(name, program->exit) || is_named(name, program->enter) ||
            is_named(name, program->compat))
            return (uint16_t)call_table[i].event;
    }
    return EVENT_TASK;
}
