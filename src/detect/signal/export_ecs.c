/* Elastic Common Schema 8.11, https://www.elastic.co/guide/en/ecs/8.11/ecs-field-reference.html:
 * nested objects; what ECS has no field for lies below `picket`. */
#include "signal/export.h"

#define VERSION "8.11.0"

static const char *const level_names[] = {"emergency", "alert",  "critical",      "error",
                                          "warning",   "notice", "informational", "debug"};

/* Two lists that belong together, as ECS has them; NULL: there is nothing in them. */
static json_t *named_make(json_t *ids, json_t *names)
{
    json_t *made = json_array_size(ids) ? json_pack("{s:O, s:O}", "id", ids, "name", names) : NULL;
    json_decref(ids);
    json_decref(names);
    return made;
}

static json_t *tactics_make(const struct export_view *view)
{
    json_t *ids = json_array(), *names = json_array();
    for (size_t index = 0; index < view->tactic_count; index++) {
        json_array_append_new(ids, json_string(export_tactic_id(view->tactics[index])));
        json_array_append_new(names, json_string(attack_tactic_title(view->tactics[index])));
    }
    return named_make(ids, names);
}

static json_t *techniques_make(const struct export_view *view)
{
    json_t *ids = json_array(), *names = json_array();
    json_t *sub_ids = json_array(), *sub_names = json_array();
    for (size_t index = 0; index < view->technique_count; index++) {
        const struct attack_technique *technique = view->techniques[index];
        json_t *parent = export_technique_parent(technique);
        const struct attack_technique *whole =
            parent ? attack_technique_find(
                         span_of(json_string_value(parent), json_string_length(parent)))
                   : NULL;
        json_array_append_new(ids, parent);
        json_array_append_new(names, json_string(whole ? whole->name : ""));
        if (whole == technique)
            continue;
        json_array_append_new(sub_ids, json_string(technique->id));
        json_array_append_new(sub_names, json_string(technique->name));
    }
    json_t *parts = named_make(sub_ids, sub_names), *made = named_make(ids, names);
    if (made && parts)
        json_object_set(made, "subtechnique", parts);
    json_decref(parts);
    return made;
}

/* What the rule's tags say of ATT&CK; NULL: nothing. */
static json_t *threat_make(const struct export_view *view)
{
    if (!view->tactic_count && !view->technique_count)
        return NULL;
    return json_pack("{s:s, s:o*, s:o*}", "framework", "MITRE ATT&CK", "tactic", tactics_make(view),
                     "technique", techniques_make(view));
}

static json_t *process_make(const json_t *process)
{
    json_t *pid = json_object_get(process, "pid");
    if (!json_is_object(process))
        return NULL;
    return json_pack("{s:O*, s:O*, s:O*, s:O*}", "pid", json_is_integer(pid) ? pid : NULL, "name",
                     export_text(process, "name"), "executable", export_text(process, "exe"),
                     "command_line", export_text(process, "cmdline"));
}

static json_t *container_make(const struct export_view *view)
{
    json_t *image = export_text(view->container, "image");
    if (!view->container)
        return NULL;
    return json_pack("{s:O*, s:O*, s:o*}", "id", export_text(view->container, "id"), "name",
                     export_text(view->container, "name"), "image",
                     image ? json_pack("{s:O}", "name", image) : NULL);
}

static json_t *event_make(const struct export_view *view)
{
    /* severity: higher is worse, as ECS has it; the source's own scale */
    return json_pack("{s:O, s:s, s:[s], s:[s], s:s, s:s, s:s, s:i, s:o, s:o, s:o*}", "id", view->id,
                     "kind", view->is_alert ? "alert" : "event", "category", "intrusion_detection",
                     "type", "info", "module", "picket", "dataset",
                     view->is_alert ? "picket.alerts" : "picket.signals", "provider", "picket",
                     "severity", 7 - view->priority, "start", export_time(view->first_wall_ns),
                     "end", export_time(view->last_wall_ns), "sequence",
                     view->is_alert ? json_integer(view->version) : NULL);
}

static json_t *own_make(const struct export_view *view)
{
    return json_pack("{s:O, s:I, s:O*, s:O*, s:O*, s:o*, s:o*}", "id", view->id, "count",
                     view->count, "entity", view->entity, "response", view->response,
                     "output_fields", view->fields, "version",
                     view->is_alert ? json_integer(view->version) : NULL, "final",
                     view->is_alert ? json_boolean(view->is_final) : NULL);
}

json_t *export_ecs(const struct export_view *view)
{
    json_t *process = process_make(view->process), *parent = process_make(view->parent);
    json_t *user = export_text(view->process, "user");
    if (process && parent)
        json_object_set(process, "parent", parent);
    json_decref(parent);
    return json_pack(
        "{s:o, s:{s:s}, s:O*, s:o, s:{s:O, s:O*, s:O*}, s:{s:s}, s:O*, s:o*, s:o*, s:o*, s:o*, "
        "s:o*, s:o*, s:{s:s, s:s, s:s, s:s}, s:o}",
        "@timestamp", export_time(view->last_wall_ns), "ecs", "version", VERSION, "message",
        view->output, "event", event_make(view), "rule", "name", view->rule, "id", view->rule_id,
        "description", view->desc, "log", "level", level_names[view->priority], "tags", view->tags,
        "threat", threat_make(view), "process", process, "container", container_make(view), "user",
        user ? json_pack("{s:O}", "name", user) : NULL, "host",
        view->hostname ? json_pack("{s:O, s:O}", "hostname", view->hostname, "name", view->hostname)
                       : NULL,
        "related",
        view->hostname || user ? json_pack("{s:o*, s:o*}", "hosts",
                                           view->hostname ? json_pack("[O]", view->hostname) : NULL,
                                           "user", user ? json_pack("[O]", user) : NULL)
                               : NULL,
        "observer", "vendor", "Picket", "product", "Picket", "type", "ids", "version",
        PICKET_VERSION, "picket", own_make(view));
}
