/* The prefilter of opens, written into the kernel's maps. */
#include <string.h>

#include <bpf/bpf.h>

#include "hook/set.h"

static err_kind filter_write(struct hook_set *set, const struct open_filter *filter,
                             struct err_ctx *err)
{
    uint32_t zero = 0;
    if (bpf_map_update_elem(find_map(set, "open_filters"), &zero, filter, BPF_ANY))
        return err_set(err, ERR_SYSTEM, "filter of opens");
    return OK;
}

static void names_clear(int map)
{
    uint64_t key;
    while (bpf_map_get_next_key(map, NULL, &key) == 0) {
        if (bpf_map_delete_elem(map, &key))
            return;
    }
}

err_kind hook_filter_opens(struct hook_set *set, const struct open_filter *filter,
                           const struct hook_open_name *names, size_t count, struct err_ctx *err)
{
    int map = find_map(set, "open_names");
    uint32_t zero = 0;
    struct open_bits bits = {0};
    err_kind kind = filter_write(set, &(struct open_filter){0}, err);
    if (kind != OK)
        return kind;
    if (count > OPEN_NAMES_MAX)
        return err_set(err, ERR_LIMIT, "filter of opens: %zu names, at most %d", count,
                       OPEN_NAMES_MAX);
    names_clear(map);
    for (size_t i = 0; i < count; i++) {
        uint64_t words[OPEN_NAME_KEY_BYTES / 8] = {0};
        size_t len = names[i].name.len;
        memcpy(words, names[i].name.data, len < sizeof words ? len : sizeof words);
        uint64_t key = open_name_key(words, (uint32_t)len);
        uint8_t flags = 0;
        (void)bpf_map_lookup_elem(map, &key, &flags);
        flags |= names[i].flags;
        if (bpf_map_update_elem(map, &key, &flags, BPF_ANY))
            return err_set(err, ERR_SYSTEM, "filter of opens: name '" PRI_SPAN "'",
                           ARG_SPAN(names[i].name));
        bits.words[open_bit(key) / 64] |= 1ull << (open_bit(key) & 63);
    }
    if (bpf_map_update_elem(find_map(set, "open_bits"), &zero, &bits, BPF_ANY))
        return err_set(err, ERR_SYSTEM, "filter of opens");
    return filter_write(set, filter, err);
}
