/* A checked declaration, as JSON, back into settings. */
#include <jansson.h>
#include <unistd.h>

#include "sink/option.h"

static err_kind pairs_set(const struct sink_option *option, struct sink_settings *settings,
                          json_t *value, struct err_ctx *err)
{
    bool is_headers = option->offset == offsetof(struct sink_settings, headers);
    struct sink_pair *pairs = is_headers ? settings->headers : settings->properties;
    size_t *count = is_headers ? &settings->header_count : &settings->property_count;
    const char *name;
    json_t *text;
    json_object_foreach(value, name, text)
    {
        if (*count == SINK_PAIRS_MAX || !json_is_string(text))
            return err_set(err, ERR_STATE, "a declaration's '%s' is damaged", option->name);
        pairs[(*count)++] = (struct sink_pair){name, json_string_value(text)};
    }
    return OK;
}

static err_kind members_set(struct sink_settings *settings, struct err_ctx *err)
{
    const struct sink_option *option;
    for (size_t index = 0; (option = sink_option_at(index)); index++) {
        json_t *value = json_object_get(settings->json, option->name);
        if (json_is_object(value) && option->type == SINK_OPTION_PAIRS) {
            err_kind kind = pairs_set(option, settings, value, err);
            if (kind != OK)
                return kind;
        } else if (value && (!json_is_string(value) ||
                             !sink_option_set(option, settings, json_string_value(value)))) {
            return err_set(err, ERR_STATE, "a declaration's '%s' is damaged", option->name);
        }
    }
    return OK;
}

err_kind sink_settings_open(struct sink_settings *settings, span json, struct err_ctx *err)
{
    struct sink_file *file;
    const char *option;
    *settings = (struct sink_settings){.priority_max = 7, .is_verified = true};
    for (size_t index = 0; sink_settings_file(settings, index, &option, &file); index++)
        file->fd = -1;
    settings->json = json_loadb((const char *)json.data, json.len, 0, NULL);
    settings->name = json_string_value(json_object_get(settings->json, "name"));
    const char *kind = json_string_value(json_object_get(settings->json, "kind"));
    settings->kind = kind ? sink_kind_find(span_str(kind)) : NULL;
    err_kind outcome = OK;
    if (!settings->kind || !settings->name || strlen(settings->name) > SINK_NAME_BYTES_MAX)
        outcome = err_set(err, ERR_STATE, "this is no declaration of a sink");
    if (outcome == OK) {
        settings->format = settings->kind->format;
        settings->batch_max = settings->kind->batch;
        outcome = members_set(settings, err);
    }
    if (outcome != OK)
        sink_settings_close(settings);
    return outcome;
}

void sink_settings_close(struct sink_settings *settings)
{
    struct sink_file *file;
    const char *option;
    for (size_t index = 0; sink_settings_file(settings, index, &option, &file); index++) {
        if (file->fd >= 0)
            close(file->fd);
        file->fd = -1;
    }
    json_decref(settings->json);
    settings->json = NULL;
}

bool sink_settings_file(struct sink_settings *settings, size_t index, const char **ret_option,
                        struct sink_file **ret)
{
    const struct sink_option *option;
    for (size_t place = 0; (option = sink_option_at(place)); place++) {
        if (option->type != SINK_OPTION_FILE)
            continue;
        if (index-- > 0)
            continue;
        *ret_option = option->name;
        *ret = (struct sink_file *)(void *)((char *)settings + option->offset);
        return true;
    }
    return false;
}
