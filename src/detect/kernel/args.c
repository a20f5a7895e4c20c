/* One argument as a value and as Falco words it. The plain form is what the call carried ("5",
 * "-2", "257"), the resolved one what it means ("<f>/etc/passwd", "ENOENT", "O_RDONLY|O_CLOEXEC");
 * evt.arg prefers the second, evt.args shows both: fd=5(<f>/etc/passwd). */
#include "kernel/args.h"

#include <fcntl.h>
#include <stdio.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/writer.h"

#define ARGS_BYTES_MAX (256u << 10)
#define NUMBER_BYTES   32

struct arg_text {
    span plain;    /* data NULL: the event does not have it */
    span resolved; /* data NULL: the plain form says it all */
};

static span keep(const struct fetch *fetch, const char *text, size_t length)
{
    return arena_dup(fetch->arena, span_of(text, length));
}

static span keep_number(const struct fetch *fetch, const char *format, int64_t number)
{
    char text[NUMBER_BYTES];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int length = snprintf(text, sizeof text, format, number);
#pragma GCC diagnostic pop
    return keep(fetch, text, (size_t)length);
}

#define DECIMAL  "%ld"
#define UNSIGNED "%lu"
#define HEX      "%lX"
#define OCTAL    "%#lo"

/* ---- the value itself ---- */

static void raw_number(const struct fetch *fetch, const struct arg_desc *arg, bool is_signed,
                       struct value *ret)
{
    if (!fetch->record->params[arg->param].data)
        return;
    int64_t number = record_number(fetch->record, (enum param_id)arg->param, 0);
    if (is_signed)
        value_int(ret, number);
    else
        value_uint(ret, (uint64_t)number);
}

static enum param_id raw_param(enum param_id path)
{
    return path == PARAM_TARGET ? PARAM_TARGET_RAW : PARAM_PATH_RAW;
}

static span arg_path(const struct fetch *fetch, const struct arg_desc *arg)
{
    bool is_target = arg->param == PARAM_TARGET;
    uint16_t type = fetch->record->head.type;
    bool is_symlink = type == EVENT_SYMLINK || type == EVENT_SYMLINKAT;
    return fetch_path(fetch, (enum param_id)arg->param, raw_param((enum param_id)arg->param),
                      is_target && !is_symlink ? PARAM_FD_OTHER : PARAM_DIRFD);
}

static uint64_t caps_of(const struct fetch *fetch, const struct arg_desc *arg)
{
    const struct record_head *head = &fetch->record->head;
    uint64_t caps[3] = {head->cap_effective, head->cap_permitted, head->cap_inheritable};
    (void)!record_struct(fetch->record, PARAM_CAPS, caps, sizeof caps);
    return arg->extractor == field_thread_cap_effective   ? caps[0]
           : arg->extractor == field_thread_cap_permitted ? caps[1]
                                                          : caps[2];
}

static void raw_status(const struct fetch *fetch, const struct arg_desc *arg, struct value *ret)
{
    if (!fetch->record->params[PARAM_STATUS].data)
        return;
    int status = (int)record_number(fetch->record, PARAM_STATUS, 0);
    if (arg->format == ARG_EXIT_CODE)
        value_int(ret, WEXITSTATUS(status));
    else if (arg->format == ARG_EXIT_SIGNAL)
        value_int(ret, WTERMSIG(status));
    else
        value_int(ret, WCOREDUMP(status) ? 1 : 0);
}

static void raw_struct(const struct fetch *fetch, const struct arg_desc *arg, struct value *ret)
{
    struct file_identity file;
    struct process_identity identity;
    struct socket_tuple tuple;
    char text[TUPLE_TEXT_BYTES];
    switch ((enum arg_format)arg->format) {
    case ARG_DEVICE:
        if (record_struct(fetch->record, PARAM_FILE, &file, sizeof file))
            value_uint(ret, file.device);
        break;
    case ARG_INODE:
        if (record_struct(fetch->record, PARAM_FILE, &file, sizeof file))
            value_uint(ret, file.inode);
        break;
    case ARG_CHILD:
        if (record_struct(fetch->record, PARAM_PROCESS, &identity, sizeof identity))
            value_uint(ret, identity.clone_flags);
        break;
    case ARG_TUPLE:
    case ARG_ADDRESS:
        value_text(ret, fetch->record->params[PARAM_SOCKET_PATH]);
        if (ret->kind == VALUE_ABSENT &&
            record_struct(fetch->record, PARAM_SOCKET, &tuple, sizeof tuple)) {
            if (arg->format == ARG_ADDRESS && fetch->record->head.type == EVENT_CONNECT) {
                memset(tuple.local, 0, sizeof tuple.local); /* only where to */
                memcpy(tuple.local, tuple.remote, sizeof tuple.local);
                tuple.local_port = tuple.remote_port;
            }
            if (arg->format == ARG_ADDRESS) {
                memset(tuple.remote, 0, sizeof tuple.remote);
                tuple.remote_port = 0;
            }
            size_t length = tuple_text(&tuple, text);
            if (length)
                value_text(ret, keep(fetch, text, length));
        }
        break;
    default:
        break;
    }
}

static void arg_raw(const struct fetch *fetch, const struct arg_desc *arg, struct value *ret)
{
    const struct record *record = fetch->record;
    switch ((enum arg_format)arg->format) {
    case ARG_RESULT:
        value_int(ret, record->head.result);
        break;
    case ARG_FD:
        value_int(ret, record_number(record, PARAM_FD, record->head.result));
        break;
    case ARG_FD_PLAIN:
    case ARG_SIGNED:
    case ARG_ID:
    case ARG_PID:
    case ARG_SIGNAL:
    case ARG_ENUM:
        raw_number(fetch, arg, true, ret);
        break;
    case ARG_UID:
    case ARG_GID:
        if (arg->extractor)
            arg->extractor(fetch, ret);
        else
            raw_number(fetch, arg, true, ret);
        break;
    case ARG_UNSIGNED:
    case ARG_HEX:
    case ARG_OCTAL:
    case ARG_FLAGS:
    case ARG_MODE:
        raw_number(fetch, arg, false, ret);
        break;
    case ARG_OPEN_FLAGS:
        if (record->params[PARAM_FLAGS].data)
            value_uint(ret, open_flags_ppm(record));
        break;
    case ARG_PATH:
        value_text(ret, arg_path(fetch, arg));
        break;
    case ARG_TEXT:
    case ARG_LIST:
        value_text(ret, record->params[arg->param]);
        break;
    case ARG_BYTES:
        if (record->params[arg->param].data)
            *ret = (struct value){.kind = VALUE_BYTES, .text = record->params[arg->param]};
        break;
    case ARG_CAPS:
        value_uint(ret, caps_of(fetch, arg));
        break;
    case ARG_FIELD:
        arg->extractor(fetch, ret);
        break;
    case ARG_EXIT_CODE:
    case ARG_EXIT_SIGNAL:
    case ARG_EXIT_CORE:
        raw_status(fetch, arg, ret);
        break;
    case ARG_TUPLE:
    case ARG_ADDRESS:
    case ARG_DEVICE:
    case ARG_INODE:
    case ARG_CHILD:
        raw_struct(fetch, arg, ret);
        break;
    case ARG_MISSING:
        break;
    }
}

/* ---- its words ---- */

static span resolve_error(const struct fetch *fetch, int64_t number)
{
    const char *name = number < 0 ? error_name(number) : NULL;
    (void)fetch;
    return name ? span_str(name) : (span){NULL, 0};
}

/* "<4t>1.2.3.4:5->6.7.8.9:10", "<f>/etc/passwd" */
static span resolve_fd(const struct fetch *fetch, int64_t number)
{
    char letter = fetch_letter(fetch), protocol[2] = "";
    if (number == AT_FDCWD)
        return SPAN("AT_FDCWD");
    if (number < 0)
        return resolve_error(fetch, number);
    span name = fetch_fd_name(fetch);
    if (!letter)
        return (span){NULL, 0};
    if (letter == '4' || letter == '6') {
        struct value word = {.kind = VALUE_ABSENT};
        field_fd_l4proto(fetch, &word);
        if (word.kind == VALUE_TEXT && word.text.len && word.text.data[0] != '<')
            protocol[0] = (char)word.text.data[0];
    }
    uint8_t *text = arena_alloc_raw(fetch->arena, name.len + 4);
    if (!text)
        return (span){NULL, 0};
    size_t length = 0;
    text[length++] = '<';
    text[length++] = (uint8_t)letter;
    if (protocol[0])
        text[length++] = (uint8_t)protocol[0];
    text[length++] = '>';
    if (name.len)
        memcpy(text + length, name.data, name.len);
    return span_of(text, length + name.len);
}

static span resolve_flags(const struct fetch *fetch, const struct arg_desc *arg, uint64_t number)
{
    char text[FLAGS_TEXT_BYTES];
    size_t length = 0;
    if (arg->format == ARG_MODE) {
        length = flags_text(arg->names, number & 07777, text, sizeof text);
        size_t type = enum_text(flags_file_type, number & S_IFMT, text + length + (length > 0),
                                sizeof text - length - 1);
        if (length && type)
            text[length++] = '|';
        length += type;
    } else if (arg->format == ARG_ENUM) {
        length = enum_text(arg->names, number, text, sizeof text);
    } else {
        length = flags_text(arg->names, number, text, sizeof text);
    }
    return length ? keep(fetch, text, length) : (span){NULL, 0};
}

/* A pid is the caller's own namespace's: without a start time it tells somebody only on the host.
 */
static span resolve_pid(const struct fetch *fetch, int64_t pid)
{
    uint64_t start = (uint64_t)record_number(fetch->record, PARAM_PEER_START, 0);
    bool is_of_host = fetch->process && fetch->process->vpid == fetch->process->pid;
    if (pid <= 0 || pid > INT32_MAX || (!start && !is_of_host))
        return (span){NULL, 0};
    const struct process *peer = process_find(fetch->decoder->table, (int32_t)pid, start);
    return peer ? process_text(fetch->decoder->table, peer->name) : (span){NULL, 0};
}

static span number_plain(const struct fetch *fetch, const struct arg_desc *arg,
                         const struct value *raw)
{
    switch ((enum arg_format)arg->format) {
    case ARG_HEX:
    case ARG_CAPS:
    case ARG_DEVICE:
        return keep_number(fetch, HEX, (int64_t)raw->uinteger);
    case ARG_OCTAL:
    case ARG_MODE:
        return keep_number(fetch, OCTAL, (int64_t)raw->uinteger);
    default:
        return keep_number(fetch, raw->kind == VALUE_UINT ? UNSIGNED : DECIMAL, raw->integer);
    }
}

static span number_resolved(const struct fetch *fetch, const struct arg_desc *arg, int64_t number)
{
    const char *name;
    switch ((enum arg_format)arg->format) {
    case ARG_RESULT:
        return resolve_error(fetch, number);
    case ARG_FD:
        return resolve_fd(fetch, number);
    case ARG_FD_PLAIN:
        return number == AT_FDCWD ? SPAN("AT_FDCWD") : (span){NULL, 0};
    case ARG_FLAGS:
    case ARG_OPEN_FLAGS:
    case ARG_ENUM:
    case ARG_MODE:
    case ARG_CHILD:
        return resolve_flags(fetch, arg, (uint64_t)number);
    case ARG_UID:
        return number < 0 ? SPAN("<NONE>") : fetch_user_name(fetch, (uint32_t)number);
    case ARG_GID:
        return number < 0 ? SPAN("<NONE>") : fetch_group_name(fetch, (uint32_t)number);
    case ARG_PID:
        return resolve_pid(fetch, number);
    case ARG_SIGNAL:
    case ARG_EXIT_SIGNAL:
        name = signal_name(number);
        return name ? span_str(name) : (span){NULL, 0};
    default:
        return (span){NULL, 0};
    }
}

/* Data as Falco prints it: what cannot be printed is a dot. */
static span bytes_plain(const struct fetch *fetch, span bytes)
{
    span copy = arena_dup(fetch->arena, bytes);
    for (size_t index = 0; index < copy.len; index++)
        if (copy.data[index] < 0x20 || copy.data[index] >= 0x7f)
            ((uint8_t *)(uintptr_t)copy.data)[index] = '.';
    return copy;
}

static struct arg_text arg_words(const struct fetch *fetch, const struct arg_desc *arg)
{
    struct value raw = {.kind = VALUE_ABSENT};
    struct arg_text text = {{NULL, 0}, {NULL, 0}};
    arg_raw(fetch, arg, &raw);
    switch (raw.kind) {
    case VALUE_TEXT:
        text.plain = raw.text;
        break;
    case VALUE_BYTES:
        text.plain = bytes_plain(fetch, raw.text);
        break;
    case VALUE_INT:
    case VALUE_UINT:
        text.plain = number_plain(fetch, arg, &raw);
        text.resolved = number_resolved(fetch, arg, raw.integer);
        break;
    case VALUE_ABSENT:
    case VALUE_NULL:
    case VALUE_REAL:
    case VALUE_BOOL:
    case VALUE_ADDRESS:
    case VALUE_LIST:
        break;
    }
    return text;
}

/* ---- the fields ---- */

static const struct arg_desc *arg_find(const struct fetch *fetch)
{
    const struct event_desc *desc = event_desc(fetch->record->head.type);
    int64_t number = fetch->ref->index;
    if (number >= 0)
        return number < desc->arg_count ? &desc->args[number] : NULL;
    for (uint16_t index = 0; index < desc->arg_count; index++)
        if (span_eq(span_str(desc->args[index].name), fetch->ref->argument))
            return &desc->args[index];
    return NULL;
}

/* An argument that is a field with an argument of its own (proc.env) is wanted whole. */
static struct fetch without_argument(const struct fetch *fetch, struct field_ref *ref)
{
    struct fetch plain = *fetch;
    *ref = (struct field_ref){.field = fetch->ref->field, .index = -1};
    plain.ref = ref;
    return plain;
}

void field_evt_arg(const struct fetch *fetch, struct value *ret)
{
    struct field_ref ref;
    const struct arg_desc *arg = arg_find(fetch);
    if (!arg)
        return;
    struct fetch plain = without_argument(fetch, &ref);
    struct arg_text text = arg_words(&plain, arg);
    value_text(ret, text.resolved.len ? text.resolved : text.plain);
}

void field_evt_rawarg(const struct fetch *fetch, struct value *ret)
{
    struct field_ref ref;
    const struct arg_desc *arg = arg_find(fetch);
    if (!arg)
        return;
    struct fetch plain = without_argument(fetch, &ref);
    arg_raw(&plain, arg, ret);
}

void field_evt_args(const struct fetch *fetch, struct value *ret)
{
    const struct event_desc *desc = event_desc(fetch->record->head.type);
    struct field_ref ref;
    struct fetch plain = without_argument(fetch, &ref);
    struct writer writer;
    writer_init(&writer, ARGS_BYTES_MAX);
    for (uint16_t index = 0; index < desc->arg_count; index++) {
        const struct arg_desc *arg = &desc->args[index];
        struct arg_text text = arg_words(&plain, arg);
        writer_text(&writer, index ? " " : "");
        writer_text(&writer, arg->name);
        writer_byte(&writer, '=');
        writer_put(&writer, text.plain.data ? text.plain : SPAN("<NA>"));
        if (text.resolved.len) {
            writer_byte(&writer, '(');
            writer_put(&writer, text.resolved);
            writer_byte(&writer, ')');
        }
    }
    value_text(ret,
               writer.is_full ? (span){NULL, 0} : arena_dup(fetch->arena, writer_span(&writer)));
    writer_free(&writer);
}
