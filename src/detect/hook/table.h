/* Private to hook/: which program hangs where, for which event. */
#pragma once

#include <abi.h>
#include <stdbool.h>

/* Programs that serve system calls: exit_NAME by the call's own tracepoint, any_NAME by the end of
 * all calls, 32-bit ones included, enter_NAME where something must be seen before. */
enum call_program {
    CALL_FORK, /* told by task_newtask; the rows only give numbers their event */
    CALL_EXEC,
    CALL_OPEN,
    CALL_CHANGE,
    CALL_DUP,
    CALL_SPLICE,
    CALL_SOCKET,
    CALL_CONNECT,
    CALL_BIND,
    CALL_ACCEPT,
    CALL_MESSAGE,
    CALL_IDENTITY,
    CALL_MOUNT,
    CALL_MEMORY,
    CALL_PEER,
    CALL_CONTROL,
    CALL_PROGRAM_COUNT,
};

struct call_program_row {
    const char *exit; /* program names; NULL: none */
    const char *enter;
    const char *any;
    enum event_type also; /* another event that it makes of the same calls */
};
extern const struct call_program_row call_programs[CALL_PROGRAM_COUNT];

struct call_row {
    const char *name;
    int nr;        /* x86-64, -1: none */
    int compat_nr; /* i386, -1: none */
    enum event_type event;
    enum call_program program;
};
extern const struct call_row call_table[];
extern const int call_table_len;

struct trace_row {
    const char *name; /* tracepoint */
    const char *program;
    /* The programs of which at least one must be in use; none: always attached. A bit for each
     * enum call_program. */
    unsigned long long serves;
    enum event_type event; /* the first that it serves */
    bool is_raw;           /* raw_tp, else tp_btf */
    const char *instead;   /* another kernel's name of the tracepoint; only this one's is used */
};
extern const struct trace_row trace_table[];
extern const int trace_table_len;
