/* Containers as the runtimes describe them on disk, and the users inside them. The engine's half:
 * unprivileged, it gets descriptors through a callback (opener/opener.h) and parses what they hold,
 * all of which is hostile. No runtime socket, no wait: what is on disk is read when a container is
 * first seen, and what is not there yet is `pending`, never invented. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"
#include "opener/opener.h"

/* ---- what is known of a container ---- */

enum container_type {                  /* container.type: see container_type_name */
                      CONTAINER_OTHER, /* a container by its cgroup, the runtime is not known */
                      CONTAINER_DOCKER,
                      CONTAINER_CONTAINERD,
                      CONTAINER_CRIO,
                      CONTAINER_PODMAN,
                      CONTAINER_TYPE_COUNT,
};

enum container_truth { TRUTH_UNKNOWN, TRUTH_NO, TRUTH_YES };

struct container_label {
    span key;
    span value;
};

struct container_mount {
    span source;
    span dest;
    span mode;        /* docker: "z", "ro"; OCI: the options without rw, ro and the propagation */
    span propagation; /* "rprivate"; empty when not said */
    bool is_writable; /* container.mount.rdwr */
};

/* Text that is not known has data NULL. All spans live as long as the info. Bytes are the file's
 * own: they may hold newlines, escapes and what is not UTF-8. */
struct container_info {
    enum container_type type;
    span id;       /* container.full_id: 64 hex digits, or ctr's free id */
    span short_id; /* container.id: its first 12 bytes */
    span name;     /* container.name, without docker's leading slash; a pod's container: its name */
    span image;    /* container.image, as the user named it: "docker.io/library/nginx:1.25" */
    span image_id; /* container.image.id: hex, without "sha256:" */
    span image_repository;
    span image_tag;
    span image_digest; /* of the registry's manifest: "sha256:…" */
    const struct container_label *labels;
    size_t label_count;
    const struct container_mount *mounts;
    size_t mount_count;
    enum container_truth privileged;
    enum container_truth host_pid;
    enum container_truth host_network;
    enum container_truth host_ipc;
    bool is_cut;              /* there were more labels or mounts, or longer ones, than are kept */
    bool is_sandbox;          /* a pod's pause container */
    uint64_t created_wall_ns; /* 0: not known */
    uint64_t started_wall_ns; /* container.start_ts: 0: not known (yet) */
    span ip;                  /* first IPv4, else IPv6 */
    span cni_json;            /* container.cni.json */
    span pod_name;            /* k8s.pod.name */
    span pod_uid;             /* k8s.pod.uid */
    span pod_namespace;       /* k8s.ns.name */
    span pod_sandbox_id;      /* k8s.pod.full_sandbox_id; the short one is its first 12 bytes */
    const struct container_label *pod_labels;
    size_t pod_label_count;
};

/* "docker", "containerd", "cri-o", "podman"; "other". */
const char *container_type_name(enum container_type type);
/* The value of a label, data NULL when there is none. */
span container_label_find(const struct container_label *labels, size_t count, span key);

/* ---- which container: from cgroup paths ---- */

struct container_key {
    enum container_type type; /* as far as the path tells */
    bool is_type_sure; /* false: two plain names, as ctr makes them, but others may too: a process
                          of a container only when container_lookup finds it, else of the host */
    span id;           /* borrowed from the path */
    span space;        /* containerd's namespace where the path shows it ("default"), or NULL */
    span pod_uid;      /* of a kubepods path, as written there ('_' for '-'), or NULL */
};

/* The container that a cgroup path belongs to: v1, v2, hybrid, cgroupfs and systemd drivers. The
 * innermost id counts (docker in docker). False: a process of the host. ret borrows from path. */
bool container_from_cgroup(span path, struct container_key *ret);
/* The same over the record parameter CGROUPS: "controller:path" texts, each ended by NUL. */
bool container_from_cgroups(span list, struct container_key *ret);

/* ---- the cache ---- */

/* Opens what is asked for: a descriptor that the callee owns, or a negative errno; -ENOENT where
 * there is no such file, -EXDEV where the process of a container has the host's root. Called during
 * container_lookup and the name look-ups only. */
typedef int (*container_open_fn)(void *context, const struct open_request *request);

struct container_options {
    container_open_fn open;
    void *context;
    size_t containers_max; /* 0: 4096; the one not looked at for longest goes first */
    uint64_t seed;         /* of the hash tables; random in service */
};

enum container_state {
    CONTAINER_FOUND,
    CONTAINER_PENDING, /* nothing on disk yet: tried again, with growing pauses, a bounded number of
                          times */
    CONTAINER_UNKNOWN, /* given up: no runtime's files tell of it */
};

struct container_stats {
    uint64_t lookups;
    uint64_t opens;     /* files asked for */
    uint64_t found;     /* containers */
    uint64_t given_up;  /* containers whose state became unknown */
    uint64_t bad_files; /* files that could not be parsed; last_error tells of the last */
    uint64_t evicted;
    char last_error[256]; /* file, position and reason */
};

struct container_cache;
MUST_USE err_kind container_cache_open(const struct container_options *options,
                                       struct container_cache **ret, struct err_ctx *err);
void container_cache_close(struct container_cache *cache);

/* What is known of a container at this moment; reads the runtime's files when it is first seen, and
 * again when a retry is due. pid and start_boot_ns are of any process in it (0, 0: none known).
 * *ret is never NULL: what the cgroup path tells (type, ids, pod uid) is always there. It is
 * borrowed until the next call with this cache. Also worth calling at cgroup_mkdir: a container of
 * 50 ms is then read before its first program runs. */
enum container_state container_lookup(struct container_cache *cache,
                                      const struct container_key *key, int32_t pid,
                                      uint64_t start_boot_ns, uint64_t now_boot_ns,
                                      const struct container_info **ret);

/* A process of root's on the host was seen (at exec, or running already) whose program may be a
 * runtime's daemon, shim or tool: dockerd, containerd, containerd-shim-runc-v2, crio, podman,
 * conmon. Its command line and working directory may move the data roots; the last seen is tried
 * first. exe is its path or name, argv holds texts each ended by NUL, cwd may be empty. Returns
 * true when something was learned; containers given up are then tried again. Any other program:
 * false, at the cost of a comparison of names. */
bool container_daemon_seen(struct container_cache *cache, span exe, span argv, span cwd);

const struct container_stats *container_cache_stats(const struct container_cache *cache);

/* The facts, for a recording or a restart: versioned, with a checksum. Load adds to what is there;
 * a wrong byte anywhere is ERR_INPUT and nothing is added. */
void container_cache_save(const struct container_cache *cache, struct writer *out);
MUST_USE err_kind container_cache_load(struct container_cache *cache, span bytes,
                                       uint64_t now_boot_ns, struct err_ctx *err);

/* Every field as one line of JSON, for tests and tools; absent ones are left out. */
void container_info_json(const struct container_info *info, struct writer *out);

/* ---- users and groups ---- */

struct user_cache;
MUST_USE err_kind user_cache_open(const struct container_options *options, struct user_cache **ret,
                                  struct err_ctx *err);
void user_cache_close(struct user_cache *cache);

/* The process through whose root the names are read. container empty: the host's own files. */
struct user_scope {
    span container; /* its id */
    int32_t pid;
    uint64_t start_boot_ns;
    uint64_t exec_boot_ns; /* of the program that it runs; 0: not known */
    uint64_t now_boot_ns;
};

/* The name of a uid or gid (of the initial user namespace; mapped into the container's when it has
 * one of its own). False: no entry, or not readable. *ret is borrowed until the next call with this
 * cache. The files are looked at again at most once in two seconds, and parsed again when they
 * changed. */
bool user_name(struct user_cache *cache, const struct user_scope *scope, uint32_t uid, span *ret);
bool group_name(struct user_cache *cache, const struct user_scope *scope, uint32_t gid, span *ret);
/* The home directory and the shell of a user: user.homedir, user.shell. */
bool user_home(struct user_cache *cache, const struct user_scope *scope, uint32_t uid, span *ret);
bool user_shell(struct user_cache *cache, const struct user_scope *scope, uint32_t uid, span *ret);

void user_cache_save(const struct user_cache *cache, struct writer *out);
MUST_USE err_kind user_cache_load(struct user_cache *cache, span bytes, uint64_t now_boot_ns,
                                  struct err_ctx *err);
