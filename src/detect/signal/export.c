/* A stored signal or alert in the form that another program expects. */
#include "signal/export.h"

#include <string.h>

#include "core/clock.h"

static const char *const format_table[SIGNAL_FORMAT_COUNT] = {
    [SIGNAL_FORMAT_PICKET] = "picket",
    [SIGNAL_FORMAT_FALCO] = "falco",
    [SIGNAL_FORMAT_OCSF] = "ocsf",
    [SIGNAL_FORMAT_ECS] = "ecs",
};

/* Falco's eight words, by severity, and Sigma's levels. */
static const struct {
    const char *word;
    uint8_t priority;
} priority_table[] = {
    {"emergency", 0}, {"alert", 1},  {"critical", 2}, {"error", 3},
    {"warning", 4},   {"notice", 5}, {"info", 6},     {"informational", 6},
    {"debug", 7},     {"high", 3},   {"medium", 4},   {"low", 5},
};

/* https://attack.mitre.org/tactics/enterprise/ */
static const char *const tactic_ids[ATTACK_TACTIC_COUNT] = {
    [ATTACK_RECONNAISSANCE] = "TA0043",      [ATTACK_RESOURCE_DEVELOPMENT] = "TA0042",
    [ATTACK_INITIAL_ACCESS] = "TA0001",      [ATTACK_EXECUTION] = "TA0002",
    [ATTACK_PERSISTENCE] = "TA0003",         [ATTACK_PRIVILEGE_ESCALATION] = "TA0004",
    [ATTACK_DEFENSE_EVASION] = "TA0005",     [ATTACK_CREDENTIAL_ACCESS] = "TA0006",
    [ATTACK_DISCOVERY] = "TA0007",           [ATTACK_LATERAL_MOVEMENT] = "TA0008",
    [ATTACK_COLLECTION] = "TA0009",          [ATTACK_EXFILTRATION] = "TA0010",
    [ATTACK_COMMAND_AND_CONTROL] = "TA0011", [ATTACK_IMPACT] = "TA0040",
};

const char *signal_format_name(enum signal_format format)
{
    return format_table[format];
}

bool signal_format_parse(span word, enum signal_format *ret)
{
    for (size_t index = 0; index < SIGNAL_FORMAT_COUNT; index++) {
        if (span_eq(word, span_str(format_table[index]))) {
            *ret = (enum signal_format)index;
            return true;
        }
    }
    return false;
}

bool signal_priority_parse(span word, uint8_t *ret)
{
    for (size_t index = 0; index < sizeof priority_table / sizeof *priority_table; index++) {
        const char *known = priority_table[index].word;
        if (word.len == strlen(known) &&
            strncasecmp(known, (const char *)word.data, word.len) == 0) {
            *ret = priority_table[index].priority;
            return true;
        }
    }
    return false;
}

/* ---- parts ---- */

json_t *export_text(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_string(value) ? value : NULL;
}

json_t *export_time(uint64_t wall_ns)
{
    struct writer text;
    writer_init(&text, 64);
    writer_time(&text, wall_ns);
    json_t *value = json_stringn((const char *)text.data, text.len);
    writer_free(&text);
    return value;
}

json_t *export_technique_parent(const struct attack_technique *technique)
{
    return json_stringn(technique->id, strcspn(technique->id, "."));
}

const char *export_tactic_id(enum attack_tactic tactic)
{
    return tactic_ids[tactic];
}

static uint64_t time_get(const json_t *object, const char *key, uint64_t otherwise)
{
    uint64_t wall_ns;
    const char *text = json_string_value(json_object_get(object, key));
    return text && clock_parse(text, &wall_ns) ? wall_ns : otherwise;
}

/* What its tags say of ATT&CK; a tag that names nothing there stays a tag. */
static void attacks_read(struct export_view *view)
{
    size_t index;
    json_t *tag;
    json_array_foreach(view->tags, index, tag)
    {
        span text = span_of(json_string_value(tag), json_string_length(tag)), id;
        enum attack_tactic tactic;
        const struct attack_technique *technique;
        if (!text.data)
            continue;
        if (attack_tag_technique(text, &id) && (technique = attack_technique_find(id)) &&
            view->technique_count < EXPORT_ATTACKS_MAX)
            view->techniques[view->technique_count++] = technique;
        else if (attack_tag_tactic(text, &tactic) && view->tactic_count < ATTACK_TACTIC_COUNT)
            view->tactics[view->tactic_count++] = tactic;
    }
}

static json_t *member_of_kind(const json_t *object, const char *key, json_type kind)
{
    json_t *value = json_object_get(object, key);
    return value && json_typeof(value) == kind ? value : NULL;
}

static void view_open(struct export_view *view, const json_t *record)
{
    const json_t *processes = json_object_get(record, "process");
    json_t *priority = export_text(record, "priority");
    *view = (struct export_view){
        .record = record,
        .id = export_text(record, "id"),
        .rule = export_text(record, "rule"),
        .rule_id = export_text(record, "rule_id"),
        .output = export_text(record, "output"),
        .hostname = export_text(record, "hostname"),
        .desc = export_text(record, "desc"),
        .response = export_text(record, "response"),
        .source = export_text(record, "source"),
        .entity = export_text(record, "entity"),
        .tags = member_of_kind(record, "tags", JSON_ARRAY),
        .process = json_array_get(processes, 0),
        .parent = json_array_get(processes, 1),
        .container = member_of_kind(record, "container", JSON_OBJECT),
        .fields = member_of_kind(record, "output_fields", JSON_OBJECT),
        .priority = 7,
        .is_alert = json_is_integer(json_object_get(record, "version")),
        .is_final = json_is_true(json_object_get(record, "final")),
        .version = json_integer_value(json_object_get(record, "version")),
        .count = 1,
    };
    if (view->is_alert)
        view->count = json_integer_value(json_object_get(record, "count"));
    if (priority)
        (void)signal_priority_parse(
            span_of(json_string_value(priority), json_string_length(priority)), &view->priority);
    view->time_wall_ns = time_get(record, "time", 0);
    view->first_wall_ns = time_get(record, "first_seen", view->time_wall_ns);
    view->last_wall_ns = time_get(record, "last_seen", view->time_wall_ns);
    attacks_read(view);
}

/* ---- Falco's own shape, as falco and falcosidekick read it ---- */

/* An alert has no fields of its own, and falcosidekick refuses a record without any: it gets what
 * Falco's rules print most. */
static json_t *fields_make(const struct export_view *view)
{
    json_t *fields = json_pack(
        "{s:O*, s:O*, s:O*, s:O*, s:O*, s:O*, s:O*, s:O*, s:O*}", "proc.pid",
        json_object_get(view->process, "pid"), "proc.name", export_text(view->process, "name"),
        "proc.exepath", export_text(view->process, "exe"), "proc.cmdline",
        export_text(view->process, "cmdline"), "proc.pname", export_text(view->parent, "name"),
        "user.name", export_text(view->process, "user"), "container.id",
        export_text(view->container, "id"), "container.name", export_text(view->container, "name"),
        "container.image", export_text(view->container, "image"));
    if (fields && view->fields && json_object_update(fields, view->fields)) {
        json_decref(fields);
        return NULL;
    }
    return fields;
}

json_t *export_falco(const struct export_view *view)
{
    static const char *const words[] = {"Emergency", "Alert",  "Critical",      "Error",
                                        "Warning",   "Notice", "Informational", "Debug"};
    json_t *fields = view->fields && !view->is_alert ? json_copy(view->fields) : fields_make(view);
    bool is_whole = fields && json_object_set(fields, "picket.id", view->id) == 0;
    if (is_whole && view->is_alert)
        is_whole =
            json_object_set_new(fields, "picket.version", json_integer(view->version)) == 0 &&
            json_object_set_new(fields, "picket.count", json_integer(view->count)) == 0;
    if (!is_whole) {
        json_decref(fields);
        return NULL;
    }
    return json_pack("{s:O*, s:O*, s:s, s:O*, s:O*, s:O*, s:o, s:o}", "hostname", view->hostname,
                     "output", view->output, "priority", words[view->priority], "rule", view->rule,
                     "source", view->source, "tags", view->tags, "time",
                     export_time(view->time_wall_ns), "output_fields", fields);
}

err_kind signal_export(const json_t *record, enum signal_format format, struct writer *out,
                       struct err_ctx *err)
{
    static json_t *(*const make_table[])(const struct export_view *) = {
        [SIGNAL_FORMAT_FALCO] = export_falco,
        [SIGNAL_FORMAT_OCSF] = export_ocsf,
        [SIGNAL_FORMAT_ECS] = export_ecs,
    };
    struct export_view view;
    if (!json_is_object(record) || !export_text(record, "id") || !export_text(record, "rule"))
        return err_set(err, ERR_INPUT, "not a signal or alert: no id or no rule");
    view_open(&view, record);
    json_t *made = format == SIGNAL_FORMAT_PICKET ? NULL : make_table[format](&view);
    char *text = json_dumps(made ? made : record, JSON_COMPACT);
    bool is_whole = text && (made || format == SIGNAL_FORMAT_PICKET);
    if (is_whole)
        writer_text(out, text);
    free(text);
    json_decref(made);
    if (!is_whole)
        return err_set(err, ERR_LIMIT, "rendering: out of memory");
    return out->is_full ? err_set(err, ERR_LIMIT, "rendering: over %zu bytes", out->size_max) : OK;
}
