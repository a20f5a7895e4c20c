/* Opening files for a process that may not: a closed list of path templates, asked for with
 * fixed-size requests. The sensor serves, the engine asks; neither half parses what it opens. */
#pragma once

#include <stdint.h>

#include "core/error.h"

#define OPENER_ID_BYTES   65  /* container id or the like, [A-Za-z0-9_.-], NUL */
#define OPENER_ROOT_BYTES 256 /* a runtime's data root, absolute, NUL */

struct open_request {
    uint32_t what; /* enum open_template */
    int32_t pid;
    uint64_t
        start_boot_ns; /* with pid: refused when the process is another one by now; 0: no pid */
    char id[OPENER_ID_BYTES];
    char root[OPENER_ROOT_BYTES]; /* empty: the template's default */
    char reserved[7];
};
