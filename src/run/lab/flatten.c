/* Windows events from their XML's shape to the names that rules use. */
#include "lab/lab.h"

/* {"#attributes": …, "#text": x} is x. */
static json_t *content_of(json_t *value)
{
    json_t *text = json_object_get(value, "#text");
    return text ? text : value;
}

static bool put(json_t *flat, const char *name, json_t *value)
{
    return !value || json_is_null(value) || json_object_set(flat, name, value) == 0;
}

static bool put_missing(json_t *flat, const char *name, json_t *value)
{
    return json_object_get(flat, name) || put(flat, name, value);
}

/* The members of EventData, or of the one element in UserData. */
static bool members_put(json_t *flat, json_t *data)
{
    const char *name;
    json_t *value;
    bool is_good = true;
    json_object_foreach(data, name, value)
    {
        if (name[0] == '#')
            continue;
        is_good &= put(flat, name, content_of(value));
    }
    return is_good;
}

static bool user_data_put(json_t *flat, json_t *data)
{
    const char *name;
    json_t *value;
    bool is_good = true;
    json_object_foreach(data, name, value)
    {
        if (name[0] != '#' && json_is_object(value))
            is_good &= members_put(flat, value);
    }
    return is_good;
}

static json_t *attribute(json_t *system, const char *element, const char *name)
{
    return json_object_get(json_object_get(json_object_get(system, element), "#attributes"), name);
}

/* What says which event it is comes from System even where the data has a member of that name. */
static bool system_put(json_t *flat, json_t *system)
{
    static const char *const others[] = {"Version", "Level",    "Task",
                                         "Opcode",  "Keywords", "EventRecordID"};
    bool is_good = put(flat, "EventID", content_of(json_object_get(system, "EventID"))) &&
                   put(flat, "Channel", json_object_get(system, "Channel")) &&
                   put(flat, "Computer", json_object_get(system, "Computer")) &&
                   put(flat, "Provider_Name", attribute(system, "Provider", "Name"));
    for (size_t index = 0; index < sizeof others / sizeof *others; index++)
        is_good &= put_missing(flat, others[index], json_object_get(system, others[index]));
    return is_good && put_missing(flat, "Provider_Guid", attribute(system, "Provider", "Guid")) &&
           put_missing(flat, "SystemTime", attribute(system, "TimeCreated", "SystemTime")) &&
           put_missing(flat, "UserID", attribute(system, "Security", "UserID")) &&
           put_missing(flat, "Execution_ProcessID", attribute(system, "Execution", "ProcessID")) &&
           put_missing(flat, "Execution_ThreadID", attribute(system, "Execution", "ThreadID"));
}

json_t *suite_flatten(json_t *event)
{
    json_t *whole = json_object_get(event, "Event");
    json_t *system = json_object_get(whole, "System");
    if (!json_is_object(system))
        return json_incref(event);
    json_t *flat = json_object();
    if (flat && members_put(flat, json_object_get(whole, "EventData")) &&
        user_data_put(flat, json_object_get(whole, "UserData")) && system_put(flat, system))
        return flat;
    json_decref(flat);
    return NULL;
}
