/* The processes: one supervisor, and one child a role, each a fresh execution of this program with
 * its channel to the supervisor on descriptor 3 and nothing else inherited but stderr. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sys/types.h>

#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"
#include "ipc/ipc.h"
#include "rule/rule.h"

/* ---- the roles ---- */

enum role_kind {
    ROLE_SENSOR,
    ROLE_ENGINE,
    ROLE_COMPILER,
    ROLE_DECODER,
    ROLE_INTAKE, /* this one and the next: ingest/ingest.h */
    ROLE_GATEWAY,
    ROLE_SINK, /* outlet/outlet.h */
    ROLE_COUNT
};

const char *role_name(enum role_kind role);
typedef int (*role_run)(struct ipc_channel *parent); /* returns the exit code */
/* The hidden command `picket role NAME`: becomes that role and ends with the process's exit code.
 * others: what the roles of modules above this one run, each at its number. */
int role_main(const char *name, const role_run others[ROLE_COUNT]);
/* Starts a child of that role; channel receives the parent's end. */
MUST_USE err_kind role_spawn(enum role_kind role, pid_t *ret_pid, struct ipc_channel *ret_channel,
                             struct err_ctx *err);
/* Shuts the calling process in as that role would be, keeping dir_fd's folder where the role has
 * one: for commands that do a role's work in place (replay is an engine without a ring). */
MUST_USE err_kind role_confine(enum role_kind role, int dir_fd, struct err_ctx *err);

/* The same, with folders that may be read below. */
MUST_USE err_kind role_confine_reading(enum role_kind role, int dir_fd, const int *read_fds,
                                       size_t read_count, struct err_ctx *err);

/* A descriptor that SIGINT, SIGTERM and SIGHUP are read from, SIGCHLD too where it has children to
 * watch; SIGPIPE is ignored. */
MUST_USE err_kind role_signals_open(bool has_children, int *ret_fd, struct err_ctx *err);

/* ---- state folders ---- */

/* Opens the folder, which is made, with those above it, where it is missing. */
MUST_USE err_kind folder_open(const char *path, int *ret_fd, struct err_ctx *err);
/* The folder below `path` that holds picket.db: itself, or its `store` where other things lie in
 * it. Made, and given to the account of roles without privilege. */
MUST_USE err_kind folder_store_open(const char *path, int *ret_fd, struct err_ctx *err);
/* The same folder, which must be there already. */
MUST_USE err_kind folder_store_find(const char *path, int *ret_fd, struct err_ctx *err);

/* ---- rules, compiled ---- */

#define COMPILE_TIMEOUT_MS 180000

struct compiled {
    int image_fd; /* sealed memfd, owned; -1 when the rules do not load */
    uint32_t error_count;
    uint32_t warning_count;
    uint32_t falco_files; /* rule files by language */
    uint32_t sigma_files;
    struct writer diagnostics; /* notes, then `file:line:col: error: …` lines */
    size_t note_bytes;         /* how much of it are notes: what is not wrong, but to be known */
};

/* Files to be compiled, copied into one memfd so that the compiler needs no file system: for each
 * a u32 length of its name, a u32 of its content, the name, the content. */
#define BUNDLE_TESTS ".test.ndjson"
struct bundle {
    int fd;
    size_t pipeline_count;
    size_t file_count; /* of rules */
    uint64_t size_bytes;
    bool has_tests; /* set before bundle_add: takes the events beside a rule file too */
};

MUST_USE err_kind bundle_open(struct bundle *bundle, struct err_ctx *err);
void bundle_close(struct bundle *bundle);
/* Tells one content from another. */
uint64_t bundle_digest(const struct bundle *bundle);
/* Adds a file, or every *.yml and *.yaml below a folder in byte order of their paths, each with the
 * strategy beside it (*.md) where there is one. Left out: a folder `regression_data` below it,
 * which holds tests, and what begins with a dot: folders of version control, and the copies behind
 * the links of a mounted ConfigMap. */
MUST_USE err_kind bundle_add(struct bundle *bundle, const char *path, struct err_ctx *err);
/* Adds a text under a file's name. */
MUST_USE err_kind bundle_put(struct bundle *bundle, const char *name, span content,
                             struct err_ctx *err);
/* Adds a processing pipeline for Sigma rules; before all rules. */
MUST_USE err_kind bundle_add_pipeline(struct bundle *bundle, const char *path, struct err_ctx *err);
/* Reads the next file of a bundle's bytes; false at the end. */
MUST_USE err_kind bundle_next(span *bytes, span *ret_name, span *ret_content, bool *ret_is_end,
                              struct err_ctx *err);

struct compile_options {
    uint32_t stages;         /* of rules that run, a bit each: STAGES_RUN, STAGES_TEST */
    uint32_t is_json;        /* the rules are for JSON events, not for the kernel's */
    uint32_t is_check;       /* there are no events: each language by the source it is for */
    uint32_t pipeline_count; /* of the bundle's first files; set by rules_compile */
    uint32_t is_strict;      /* 1: checks more (lint/lint.h); warnings are errors */
};

/* Runs a compiler over the bundle. OK also when the rules do not load: see error_count. */
MUST_USE err_kind rules_compile(const struct bundle *bundle, const struct compile_options *options,
                                struct compiled *ret, struct err_ctx *err);
void compiled_close(struct compiled *compiled);

/* Has a compiler read YAML files that are no rules. ret->image_fd holds a JSON array, an object
 * {"file": name, "documents": [...]} for each file; scalars are texts as written, or null. */
MUST_USE err_kind documents_compile(const struct bundle *bundle, struct compiled *ret,
                                    struct err_ctx *err);

/* Has a compiler read declarations of sinks. ret->image_fd holds a JSON array of them, as
 * sink_declare writes each (sink/sink.h). */
MUST_USE err_kind sinks_compile(const struct bundle *bundle, struct compiled *ret,
                                struct err_ctx *err);

/* Has a compiler read declared pipelines. ret->image_fd holds what declare_read wrote. */
MUST_USE err_kind declare_compile(const struct bundle *bundle, struct compiled *ret,
                                  struct err_ctx *err);

/* rules_compile beside other work: the compiler's channel is readable when its answer, or its end,
 * is there. */
struct compiling {
    pid_t pid; /* 0: nothing is being compiled */
    struct ipc_channel channel;
};
MUST_USE err_kind rules_compile_start(const struct bundle *bundle,
                                      const struct compile_options *options, struct compiling *ret,
                                      struct err_ctx *err);
/* Takes the answer, for which it waits at most timeout_ms, and ends the compiler. */
MUST_USE err_kind rules_compile_finish(struct compiling *compiling, int timeout_ms,
                                       struct compiled *ret, struct err_ctx *err);
void compiling_close(struct compiling *compiling);

/* Has a compiler read a configuration file (one YAML mapping of option names): ret holds name NUL
 * value NUL …, a list as one pair an item. */
MUST_USE err_kind config_compile(const char *path, struct writer *ret, struct err_ctx *err);

/* ---- the supervisor ---- */

/* When 32-bit calls are watched, which costs every call of the host. */
enum role_compat { ROLE_COMPAT_AUTO, ROLE_COMPAT_ON, ROLE_COMPAT_OFF };

struct supervisor_options {
    const char *const *rules; /* paths; none: the shipped set */
    size_t rule_count;
    const char *const *pipelines; /* paths of Sigma's processing pipelines */
    size_t pipeline_count;
    const char *state_dir;
    bool is_json;
    bool shows_shadow; /* print the signals of shadow rules too */
    bool is_recording; /* write kernel events to record_fd instead of matching rules */
    int record_fd;
    uint64_t period_ns; /* 0: until a signal */
    uint64_t store_bytes_max;
    uint64_t ring_bytes;
    enum role_compat compat;
    bool is_watching; /* load the rules anew when their files change, not only on SIGHUP */
};

/* Runs sensor and engine until SIGINT, SIGTERM or the period's end; returns the exit code. */
int supervisor_run(const struct supervisor_options *options);

/* Where the shipped content lies: beside the program in a build tree, else the installed place.
 * NULL when neither is there. The text lives as long as the process. */
const char *content_path(const char *folder);
