/* evt.*: the event itself. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "kernel/args.h"

#define SECOND_NS 1000000000u

void value_format(const struct fetch *fetch, struct value *ret, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = length >= 0 ? arena_alloc_raw(fetch->arena, (size_t)length + 1) : NULL;
    if (text) {
        vsnprintf(text, (size_t)length + 1, format, again);
        value_text(ret, span_of(text, (size_t)length));
    }
    va_end(again);
}

uint64_t fetch_wall_ns(const struct fetch *fetch)
{
    return fetch->record->head.time_boot_ns + fetch->decoder->boot_to_wall_ns;
}

static const struct event_desc *desc(const struct fetch *fetch)
{
    return event_desc(fetch->record->head.type);
}

static bool has_trait(const struct fetch *fetch, enum event_trait trait)
{
    return desc(fetch)->traits & trait;
}

/* ---- time ---- */

void field_evt_num(const struct fetch *fetch, struct value *ret)
{
    value_uint(ret, fetch->decoder->number);
}

void field_evt_time(const struct fetch *fetch, struct value *ret)
{
    value_uint(ret, fetch_wall_ns(fetch));
}

static void time_text(const struct fetch *fetch, struct value *ret, const char *format, bool has_ns,
                      const char *end)
{
    uint64_t wall_ns = fetch_wall_ns(fetch);
    time_t seconds = (time_t)(wall_ns / SECOND_NS);
    struct tm parts;
    char text[64];
    if (!gmtime_r(&seconds, &parts))
        return;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    text[strftime(text, sizeof text, format, &parts)] = 0;
#pragma GCC diagnostic pop
    if (has_ns)
        value_format(fetch, ret, "%s.%09u%s", text, (unsigned)(wall_ns % SECOND_NS), end);
    else
        value_format(fetch, ret, "%s%s", text, end);
}

void field_evt_time_s(const struct fetch *fetch, struct value *ret)
{
    time_text(fetch, ret, "%H:%M:%S", false, "");
}

void field_evt_time_iso(const struct fetch *fetch, struct value *ret)
{
    time_text(fetch, ret, "%Y-%m-%dT%H:%M:%S", true, "+0000");
}

void field_evt_datetime(const struct fetch *fetch, struct value *ret)
{
    time_text(fetch, ret, "%Y-%m-%d %H:%M:%S", true, "");
}

void field_evt_datetime_s(const struct fetch *fetch, struct value *ret)
{
    time_text(fetch, ret, "%Y-%m-%d %H:%M:%S", false, "");
}

void field_evt_rawtime_s(const struct fetch *fetch, struct value *ret)
{
    value_uint(ret, fetch_wall_ns(fetch) / SECOND_NS);
}

void field_evt_rawtime_ns(const struct fetch *fetch, struct value *ret)
{
    value_uint(ret, fetch_wall_ns(fetch) % SECOND_NS);
}

/* Records of several CPUs may be out of order by a little: no negative spans. */
static uint64_t since(const struct fetch *fetch, uint64_t boot_ns)
{
    uint64_t now = fetch->record->head.time_boot_ns;
    return now > boot_ns && boot_ns ? now - boot_ns : 0;
}

void field_evt_reltime(const struct fetch *fetch, struct value *ret)
{
    value_uint(ret, since(fetch, fetch->decoder->first_boot_ns));
}

void field_evt_reltime_s(const struct fetch *fetch, struct value *ret)
{
    value_uint(ret, since(fetch, fetch->decoder->first_boot_ns) / SECOND_NS);
}

void field_evt_reltime_ns(const struct fetch *fetch, struct value *ret)
{
    value_uint(ret, since(fetch, fetch->decoder->first_boot_ns) % SECOND_NS);
}

void field_evt_deltatime(const struct fetch *fetch, struct value *ret)
{
    value_uint(ret, since(fetch, fetch->decoder->previous_boot_ns));
}

void field_evt_deltatime_s(const struct fetch *fetch, struct value *ret)
{
    value_uint(ret, since(fetch, fetch->decoder->previous_boot_ns) / SECOND_NS);
}

void field_evt_deltatime_ns(const struct fetch *fetch, struct value *ret)
{
    value_uint(ret, since(fetch, fetch->decoder->previous_boot_ns) % SECOND_NS);
}

/* ---- what it is ---- */

void field_evt_source(const struct fetch *fetch, struct value *ret)
{
    (void)fetch;
    value_text(ret, SPAN("syscall"));
}

void field_evt_hostname(const struct fetch *fetch, struct value *ret)
{
    value_text(ret, fetch->decoder->hostname);
}

void field_evt_false(const struct fetch *fetch, struct value *ret)
{
    (void)fetch;
    value_bool(ret, false);
}

void field_evt_dir(const struct fetch *fetch, struct value *ret)
{
    (void)fetch;
    value_text(ret, SPAN("<"));
}

void field_evt_type(const struct fetch *fetch, struct value *ret)
{
    value_text(ret, span_str(event_type_name(fetch->record->head.type)));
}

void field_evt_type_is(const struct fetch *fetch, struct value *ret)
{
    value_int(ret, event_type_find(fetch->ref->argument) == fetch->record->head.type);
}

void field_syscall_type(const struct fetch *fetch, struct value *ret)
{
    if (has_trait(fetch, EVENT_IS_CALL))
        field_evt_type(fetch, ret);
}

void field_evt_category(const struct fetch *fetch, struct value *ret)
{
    value_text(ret, span_str(desc(fetch)->category));
}

void field_evt_cpu(const struct fetch *fetch, struct value *ret)
{
    value_int(ret, fetch->record->head.cpu);
}

void field_evt_count(const struct fetch *fetch, struct value *ret)
{
    (void)fetch;
    value_int(ret, 1);
}

void field_evt_name_unverified(const struct fetch *fetch, struct value *ret)
{
    value_bool(ret, fetch->record->head.flags & RECORD_NAME_UNVERIFIED);
}

void field_evt_name_changed(const struct fetch *fetch, struct value *ret)
{
    value_bool(ret, fetch->record->head.flags & RECORD_NAME_CHANGED);
}

/* ---- what came of it ---- */

void field_evt_rawres(const struct fetch *fetch, struct value *ret)
{
    if (has_trait(fetch, EVENT_HAS_RESULT))
        value_int(ret, fetch->record->head.result);
}

void field_evt_res(const struct fetch *fetch, struct value *ret)
{
    int64_t result = fetch->record->head.result;
    if (!has_trait(fetch, EVENT_HAS_RESULT))
        return;
    const char *name = result < 0 ? error_name(result) : "SUCCESS";
    if (name)
        value_text(ret, span_str(name));
    else
        value_format(fetch, ret, "%lld", (long long)result);
}

void field_evt_failed(const struct fetch *fetch, struct value *ret)
{
    if (has_trait(fetch, EVENT_HAS_RESULT))
        value_bool(ret, fetch->record->head.result < 0);
}

void field_evt_count_error(const struct fetch *fetch, struct value *ret)
{
    if (has_trait(fetch, EVENT_HAS_RESULT))
        value_int(ret, fetch->record->head.result < 0);
}

/* ---- data ---- */

void field_evt_is_io(const struct fetch *fetch, struct value *ret)
{
    value_bool(ret, desc(fetch)->traits & (EVENT_READS | EVENT_WRITES));
}

void field_evt_is_io_read(const struct fetch *fetch, struct value *ret)
{
    value_bool(ret, has_trait(fetch, EVENT_READS));
}

void field_evt_is_io_write(const struct fetch *fetch, struct value *ret)
{
    value_bool(ret, has_trait(fetch, EVENT_WRITES));
}

void field_evt_io_dir(const struct fetch *fetch, struct value *ret)
{
    if (has_trait(fetch, EVENT_WRITES))
        value_text(ret, SPAN("write"));
    else if (has_trait(fetch, EVENT_READS))
        value_text(ret, SPAN("read"));
}

void field_evt_is_syslog(const struct fetch *fetch, struct value *ret)
{
    span path = fetch->record->params[PARAM_SOCKET_PATH];
    value_bool(ret, has_trait(fetch, EVENT_WRITES) &&
                        (span_eq(path, SPAN("/dev/log")) ||
                         span_eq(path, SPAN("/run/systemd/journal/dev-log"))));
}

void field_evt_buffer(const struct fetch *fetch, struct value *ret)
{
    span data = fetch->record->params[PARAM_BUFFER];
    if (!data.data)
        data = fetch->record->params[PARAM_DNS];
    if (data.data)
        *ret = (struct value){.kind = VALUE_BYTES, .text = data};
}

void field_evt_buflen(const struct fetch *fetch, struct value *ret)
{
    int64_t result = fetch->record->head.result;
    if (!(desc(fetch)->traits & (EVENT_READS | EVENT_WRITES)))
        return;
    value_int(ret, result >= 0 ? result : record_number(fetch->record, PARAM_SIZE, 0));
}

/* ---- opens ---- */

uint64_t open_flags_ppm(const struct record *record)
{
    static const struct {
        uint32_t native, ppm;
    } bit_table[] = {
        {O_CREAT, PPM_O_CREAT},  {O_APPEND, 1u << 3}, {O_EXCL, 1u << 5},
        {O_NONBLOCK, 1u << 6},   {O_TRUNC, 1u << 8},  {O_DIRECT, 1u << 9},
        {O_DIRECTORY, 1u << 10}, {0100000, 1u << 11}, {O_CLOEXEC, 1u << 12},
    };
    uint64_t native = (uint64_t)record_number(record, PARAM_FLAGS, 0);
    static const uint64_t access_table[] = {PPM_O_RDONLY, PPM_O_WRONLY, PPM_O_RDONLY | PPM_O_WRONLY,
                                            0};
    uint64_t ppm = access_table[native & O_ACCMODE];
    struct file_identity file;
    for (size_t index = 0; index < sizeof bit_table / sizeof *bit_table; index++)
        ppm |= native & bit_table[index].native ? bit_table[index].ppm : 0;
    /* O_SYNC holds O_DSYNC's bit, O_TMPFILE O_DIRECTORY's. */
    if ((native & O_SYNC) == O_SYNC)
        ppm |= 1u << 7;
    else if (native & O_DSYNC)
        ppm |= 1u << 4;
    if ((native & O_TMPFILE) == O_TMPFILE)
        ppm |= PPM_O_TMPFILE;
    ppm |= record->head.flags & RECORD_FILE_MADE ? PPM_O_CREATED : 0;
    if (record_struct(record, PARAM_FILE, &file, sizeof file)) {
        ppm |= file.layer & EXE_UPPER_LAYER ? 1u << 15 : 0;
        ppm |= file.layer & EXE_LOWER_LAYER ? 1u << 16 : 0;
    }
    return ppm;
}

static bool open_has(const struct fetch *fetch, uint64_t ppm)
{
    return has_trait(fetch, EVENT_IS_OPEN) && (open_flags_ppm(fetch->record) & ppm);
}

void field_evt_is_open_read(const struct fetch *fetch, struct value *ret)
{
    value_bool(ret, open_has(fetch, PPM_O_RDONLY));
}

void field_evt_is_open_write(const struct fetch *fetch, struct value *ret)
{
    value_bool(ret, open_has(fetch, PPM_O_WRONLY));
}

void field_evt_is_open_create(const struct fetch *fetch, struct value *ret)
{
    value_bool(ret, open_has(fetch, PPM_O_CREATED) ||
                        (open_has(fetch, PPM_O_TMPFILE) && fetch->record->head.result >= 0));
}

void field_evt_is_open_exec(const struct fetch *fetch, struct value *ret)
{
    bool may_make = fetch->record->head.type == EVENT_CREAT ||
                    (open_has(fetch, PPM_O_CREAT | PPM_O_TMPFILE) &&
                     fetch->record->head.type != EVENT_OPEN_BY_HANDLE_AT);
    value_bool(ret, may_make && (record_number(fetch->record, PARAM_MODE, 0) & 0111));
}
