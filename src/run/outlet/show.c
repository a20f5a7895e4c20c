/* What `picket sink` prints: kinds, declarations, and what the sinks have done. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/writer.h"
#include "delivery/delivery.h"
#include "outlet/outlet.h"
#include "role/role.h"
#include "sink/sink.h"

#define STATUS_BYTES_MAX ((size_t)16 << 20)

static void text_print(const char *text)
{
    struct writer out;
    writer_init(&out, STATUS_BYTES_MAX);
    writer_terminal(&out, span_str(text ? text : "-"));
    fwrite(out.data, 1, out.len, stdout);
    writer_free(&out);
}

void outlet_kinds_print(enum outlet_form form)
{
    const struct sink_kind *kind;
    for (size_t index = 0; (kind = sink_kind_at(index)); index++) {
        if (form == OUTLET_FORM_JSON)
            printf("{\"kind\":\"%s\",\"summary\":\"%s\",\"format\":\"%s\",\"batch\":%u}\n",
                   kind->name, kind->summary, signal_format_name(kind->format), kind->batch);
        else
            printf("%-14s %s\n", kind->name, kind->summary);
    }
}

static const char *member(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

void outlet_list_print(span declarations, enum outlet_form form)
{
    size_t index;
    json_t *one;
    json_t *all = json_loadb((const char *)declarations.data, declarations.len, 0, NULL);
    json_array_foreach(all, index, one)
    {
        if (form == OUTLET_FORM_JSON) {
            char *text = json_dumps(one, JSON_COMPACT);
            printf("%s\n", text ? text : "");
            free(text);
            continue;
        }
        const char *url = member(one, "url"), *format = member(one, "format");
        const struct sink_kind *kind = sink_kind_find(span_str(member(one, "kind")));
        printf("%-20s %-14s %-7s %-15s ", member(one, "name"), member(one, "kind"),
               format ? format
               : kind ? signal_format_name(kind->format)
                      : "",
               member(one, "topics"));
        text_print(url ? url : member(one, "path"));
        printf("\n");
    }
    json_decref(all);
}

/* ---- status ---- */

/* The folder is opened first; then this process gives up all but reading below it. */
static err_kind statuses_open(const char *state_dir, json_t **ret, struct err_ctx *err)
{
    AUTO(auto_close) int state_fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (state_fd < 0)
        return err_set(err, ERR_SYSTEM, "state folder '%s'", state_dir);
    AUTO(auto_close)
    int sinks_fd = openat(state_fd, "sinks", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (sinks_fd < 0 && errno == ENOENT)
        return err_set(err, ERR_STATE, "no sink has run with state folder '%s' yet", state_dir);
    if (sinks_fd < 0)
        return err_set(err, ERR_SYSTEM, "state folder '%s': sinks", state_dir);
    err_kind kind = role_confine(ROLE_ENGINE, sinks_fd, err);
    return kind == OK ? delivery_statuses_read(sinks_fd, ret, err) : kind;
}

err_kind outlet_status_print(const char *state_dir, enum outlet_form form, struct err_ctx *err)
{
    json_t *all = NULL;
    AUTO(writer_free) struct writer out;
    writer_init(&out, STATUS_BYTES_MAX);
    err_kind kind = statuses_open(state_dir, &all, err);
    if (kind == OK && form == OUTLET_FORM_JSON) {
        char *text = json_dumps(all, JSON_COMPACT);
        writer_text(&out, text ? text : "");
        writer_text(&out, "\n");
        free(text);
    } else if (kind == OK && form == OUTLET_FORM_PROMETHEUS) {
        delivery_statuses_metrics(all, &out);
    } else if (kind == OK) {
        delivery_statuses_text(all, &out);
    }
    if (out.len)
        fwrite(out.data, 1, out.len, stdout);
    json_decref(all);
    return kind;
}
