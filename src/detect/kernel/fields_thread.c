/* thread.*: the thread that acted. */
#include "kernel/args.h"

static void capabilities(const struct fetch *fetch, uint64_t set, struct value *ret)
{
    char text[FLAGS_TEXT_BYTES];
    size_t length = capabilities_text(set, text, sizeof text);
    value_text(ret, arena_dup(fetch->arena, span_of(text, length)));
}

void field_thread_cap_permitted(const struct fetch *fetch, struct value *ret)
{
    capabilities(fetch, fetch->record->head.cap_permitted, ret);
}

void field_thread_cap_inheritable(const struct fetch *fetch, struct value *ret)
{
    capabilities(fetch, fetch->record->head.cap_inheritable, ret);
}

void field_thread_cap_effective(const struct fetch *fetch, struct value *ret)
{
    capabilities(fetch, fetch->record->head.cap_effective, ret);
}

void field_thread_tid(const struct fetch *fetch, struct value *ret)
{
    if (fetch->record->head.tid > 0)
        value_int(ret, fetch->record->head.tid);
}

void field_thread_ismain(const struct fetch *fetch, struct value *ret)
{
    value_bool(ret, fetch->record->head.tid == fetch->record->head.pid);
}

void field_thread_vtid(const struct fetch *fetch, struct value *ret)
{
    value_int(ret, fetch->record->head.vtid);
}

void field_thread_nametid(const struct fetch *fetch, struct value *ret)
{
    span name = fetch->process ? process_text(fetch->decoder->table, fetch->process->name)
                               : (span){NULL, 0};
    if (name.data)
        value_format(fetch, ret, PRI_SPAN "%d", ARG_SPAN(name), fetch->record->head.tid);
}

/* "controller:path" texts, each ended by NUL, as "controller=path controller=path". */
void field_thread_cgroups(const struct fetch *fetch, struct value *ret)
{
    span list = fetch->process ? process_text(fetch->decoder->table, fetch->process->cgroups)
                               : (span){NULL, 0};
    span copy = list.data ? arena_dup(fetch->arena, list) : list;
    if (!copy.data)
        return;
    if (copy.len && copy.data[copy.len - 1] == 0)
        copy.len--;
    bool is_name = true;
    for (uint8_t *byte = (uint8_t *)(uintptr_t)copy.data; byte < copy.data + copy.len; byte++) {
        if (*byte == 0) {
            *byte = ' ';
            is_name = true;
        } else if (is_name && *byte == ':') {
            *byte = '=';
            is_name = false;
        }
    }
    value_text(ret, copy);
}

void field_thread_cgroup(const struct fetch *fetch, struct value *ret)
{
    span list = fetch->process ? process_text(fetch->decoder->table, fetch->process->cgroups)
                               : (span){NULL, 0};
    span one, controllers;
    while (list.len) {
        if (!span_until(&list, 0, &one)) {
            one = list;
            list = span_after(list, list.len);
        }
        if (span_until(&one, ':', &controllers) && span_eq(controllers, fetch->ref->argument)) {
            value_text(ret, one);
            return;
        }
    }
}
