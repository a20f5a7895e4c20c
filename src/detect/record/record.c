/* One record of bpf/abi.h, from bytes that may be anything. */
#include "record/record.h"

#include <assert.h>

static const uint8_t param_kind_table[] = {PARAM_KIND_BYTES,
#define X(name, kind) PARAM_KIND_##kind,
                                           PARAM_LIST(X)
#undef X
};
_Static_assert(sizeof param_kind_table == PARAM_COUNT, "one kind a parameter");

static const char *const event_name_table[] = {NULL,
#define X(name, text, group) text,
                                               EVENT_LIST(X)
#undef X
};
_Static_assert(sizeof event_name_table / sizeof *event_name_table == EVENT_COUNT,
               "one name an event");

const char *event_type_name(uint16_t type)
{
    return type < EVENT_COUNT ? event_name_table[type] : NULL;
}

uint16_t event_type_find(span name)
{
    for (unsigned type = 1; type < EVENT_COUNT; type++)
        if (span_eq(span_str(event_name_table[type]), name))
            return (uint16_t)type;
    return EVENT_NONE;
}

/* Bytes that a struct parameter must have; 0: no struct of ours. */
static size_t struct_bytes(uint16_t id)
{
    switch (id) {
    case PARAM_FILE:
    case PARAM_EXE_FILE:
        return sizeof(struct file_identity);
    case PARAM_PROCESS:
        return sizeof(struct process_identity);
    case PARAM_STDIO:
        return 3 * sizeof(struct file_identity);
    case PARAM_SOCKET:
        return sizeof(struct socket_tuple);
    case PARAM_CAPS:
        return 3 * sizeof(uint64_t);
    case PARAM_DROPS:
        return sizeof(struct drop_note);
    default:
        return 0;
    }
}

_Static_assert(ENV_BYTES_MAX <= ARGV_BYTES_MAX, "a list is as long as argv at most");

static err_kind param_check(const struct param_head *head, struct err_ctx *err)
{
    size_t max = RECORD_BYTES_MAX;
    switch ((enum param_kind)param_kind_table[head->id]) {
    case PARAM_KIND_S64:
    case PARAM_KIND_U64:
        if (head->len != 8)
            return err_set(err, ERR_INPUT, "parameter %u: expected 8 bytes, found %u", head->id,
                           head->len);
        return OK;
    case PARAM_KIND_STRUCT:
        if (struct_bytes(head->id) && head->len != struct_bytes(head->id))
            return err_set(err, ERR_INPUT, "parameter %u: expected %zu bytes, found %u", head->id,
                           struct_bytes(head->id), head->len);
        return OK;
    case PARAM_KIND_PATH:
        max = PATH_BYTES_MAX;
        break;
    case PARAM_KIND_LIST:
        max = ARGV_BYTES_MAX;
        break;
    case PARAM_KIND_TEXT:
    case PARAM_KIND_BYTES:
        break;
    }
    if (head->len > max)
        return err_set(err, ERR_INPUT, "parameter %u: %u bytes, at most %zu", head->id, head->len,
                       max);
    return OK;
}

static err_kind param_take(struct record *record, span *rest, struct err_ctx *err)
{
    span head_bytes, body, padding;
    struct param_head head;
    if (!span_take(rest, sizeof head, &head_bytes))
        return err_set(err, ERR_INPUT, "parameter head is cut");
    memcpy(&head, head_bytes.data, sizeof head);
    if (head.id == PARAM_NONE || head.id >= PARAM_COUNT || head.reserved != 0)
        return err_set(err, ERR_INPUT, "unknown parameter %u", head.id);
    if (record->params[head.id].data)
        return err_set(err, ERR_INPUT, "parameter %u occurs twice", head.id);
    err_kind kind = param_check(&head, err);
    if (kind)
        return kind;
    if (!span_take(rest, head.len, &body) || !span_take(rest, -head.len & 7, &padding))
        return err_set(err, ERR_INPUT, "parameter %u is cut", head.id);
    for (size_t index = 0; index < padding.len; index++)
        if (padding.data[index] != 0)
            return err_set(err, ERR_INPUT, "parameter %u: padding is not zero", head.id);
    record->params[head.id] = body;
    return OK;
}

err_kind record_open(struct record *record, span bytes, struct err_ctx *err)
{
    *record = (struct record){.bytes = bytes};
    span head;
    if (!span_take(&bytes, sizeof record->head, &head))
        return err_set(err, ERR_INPUT, "record of %zu bytes is shorter than a head",
                       record->bytes.len);
    memcpy(&record->head, head.data, sizeof record->head);
    if (record->head.len != record->bytes.len || record->head.len % 8 != 0)
        return err_set(err, ERR_INPUT, "record of %zu bytes says %u", record->bytes.len,
                       record->head.len);
    if (record->head.len > RECORD_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "record of %u bytes, at most %d", record->head.len,
                       RECORD_BYTES_MAX);
    if (!event_type_name(record->head.type))
        return err_set(err, ERR_INPUT, "unknown event type %u", record->head.type);
    if (record->head.reserved != 0)
        return err_set(err, ERR_INPUT, "reserved bytes of the head are not zero");
    while (bytes.len) {
        err_kind kind = param_take(record, &bytes, err);
        if (kind)
            return kind;
    }
    return OK;
}

int64_t record_number(const struct record *record, enum param_id id, int64_t missing)
{
    int64_t number;
    span bytes = record->params[id];
    if (!bytes.data || bytes.len != sizeof number)
        return missing;
    memcpy(&number, bytes.data, sizeof number);
    return number;
}

bool record_struct(const struct record *record, enum param_id id, void *ret, size_t bytes)
{
    span param = record->params[id];
    if (!param.data)
        return false;
    assert(param.len == bytes);
    memcpy(ret, param.data, bytes);
    return true;
}
