/* The arguments of each event, in Falco's order and under Falco's names: evt.arg, evt.rawarg,
 * evt.args. Private to this folder. */
#pragma once

#include "kernel/fields.h"

struct flag_name {
    const char *name; /* NULL ends a table */
    uint64_t value;
};

enum arg_format {
    ARG_RESULT,   /* what the call returned; -1 and below: an error's name */
    ARG_FD,       /* the descriptor that the event is about: <f>/path */
    ARG_FD_PLAIN, /* another descriptor: AT_FDCWD or its number */
    ARG_SIGNED,
    ARG_UNSIGNED,
    ARG_HEX,
    ARG_OCTAL,
    ARG_PATH,
    ARG_TEXT,
    ARG_LIST, /* texts joined by blanks */
    ARG_BYTES,
    ARG_FLAGS,
    ARG_OPEN_FLAGS, /* the same, in Falco's own bits */
    ARG_ENUM,
    ARG_MODE, /* octal and S_I… */
    ARG_UID,
    ARG_GID,
    ARG_PID,
    ARG_SIGNAL,
    ARG_TUPLE,
    ARG_ADDRESS, /* where a connect or bind was meant to go */
    ARG_DEVICE,  /* of FILE */
    ARG_INODE,   /* of FILE */
    ARG_ID,      /* a number, -1 for none */
    ARG_CAPS,    /* a set in hex; the extractor gives its text */
    ARG_CHILD,   /* clone_flags of PROCESS */
    ARG_EXIT_CODE,
    ARG_EXIT_SIGNAL,
    ARG_EXIT_CORE,
    ARG_FIELD,   /* as the field that the extractor fetches */
    ARG_MISSING, /* Falco has it, these events do not */
};

struct arg_desc {
    const char *name;
    uint8_t format; /* enum arg_format */
    uint8_t param;  /* enum param_id */
    const struct flag_name *names;
    field_extractor *extractor;
};

enum event_trait {
    EVENT_HAS_RESULT = 1 << 0,
    EVENT_MAKES_FD = 1 << 1,
    EVENT_USES_FD = 1 << 2,
    EVENT_READS = 1 << 3,
    EVENT_WRITES = 1 << 4,
    EVENT_IS_CALL = 1 << 5,
    EVENT_IS_OPEN = 1 << 6, /* open, openat, openat2, open_by_handle_at */
};

struct event_desc {
    const char *category;
    uint16_t traits;
    const struct arg_desc *args;
    uint16_t arg_count;
};

/* type < EVENT_COUNT */
const struct event_desc *event_desc(uint16_t type);

bool args_name_known(span name, const char **ret_hint);
/* The flags of an open as Falco numbers them (PPM_O_). */
uint64_t open_flags_ppm(const struct record *record);
#define PPM_O_RDONLY  (1u << 0)
#define PPM_O_WRONLY  (1u << 1)
#define PPM_O_CREAT   (1u << 2)
#define PPM_O_TMPFILE (1u << 13)
#define PPM_O_CREATED (1u << 14)

/* flags.c: names joined by '|', at most size - 1 bytes; returns the length. */
size_t flags_text(const struct flag_name *names, uint64_t flags, char *ret_text, size_t size);
/* Every name with exactly this value, joined by '|'. */
size_t enum_text(const struct flag_name *names, uint64_t number, char *ret_text, size_t size);
size_t capabilities_text(uint64_t set, char *ret_text, size_t size);
#define FLAGS_TEXT_BYTES 1024
/* "ENOENT"; NULL: no such error. */
const char *error_name(int64_t number);
const char *signal_name(int64_t number);

extern const struct flag_name flags_open[], flags_socket_family[], flags_clone[], flags_mount[],
    flags_umount[], flags_protection[], flags_mmap[], flags_unlinkat[], flags_linkat[],
    flags_renameat2[], flags_resolve[], flags_fchownat[], flags_memfd[], flags_mode[],
    flags_file_type[], flags_ptrace[], flags_prctl[], flags_bpf[], flags_delete_module[],
    flags_finit_module[], flags_execve[], flags_splice[], flags_seccomp_op[];
