/* The last component of a name that stands in a record as a parameter. */
#pragma once

#include "lib/record.h"

struct last_search {
    struct scratch *space;
    __u32 begin, at, end;
    __u32 in_name;
};

static long last_step(__u32 index, struct last_search *search)
{
    struct scratch *space = search->space;
    __u32 at = search->at;
    if (at <= search->begin || !space)
        return 1;
    at--;
    asm volatile("" : "+r"(at));
    if (at >= RECORD_BYTES_MAX)
        return 1;
    bool is_slash = space->record[at] == '/';
    if (search->in_name && is_slash)
        return 1;
    if (!is_slash && !search->in_name) {
        search->in_name = 1;
        search->end = at + 1;
    }
    search->at = at;
    return 0;
}

/* Of the parameter put last, which begins at `begin` (see put_raw), into space->last[which]. */
static __always_inline void last_component(struct scratch *space, __u32 which, __u32 begin,
                                           __u32 len)
{
    struct last_search search = {.space = space, .begin = begin, .at = begin + len};
    char *to = space->last[which & 1];
    __builtin_memset(to, 0, NAME_BYTES);
    space->last_len[which & 1] = 0;
    space->last_sum[which & 1] = 0;
    bpf_loop(PATH_BYTES_MAX, last_step, &search, 0);
    __u32 from = search.at, size = search.in_name ? search.end - search.at : 0;
    asm volatile("" : "+r"(from), "+r"(size));
    if (from >= RECORD_BYTES_MAX || size >= NAME_BYTES)
        return;
    bpf_probe_read_kernel(to, size, &space->record[from]);
    space->last_len[which & 1] = size;
    space->last_sum[which & 1] = name_sum((void *)to);
}

/* What the program passed, as a parameter and its last component: from its memory, or the kernel's
 * copy of it. True: it does not begin at the root. */
SUBPROGRAM int put_raw(struct scratch *space, __u32 id, __u64 address, __u32 which, __u32 is_user)
{
    if (!space)
        return true;
    __u32 before = space->len;
    asm volatile("" : "+r"(before));
    space->last_sum[which & 1] = 0;
    space->last_len[which & 1] = 0;
    if (before > RECORD_BYTES_MAX || !address)
        return true;
    struct param_head *param = (void *)&space->record[before];
    if (is_user)
        put_string(space, (__u16)id, (void *)address, PATH_BYTES_MAX, true);
    else
        put_string(space, (__u16)id, (void *)address, PATH_BYTES_MAX, false);
    if (space->len == before)
        return true;
    last_component(space, which, before + sizeof *param, param->len);
    return *(char *)(param + 1) != '/';
}
