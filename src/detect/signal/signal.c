/* The JSON of a signal. */
#include "signal/signal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <math.h>

/* FNV-1a, 128 bits (Fowler, Noll, Vo): the same for ever, unlike the hashes of tables in memory.
 * Nothing in it is chosen by an adversary: see signal_context.event_identity. */
static unsigned __int128 fnv_add(unsigned __int128 hash, span bytes)
{
    const unsigned __int128 prime = ((unsigned __int128)1 << 88) + 0x13b;
    for (size_t index = 0; index < bytes.len; index++)
        hash = (hash ^ bytes.data[index]) * prime;
    return (hash ^ 0x100) * prime; /* an end mark that no byte equals */
}

void signal_id(const struct rule_info *rule, span event_identity, char ret[SIGNAL_ID_BYTES + 1])
{
    unsigned __int128 hash = (unsigned __int128)0x6c62272e07bb0142u << 64 | 0x62b821756295c58du;
    hash = fnv_add(hash, rule->name);
    hash = fnv_add(hash, rule->id);
    hash = fnv_add(hash, event_identity);
    snprintf(ret, SIGNAL_ID_BYTES + 1, "%016llx%016llx", (unsigned long long)(hash >> 64),
             (unsigned long long)hash);
}

/* ---- values ---- */

static void scalar_write(struct writer *out, const struct value *value)
{
    char text[INET6_ADDRSTRLEN];
    switch (value->kind) {
    case VALUE_TEXT:
    case VALUE_BYTES:
        writer_json_string(out, value->text);
        return;
    case VALUE_INT:
        writer_format(out, "%lld", (long long)value->integer);
        return;
    case VALUE_UINT:
        writer_format(out, "%llu", (unsigned long long)value->uinteger);
        return;
    case VALUE_REAL:
        if (isfinite(value->real))
            writer_format(out, "%.17g", value->real);
        else
            writer_text(out, "null");
        return;
    case VALUE_BOOL:
        writer_text(out, value->truth ? "true" : "false");
        return;
    case VALUE_ADDRESS:
        if (!inet_ntop(value->address.family, value->address.bytes, text, sizeof text))
            text[0] = 0;
        writer_json_string(out, span_str(text));
        return;
    case VALUE_ABSENT:
    case VALUE_NULL:
    case VALUE_LIST: /* lists hold no lists */
        break;
    }
    writer_text(out, "null");
}

static void value_write(struct writer *out, const struct value *value)
{
    if (value->kind != VALUE_LIST) {
        scalar_write(out, value);
        return;
    }
    writer_byte(out, '[');
    for (size_t index = 0; index < value->list.count; index++) {
        if (index)
            writer_byte(out, ',');
        scalar_write(out, &value->list.items[index]);
    }
    writer_byte(out, ']');
}

/* ---- members ---- */

static void key_write(struct writer *out, const char *key)
{
    writer_format(out, ",\"%s\":", key);
}

/* data NULL: null */
static void text_write(struct writer *out, const char *key, span text)
{
    key_write(out, key);
    if (text.data)
        writer_json_string(out, text);
    else
        writer_text(out, "null");
}

static void fields_write(struct writer *out, const struct signal_match *match)
{
    writer_text(out, ",\"output_fields\":{");
    for (size_t index = 0; index < match->field_count; index++) {
        if (index)
            writer_byte(out, ',');
        writer_json_string(out, match->fields[index].name);
        writer_byte(out, ':');
        value_write(out, &match->fields[index].value);
    }
    writer_byte(out, '}');
}

static void tags_write(struct writer *out, const struct rule_info *rule)
{
    writer_text(out, ",\"tags\":[");
    for (size_t index = 0; index < rule->tag_count; index++) {
        if (index)
            writer_byte(out, ',');
        writer_json_string(out, rule->tags[index]);
    }
    writer_byte(out, ']');
}

/* What of the event is shorter here than it was. */
static void cuts_write(struct writer *out, const struct signal_context *context)
{
    const struct {
        bool is_cut;
        const char *name;
    } parts[] = {{context->is_path_cut, "path"},
                 {context->is_argv_cut, "argv"},
                 {context->is_env_cut, "env"}};
    const char *between = "";
    writer_text(out, ",\"cut\":[");
    for (size_t index = 0; index < sizeof parts / sizeof *parts; index++) {
        if (!parts[index].is_cut)
            continue;
        writer_format(out, "%s\"%s\"", between, parts[index].name);
        between = ",";
    }
    writer_byte(out, ']');
}

/* Arguments joined by spaces, secrets masked. */
static void cmdline_write(struct writer *out, span argv)
{
    key_write(out, "cmdline");
    if (!argv.data) {
        writer_text(out, "null");
        return;
    }
    struct writer line;
    writer_init(&line, SIGNAL_BYTES_MAX);
    bool is_value = false, is_first = true;
    while (argv.len) {
        span argument;
        if (!span_until(&argv, 0, &argument)) { /* the last one was cut */
            argument = argv;
            argv.len = 0;
        }
        if (!is_first)
            writer_byte(&line, ' ');
        is_first = false;
        mask_argument(&line, argument, &is_value);
    }
    out->is_full |= line.is_full;
    writer_json_string(out, writer_span(&line));
    writer_free(&line);
}

static void processes_write(struct writer *out, const struct signal_context *context)
{
    writer_text(out, ",\"process\":[");
    size_t count = context->process_count < SIGNAL_PROCESSES_MAX ? context->process_count
                                                                 : SIGNAL_PROCESSES_MAX;
    for (size_t index = 0; index < count; index++) {
        const struct signal_process *process = &context->processes[index];
        writer_format(out, "%s{\"pid\":%lld", index ? "," : "", (long long)process->pid);
        text_write(out, "name", process->name);
        text_write(out, "exe", process->exe);
        cmdline_write(out, process->argv);
        text_write(out, "user", process->user);
        writer_byte(out, '}');
    }
    writer_byte(out, ']');
}

static void container_write(struct writer *out, const struct signal_context *context)
{
    key_write(out, "container");
    if (!context->container_id.data) {
        writer_text(out, "null");
        return;
    }
    writer_text(out, "{\"id\":");
    writer_json_string(out, context->container_id);
    text_write(out, "name", context->container_name);
    text_write(out, "image", context->container_image);
    writer_byte(out, '}');
}

/* Those that the event names by itself. */
static void own_entities_write(struct writer *out, const struct signal_context *context)
{
    key_write(out, "entity");
    writer_json_string(out, context->entities[0]);
    writer_text(out, ",\"entities\":[");
    for (size_t index = 0; index < context->entity_count; index++) {
        if (index)
            writer_byte(out, ',');
        writer_json_string(out, context->entities[index]);
    }
    writer_byte(out, ']');
}

/* What the signal is about. `entity` is what alerts are gathered by: the container where there is
 * one, else the host; `entities` names all. */
static void entities_write(struct writer *out, const struct signal_context *context)
{
    if (context->entity_count) {
        own_entities_write(out, context);
        return;
    }
    struct writer name;
    writer_init(&name, 4096);
    writer_text(&name, "host:");
    writer_put(&name, context->hostname);
    size_t host_len = name.len;
    if (context->container_id.data) {
        writer_text(&name, "container:");
        writer_put(&name, context->container_id);
    }
    span host = span_first(writer_span(&name), host_len);
    span container = span_after(writer_span(&name), host_len);
    key_write(out, "entity");
    writer_json_string(out, container.len ? container : host);
    writer_text(out, ",\"entities\":[");
    writer_json_string(out, host);
    if (container.len) {
        writer_byte(out, ',');
        writer_json_string(out, container);
    }
    if (context->process_count && context->processes[0].start_boot_ns) {
        writer_reset(&name);
        writer_text(&name, "process:");
        writer_put(&name, context->hostname);
        writer_format(&name, "/%lld/%llu", (long long)context->processes[0].pid,
                      (unsigned long long)context->processes[0].start_boot_ns);
        writer_byte(out, ',');
        writer_json_string(out, writer_span(&name));
    }
    writer_byte(out, ']');
    out->is_full |= name.is_full;
    writer_free(&name);
}

struct rule_info signal_own_rule(const char *name, const char *desc)
{
    static const span tags[] = {{(const uint8_t *)"picket", 6}};
    return (struct rule_info){.name = span_str(name),
                              .desc = span_str(desc),
                              .source = SPAN("picket"),
                              .priority_name = SPAN("Error"),
                              .priority = PRIORITY_ERROR,
                              .is_enabled = true,
                              .tags = tags,
                              .tag_count = 1};
}

bool signal_is_shadow(span json)
{
    return span_starts(json, SPAN("{\"stage\":\"shadow\","));
}

err_kind signal_write(const struct signal_match *match, const struct signal_context *context,
                      struct writer *out, struct err_ctx *err)
{
    const struct rule_info *rule = match->rule;
    char id[SIGNAL_ID_BYTES + 1];
    signal_id(rule, context->event_identity, id);
    writer_byte(out, '{');
    if (rule->stage != STAGE_LIVE)
        writer_format(out, "\"stage\":\"%s\",", rule_stage_name(rule->stage));
    writer_text(out, "\"hostname\":");
    writer_json_string(out, context->hostname);
    text_write(out, "output", match->output.data ? match->output : SPAN(""));
    fields_write(out, match);
    text_write(out, "priority", rule->priority_name);
    text_write(out, "rule", rule->name);
    text_write(out, "source", context->source.data ? context->source : rule->source);
    tags_write(out, rule);
    writer_text(out, ",\"time\":\"");
    writer_time(out, context->time_wall_ns);
    writer_byte(out, '"');
    text_write(out, "rule_id", rule->id);
    if (context->event_position.data)
        text_write(out, "event", context->event_position);
    else
        writer_format(out, ",\"event\":%llu", (unsigned long long)context->event_number);
    writer_format(out, ",\"id\":\"%s\"", id);
    entities_write(out, context);
    container_write(out, context);
    processes_write(out, context);
    text_write(out, "desc", rule->desc);
    text_write(out, "response", context->response);
    writer_format(out, ",\"name_unverified\":%s,\"name_changed\":%s,\"dropped_before\":%llu",
                  context->is_name_unverified ? "true" : "false",
                  context->has_name_changed ? "true" : "false",
                  (unsigned long long)context->dropped_before);
    cuts_write(out, context);
    if (context->has_evidence)
        writer_format(out, ",\"evidence\":%llu}", (unsigned long long)context->evidence_offset);
    else
        writer_text(out, ",\"evidence\":null}");
    if (out->is_full)
        return err_set(err, ERR_LIMIT, "signal of rule '" PRI_SPAN "': over %zu bytes",
                       ARG_SPAN(rule->name), out->size_max);
    return OK;
}
