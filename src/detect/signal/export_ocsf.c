/* OCSF 1.4.0, class Detection Finding (2004):
 * https://schema.ocsf.io/1.4.0/classes/detection_finding with the profiles host and container. */
#include "signal/export.h"

#define VERSION   "1.4.0"
#define CLASS_UID 2004

/* By priority. */
static const struct {
    int id;
    const char *name;
} severity_table[] = {{6, "Fatal"},  {5, "Critical"}, {5, "Critical"},      {4, "High"},
                      {3, "Medium"}, {2, "Low"},      {1, "Informational"}, {1, "Informational"}};

enum activity { ACTIVITY_CREATE = 1, ACTIVITY_UPDATE, ACTIVITY_CLOSE };
static const char *const activity_names[] = {
    [ACTIVITY_CREATE] = "Create", [ACTIVITY_UPDATE] = "Update", [ACTIVITY_CLOSE] = "Close"};

/* OCSF counts in milliseconds. */
static json_int_t millis(uint64_t wall_ns)
{
    return (json_int_t)(wall_ns / 1000000);
}

static json_t *technique_make(const struct attack_technique *technique)
{
    bool is_sub = technique->id[strcspn(technique->id, ".")] != 0;
    json_t *parent = export_technique_parent(technique);
    const struct attack_technique *whole =
        parent
            ? attack_technique_find(span_of(json_string_value(parent), json_string_length(parent)))
            : NULL;
    return json_pack("{s:s, s:{s:o, s:s*}, s:o*}", "version", ATTACK_VERSION, "technique", "uid",
                     parent, "name", whole ? whole->name : NULL, "sub_technique",
                     is_sub ? json_pack("{s:s, s:s}", "uid", technique->id, "name", technique->name)
                            : NULL);
}

/* Techniques, and tactics by themselves: the tags do not say which belong together. NULL: none. */
static json_t *attacks_make(const struct export_view *view)
{
    json_t *attacks = json_array();
    for (size_t index = 0; index < view->technique_count; index++)
        json_array_append_new(attacks, technique_make(view->techniques[index]));
    for (size_t index = 0; index < view->tactic_count; index++)
        json_array_append_new(attacks,
                              json_pack("{s:s, s:{s:s, s:s}}", "version", ATTACK_VERSION, "tactic",
                                        "uid", export_tactic_id(view->tactics[index]), "name",
                                        attack_tactic_title(view->tactics[index])));
    if (json_array_size(attacks))
        return attacks;
    json_decref(attacks);
    return NULL;
}

static json_t *container_make(const struct export_view *view)
{
    json_t *image = export_text(view->container, "image");
    if (!view->container)
        return NULL;
    return json_pack("{s:O*, s:O*, s:o*}", "uid", export_text(view->container, "id"), "name",
                     export_text(view->container, "name"), "image",
                     image ? json_pack("{s:O, s:O}", "uid", image, "name", image) : NULL);
}

static json_t *process_make(const json_t *process)
{
    json_t *exe = export_text(process, "exe"), *user = export_text(process, "user");
    json_t *name = export_text(process, "name");
    if (!json_is_integer(json_object_get(process, "pid")))
        return NULL;
    json_t *file = exe ? json_pack("{s:O, s:O, s:i, s:s}", "name", name ? name : exe, "path", exe,
                                   "type_id", 1, "type", "Regular File")
                       : NULL;
    return json_pack(
        "{s:O, s:O*, s:O*, s:o*, s:o*}", "pid", json_object_get(process, "pid"), "name", name,
        "cmd_line", export_text(process, "cmdline"), "file", file, "user",
        user ? json_pack("{s:O, s:i, s:s}", "name", user, "type_id", 0, "type", "Unknown") : NULL);
}

/* One piece of evidence: the acting process, and what the rule printed. NULL: neither is there. */
static json_t *evidences_make(const struct export_view *view)
{
    json_t *process = process_make(view->process);
    json_t *parent = process ? process_make(view->parent) : NULL;
    json_t *container = process ? container_make(view) : NULL;
    if (parent)
        json_object_set_new(process, "parent_process", parent);
    if (container)
        json_object_set_new(process, "container", container);
    if (!process && !view->fields)
        return NULL;
    return json_pack("[{s:o*, s:O*}]", "process", process, "data", view->fields);
}

static json_t *resources_make(const struct export_view *view)
{
    json_t *resources = json_array();
    if (view->container)
        json_array_append_new(resources, json_pack("{s:s, s:O*, s:O*}", "type", "container", "uid",
                                                   export_text(view->container, "id"), "name",
                                                   export_text(view->container, "name")));
    if (view->hostname)
        json_array_append_new(resources,
                              json_pack("{s:s, s:O}", "type", "host", "name", view->hostname));
    return resources;
}

static json_t *finding_make(const struct export_view *view)
{
    return json_pack("{s:O, s:O, s:O*, s:I, s:I, s:I, s:I, s:o*, s:o*, s:{s:i, s:s, s:O, s:O*}}",
                     "uid", view->id, "title", view->rule, "desc", view->desc, "created_time",
                     millis(view->first_wall_ns), "first_seen_time", millis(view->first_wall_ns),
                     "last_seen_time", millis(view->last_wall_ns), "related_events_count",
                     view->count, "data_sources",
                     view->source ? json_pack("[O]", view->source) : NULL, "attacks",
                     attacks_make(view), "analytic", "type_id", 1, "type", "Rule", "name",
                     view->rule, "uid", view->rule_id);
}

static json_t *metadata_make(const struct export_view *view)
{
    return json_pack("{s:s, s:s, s:O, s:o, s:[s, s], s:o*, s:{s:s, s:s, s:s}}", "version", VERSION,
                     "log_name", view->is_alert ? "alerts" : "signals", "uid", view->id,
                     "original_time", export_time(view->time_wall_ns), "profiles", "host",
                     "container", "sequence", view->is_alert ? json_integer(view->version) : NULL,
                     "product", "name", "Picket", "vendor_name", "Picket", "version",
                     PICKET_VERSION);
}

json_t *export_ocsf(const struct export_view *view)
{
    enum activity activity = view->is_final      ? ACTIVITY_CLOSE
                             : view->version > 1 ? ACTIVITY_UPDATE
                                                 : ACTIVITY_CREATE;
    json_t *finding = json_pack(
        "{s:i, s:s, s:i, s:s, s:i, s:s, s:i, s:s+}", "activity_id", activity, "activity_name",
        activity_names[activity], "category_uid", 2, "category_name", "Findings", "class_uid",
        CLASS_UID, "class_name", "Detection Finding", "type_uid", CLASS_UID * 100 + activity,
        "type_name", "Detection Finding: ", activity_names[activity]);
    json_t *rest = json_pack(
        "{s:I, s:i, s:s, s:O*, s:b, s:I, s:I, s:I, s:i, s:s, s:o, s:o, s:o*, s:o, s:o*, s:o*, "
        "s:{s:O*, s:O*}}",
        "time", millis(view->last_wall_ns), "severity_id", severity_table[view->priority].id,
        "severity", severity_table[view->priority].name, "message", view->output, "is_alert",
        view->is_alert, "count", view->count, "start_time", millis(view->first_wall_ns), "end_time",
        millis(view->last_wall_ns), "status_id", view->is_final ? 4 : 1, "status",
        view->is_final ? "Resolved" : "New", "metadata", metadata_make(view), "finding_info",
        finding_make(view), "evidences", evidences_make(view), "resources", resources_make(view),
        "remediation", view->response ? json_pack("{s:O}", "desc", view->response) : NULL, "device",
        view->hostname ? json_pack("{s:O, s:i, s:s}", "hostname", view->hostname, "type_id", 0,
                                   "type", "Unknown")
                       : NULL,
        "unmapped", "entity", view->entity, "tags", view->tags);
    if (!finding || !rest || json_object_update(finding, rest)) {
        json_decref(finding);
        finding = NULL;
    }
    json_decref(rest);
    return finding;
}
