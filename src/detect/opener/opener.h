/* Opening files for a process that may not: a closed list of path templates, asked for with
 * fixed-size requests. The sensor serves, the engine asks; neither half parses what it opens.
 *
 * A request names a template, never a path. Its free parts are a root (a directory of root's own,
 * nobody else may write it), an id and a name (plain characters, checked), or a process (pid and
 * start time, checked on a held /proc/PID). Only regular files within the template's size are
 * opened, for reading, without following links out of the root. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

#define OPENER_ID_BYTES   80  /* a container's id, [A-Za-z0-9_.-], NUL */
#define OPENER_NAME_BYTES 80  /* a storage driver, a containerd namespace: the same, NUL */
#define OPENER_ROOT_BYTES 256 /* a runtime's directory, absolute, normal, NUL */

/* R: root. I: id of 64 hex digits, J: any id. N: name. Append at the end. */
enum open_template {
    OPEN_NONE,
    OPEN_DOCKER_CONFIG,       /* R/containers/I/config.v2.json */
    OPEN_DOCKER_HOST_CONFIG,  /* R/containers/I/hostconfig.json */
    OPEN_DOCKER_REPOSITORIES, /* R/image/N/repositories.json, N: storage driver */
    OPEN_DOCKER_DAEMON,       /* R/daemon.json */
    OPEN_CONTAINERD_BUNDLE,   /* R/io.containerd.runtime.v2.task/N/J/config.json, N: namespace */
    OPEN_CONTAINERD_METADATA, /* R/io.containerd.metadata.v1.bolt/meta.db */
    OPEN_CONTAINERD_SETTINGS, /* R/N.toml */
    OPEN_STORAGE_SPEC,        /* R/N-containers/I/userdata/config.json, N: storage driver */
    OPEN_STORAGE_CONTAINERS,  /* R/N-containers/containers.json */
    OPEN_STORAGE_VOLATILE,    /* R/N-containers/volatile-containers.json */
    OPEN_STORAGE_IMAGES,      /* R/N-images/images.json */
    OPEN_STORAGE_SETTINGS,    /* R/storage.conf */
    OPEN_CRIO_SETTINGS,       /* R/crio.conf */
    OPEN_PODMAN_BOLT,         /* R/libpod/bolt_state.db */
    OPEN_PODMAN_SQLITE,       /* R/db.sql */
    OPEN_HOST_PASSWD,         /* /etc/passwd */
    OPEN_HOST_GROUP,          /* /etc/group */
    OPEN_PROCESS_PASSWD,      /* etc/passwd under the process's root, which is not the host's */
    OPEN_PROCESS_GROUP,       /* etc/group likewise */
    OPEN_PROCESS_UID_MAP,     /* /proc/PID/uid_map */
    OPEN_PROCESS_GID_MAP,     /* /proc/PID/gid_map */
    OPEN_PROCESS_CMDLINE,     /* /proc/PID/cmdline */
    OPEN_PROCESS_CGROUP,      /* /proc/PID/cgroup */
    OPEN_TEMPLATE_COUNT,
};

/* Unused parts must be zero: a request that says more than its template needs is refused. */
struct open_request {
    uint32_t what; /* enum open_template */
    int32_t pid;
    uint64_t start_boot_ns; /* with pid: refused when the process is another one by now */
    char id[OPENER_ID_BYTES];
    char name[OPENER_NAME_BYTES];
    char root[OPENER_ROOT_BYTES]; /* empty: the template's default */
};

_Static_assert(sizeof(struct open_request) == 432, "wire layout");

/* Serves one request, which may hold anything at all. *ret_fd is a descriptor that the caller owns
 * (O_RDONLY, O_CLOEXEC, a regular file), or -1 when there is no such file or process. ERR_DENIED:
 * refused, with the reason; ERR_STATE: the process has the host's root; ERR_LIMIT: the file is too
 * large; ERR_SYSTEM: a call failed. Needs CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE; allocates
 * nothing. A file on a FUSE mount of a privileged container can hold the call up: the caller is
 * watched from outside. */
MUST_USE err_kind opener_serve(const struct open_request *request, int *ret_fd,
                               struct err_ctx *err);

/* The most that a reader should read of such a file (it may grow after it was opened); 0 for an
 * unknown template. */
size_t opener_bytes_max(uint32_t what);
/* "docker-config", for messages; never NULL. */
const char *opener_template_name(uint32_t what);
