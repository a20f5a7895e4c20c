/* One signal whole: itself, the processes before it, and the kernel's record that it rests on. */
#include <abi.h>
#include <jansson.h>
#include <string.h>

#include "cli/query.h"
#include "core/cleanup.h"
#include "record/record.h"
#include "signal/signal.h"
#include "state/state.h"

#define ID_DIGITS_MIN      6
#define EVIDENCE_BYTES_MAX (1u << 20)
#define RENDERED_BYTES_MAX (16u << 20)

struct param_row {
    const char *name;
    enum param_kind kind;
};

static const struct param_row param_table[PARAM_COUNT] = {
#define X(name, kind) [PARAM_##name] = {#name, PARAM_KIND_##kind},
    PARAM_LIST(X)
#undef X
};

/* ---- the record as JSON ---- */

static void text_put(struct writer *out, span text, bool is_masked)
{
    struct writer masked;
    if (!is_masked) {
        writer_json_string(out, text);
        return;
    }
    writer_init(&masked, EVIDENCE_BYTES_MAX);
    mask_text(&masked, text);
    writer_json_string(out, writer_span(&masked));
    writer_free(&masked);
}

/* argv and the environment: an argument may be the secret that the one before it announces. */
static void list_put(struct writer *out, span list, bool is_masked)
{
    bool is_value = false;
    const char *comma = "";
    struct writer masked;
    writer_init(&masked, EVIDENCE_BYTES_MAX);
    writer_byte(out, '[');
    while (list.len) {
        span item;
        if (!span_until(&list, 0, &item)) {
            item = list;
            list.len = 0;
        }
        writer_reset(&masked);
        mask_argument(&masked, item, &is_value);
        writer_text(out, comma);
        writer_json_string(out, is_masked ? writer_span(&masked) : item);
        comma = ",";
    }
    writer_byte(out, ']');
    writer_free(&masked);
}

static void hex_put(struct writer *out, span bytes)
{
    writer_byte(out, '"');
    for (size_t index = 0; index < bytes.len; index++)
        writer_format(out, "%02x", bytes.data[index]);
    writer_byte(out, '"');
}

static void param_put(struct writer *out, const struct record *record, enum param_id id,
                      bool is_masked)
{
    long long number = (long long)record_number(record, id, 0);
    switch (param_table[id].kind) {
    case PARAM_KIND_S64:
        writer_format(out, "%lld", number);
        break;
    case PARAM_KIND_U64:
        writer_format(out, "%llu", (unsigned long long)number);
        break;
    case PARAM_KIND_PATH: /* holds no values, and must be exact */
        writer_json_string(out, record->params[id]);
        break;
    case PARAM_KIND_TEXT:
        text_put(out, record->params[id], is_masked);
        break;
    case PARAM_KIND_LIST:
        list_put(out, record->params[id], is_masked);
        break;
    default:
        if (is_masked)
            writer_format(out, "\"%zu bytes\"", record->params[id].len);
        else
            hex_put(out, record->params[id]);
    }
}

static void record_put(struct writer *out, const struct record *record, bool is_masked)
{
    const struct record_head *head = &record->head;
    const char *type = event_type_name(head->type);
    writer_format(out,
                  "{\"event\":\"%s\",\"cpu\":%u,\"seq\":%llu,\"time_boot_ns\":%llu,\"pid\":%d,"
                  "\"tid\":%d,\"uid\":%u,\"gid\":%u,\"login_uid\":%d,\"result\":%lld,\"params\":{",
                  type ? type : "", head->cpu, (unsigned long long)head->seq,
                  (unsigned long long)head->time_boot_ns, head->pid, head->tid, head->uid,
                  head->gid, (int)head->login_uid, (long long)head->result);
    const char *comma = "";
    for (int id = PARAM_NONE + 1; id < PARAM_COUNT; id++) {
        if (!record->params[id].data)
            continue;
        writer_format(out, "%s\"%s\":", comma, param_table[id].name);
        param_put(out, record, (enum param_id)id, is_masked);
        comma = ",";
    }
    writer_byte(out, '}');
    if (!is_masked) {
        writer_text(out, ",\"raw\":");
        hex_put(out, record->bytes);
    }
    writer_byte(out, '}');
}

/* `null` when it was trimmed from the store, or never there. */
static err_kind evidence_put(struct topic_log *log, const json_t *signal, bool is_masked,
                             struct writer *out, struct err_ctx *err)
{
    struct writer bytes;
    struct record record;
    bool is_known = false;
    const json_t *offset = json_object_get(signal, "evidence");
    err_kind kind = OK;
    writer_init(&bytes, EVIDENCE_BYTES_MAX);
    if (json_is_integer(offset))
        kind = state_record_get(log, "evidence", (uint64_t)json_integer_value(offset), &bytes,
                                &is_known, err);
    if (kind == OK && is_known)
        kind = record_open(&record, writer_span(&bytes), err);
    if (kind == OK && is_known)
        record_put(out, &record, is_masked);
    else
        writer_text(out, "null");
    writer_free(&bytes);
    return kind;
}

/* ---- finding it ---- */

struct search {
    const char *id;
    struct writer found;
    size_t count;
};

static bool search_visit(void *context, const struct topic_record *record)
{
    struct search *search = context;
    char wanted[SIGNAL_ID_BYTES + 16];
    snprintf(wanted, sizeof wanted, "\"id\":\"%s", search->id);
    if (!span_contains(record->value, span_str(wanted)))
        return true;
    json_t *signal = json_loadb((const char *)record->value.data, record->value.len, JSON_ALLOW_NUL,
                                NULL); /* a container has an id too */
    const char *id = json_string_value(json_object_get(signal, "id"));
    if (id && strncmp(id, search->id, strlen(search->id)) == 0 && search->count++ == 0)
        writer_put(&search->found, record->value);
    json_decref(signal);
    return search->count < 2;
}

static err_kind find(struct topic_log *log, struct search *search, struct err_ctx *err)
{
    struct state_filter all = {.priority_max = STATE_PRIORITY_ANY, .is_newest_first = true};
    size_t len = strlen(search->id);
    if (len < ID_DIGITS_MIN || len > SIGNAL_ID_BYTES ||
        strspn(search->id, "0123456789abcdef") != len)
        return err_set(err, ERR_INPUT, "'%s': expected a signal's id, or its first %d hex digits",
                       search->id, ID_DIGITS_MIN);
    err_kind kind = state_query_signals(log, &all, search_visit, search, err);
    if (kind == OK && search->count == 0)
        kind = err_set(err, ERR_INPUT, "the store holds no signal '%s'", search->id);
    if (kind == OK && search->count > 1)
        kind = err_set(err, ERR_INPUT, "more than one signal begins with '%s'", search->id);
    return kind;
}

static err_kind print(struct topic_log *log, span value, const struct query_show *show,
                      struct writer *out, struct err_ctx *err)
{
    json_t *signal = json_loadb((const char *)value.data, value.len, JSON_ALLOW_NUL, NULL);
    err_kind kind = OK;
    if (show->is_json) {
        writer_text(out, "{\"signal\":");
        writer_put(out, value);
        writer_text(out, ",\"evidence\":");
        kind = evidence_put(log, signal, !show->is_evidence, out, err);
        writer_text(out, "}\n");
    } else {
        kind = signal_render_text(value, show->is_colour, out, err);
        if (kind == OK)
            query_id_put(out, value);
        writer_text(out, "    record   ");
        if (kind == OK)
            kind = evidence_put(log, signal, !show->is_evidence, out, err);
        writer_byte(out, '\n');
    }
    json_decref(signal);
    return kind;
}

err_kind query_show(struct topic_log *log, const struct query_show *show, struct err_ctx *err)
{
    struct writer out;
    struct search search = {.id = show->id};
    writer_init(&search.found, EVIDENCE_BYTES_MAX);
    writer_init(&out, RENDERED_BYTES_MAX);
    err_kind kind = find(log, &search, err);
    if (kind == OK)
        kind = print(log, writer_span(&search.found), show, &out, err);
    if (kind == OK)
        fwrite(out.data, 1, out.len, stdout);
    writer_free(&search.found);
    writer_free(&out);
    return kind;
}
