/* A signal and an alert in the forms of others, read back. */
#include <jansson.h>

#include "core/test.h"
#include "signal/signal.h"

static const char alert[] =
    "{\"id\":\"0123456789abcdef0123456789abcdef\",\"version\":2,\"count\":5,\"final\":false,"
    "\"rule\":\"Shell in a container\",\"rule_id\":\"r-1\",\"priority\":\"high\","
    "\"source\":\"syscall\",\"tags\":[\"attack.t1059.004\",\"T1003\",\"mitre_execution\",\"own\"],"
    "\"entity\":\"container:c0ffee\",\"desc\":\"why\",\"response\":\"do this\","
    "\"container\":{\"id\":\"c0ffee\",\"name\":\"shop\",\"image\":\"nginx:1\"},"
    "\"output\":\"a shell \\u00e9 \\\"x\\\"\",\"time\":\"2026-01-31T12:00:01.500000000Z\","
    "\"first_seen\":\"2026-01-31T12:00:00.000000000Z\","
    "\"last_seen\":\"2026-01-31T12:00:01.500000000Z\",\"hostname\":\"h1\","
    "\"process\":[{\"pid\":42,\"name\":\"sh\",\"exe\":\"/bin/sh\",\"cmdline\":\"sh -c id\","
    "\"user\":\"root\"},{\"pid\":7,\"name\":\"nginx\",\"exe\":null,\"cmdline\":null,"
    "\"user\":null}]}";

static const char bare[] =
    "{\"id\":\"1\",\"rule\":\"r\",\"priority\":\"Notice\",\"time\":\"2026-01-31T12:00:00Z\","
    "\"output_fields\":{\"fd.name\":\"/x\",\"n\":null},\"container\":null,\"hostname\":\"h\"}";

static json_t *export(const char *record, enum signal_format format)
{
    struct err_ctx err;
    struct writer out;
    json_t *json = json_loads(record, 0, NULL);
    assert_non_null(json);
    writer_init(&out, SIGNAL_BYTES_MAX);
    if (signal_export(json, format, &out, &err) != OK)
        fail_msg("%s", err.text);
    json_decref(json);
    json = json_loadb((const char *)out.data, out.len, 0, NULL);
    writer_free(&out);
    assert_non_null(json);
    return json;
}

/* The member at a path: names and places, each ended by a slash. NULL: not there. */
static const json_t *at(const json_t *json, const char *path)
{
    while (*path && json) {
        char name[64];
        size_t len = strcspn(path, "/");
        snprintf(name, sizeof name, "%.*s", (int)len, path);
        json = json_is_array(json) ? json_array_get(json, (size_t)strtoul(name, NULL, 10))
                                   : json_object_get(json, name);
        path += len + (path[len] == '/');
    }
    return json;
}

static void is_text(const json_t *json, const char *path, const char *expected)
{
    const char *found = json_string_value(at(json, path));
    if (!found || strcmp(found, expected) != 0)
        fail_msg("%s: expected '%s', found '%s'", path, expected, found ? found : "nothing");
}

static void is_number(const json_t *json, const char *path, json_int_t expected)
{
    if (!json_is_integer(at(json, path)))
        fail_msg("%s: expected a number", path);
    assert_int_equal(json_integer_value(at(json, path)), expected);
}

static void picket_is_as_stored(void **state)
{
    (void)state;
    json_t *as_is = export(alert, SIGNAL_FORMAT_PICKET), *before = json_loads(alert, 0, NULL);
    assert_true(json_equal(as_is, before));
    json_decref(as_is);
    json_decref(before);
}

static void falco_has_its_words_and_never_no_fields(void **state)
{
    (void)state;
    json_t *json = export(alert, SIGNAL_FORMAT_FALCO);
    is_text(json, "priority", "Error");
    is_text(json, "output_fields/proc.cmdline", "sh -c id");
    is_text(json, "output_fields/proc.pname", "nginx");
    is_text(json, "output_fields/picket.id", "0123456789abcdef0123456789abcdef");
    is_number(json, "output_fields/picket.version", 2);
    is_text(json, "output", "a shell \u00e9 \"x\"");
    assert_null(at(json, "entity"));
    json_decref(json);
    json = export(bare, SIGNAL_FORMAT_FALCO);
    is_text(json, "priority", "Notice");
    is_text(json, "output_fields/fd.name", "/x");
    is_text(json, "output_fields/picket.id", "1");
    is_text(json, "time", "2026-01-31T12:00:00.000000000Z");
    assert_null(at(json, "output_fields/proc.name"));
    json_decref(json);
}

static void ocsf_is_a_detection_finding(void **state)
{
    (void)state;
    json_t *json = export(alert, SIGNAL_FORMAT_OCSF);
    is_number(json, "class_uid", 2004);
    is_number(json, "activity_id", 2);
    is_number(json, "type_uid", 200402);
    is_number(json, "severity_id", 4);
    is_number(json, "time", 1769860801500);
    is_number(json, "finding_info/first_seen_time", 1769860800000);
    is_number(json, "count", 5);
    assert_true(json_is_true(at(json, "is_alert")));
    is_text(json, "finding_info/uid", "0123456789abcdef0123456789abcdef");
    is_text(json, "finding_info/attacks/0/technique/uid", "T1059");
    is_text(json, "finding_info/attacks/0/sub_technique/uid", "T1059.004");
    is_text(json, "finding_info/attacks/1/technique/uid", "T1003");
    is_text(json, "finding_info/attacks/2/tactic/uid", "TA0002");
    is_text(json, "evidences/0/process/parent_process/name", "nginx");
    is_text(json, "evidences/0/process/container/image/name", "nginx:1");
    is_text(json, "evidences/0/process/container/image/uid", "nginx:1"); /* required there */
    is_text(json, "remediation/desc", "do this");
    json_decref(json);
    json = export(bare, SIGNAL_FORMAT_OCSF);
    assert_true(json_is_false(at(json, "is_alert")));
    is_number(json, "type_uid", 200401);
    is_text(json, "evidences/0/data/fd.name", "/x");
    assert_null(at(json, "evidences/0/process"));
    assert_null(at(json, "finding_info/attacks"));
    json_decref(json);
}

static void ecs_names_what_it_has_fields_for(void **state)
{
    (void)state;
    json_t *json = export(alert, SIGNAL_FORMAT_ECS);
    is_text(json, "@timestamp", "2026-01-31T12:00:01.500000000Z");
    is_text(json, "event/kind", "alert");
    is_text(json, "event/id", "0123456789abcdef0123456789abcdef");
    is_number(json, "event/severity", 4);
    is_text(json, "log/level", "error");
    is_text(json, "threat/technique/id/0", "T1059");
    is_text(json, "threat/technique/subtechnique/id/0", "T1059.004");
    is_text(json, "threat/tactic/name/0", "Execution");
    is_text(json, "process/parent/name", "nginx");
    is_text(json, "user/name", "root");
    is_text(json, "picket/entity", "container:c0ffee");
    is_number(json, "picket/version", 2);
    json_decref(json);
    json = export(bare, SIGNAL_FORMAT_ECS);
    is_text(json, "event/kind", "event");
    is_text(json, "picket/output_fields/fd.name", "/x");
    assert_null(at(json, "process"));
    assert_null(at(json, "threat"));
    json_decref(json);
    json = export("{\"id\":\"1\",\"rule\":\"r\",\"tags\":[\"T1003\"],\"process\":[{\"pid\":null}]}",
                  SIGNAL_FORMAT_ECS);
    is_text(json, "threat/technique/name/0", "OS Credential Dumping");
    assert_null(at(json, "threat/technique/subtechnique"));
    assert_null(at(json, "threat/tactic"));
    assert_non_null(at(json, "process"));
    assert_null(at(json, "process/pid"));
    json_decref(json);
}

static void what_is_neither_is_refused(void **state)
{
    static const char *const texts[] = {"{}", "[]", "{\"id\":1,\"rule\":\"r\"}", "{\"id\":\"1\"}"};
    (void)state;
    for (size_t index = 0; index < sizeof texts / sizeof *texts; index++) {
        struct err_ctx err;
        struct writer out;
        json_t *json = json_loads(texts[index], 0, NULL);
        writer_init(&out, 100);
        assert_int_equal(signal_export(json, SIGNAL_FORMAT_ECS, &out, &err), ERR_INPUT);
        json_decref(json);
        writer_free(&out);
    }
}

static void members_of_any_type_are_left_out_not_believed(void **state)
{
    static const char odd[] =
        "{\"id\":\"1\",\"rule\":\"r\",\"priority\":7,\"time\":\"never\",\"tags\":[1,null,\"T9999\","
        "\"attack.\"],\"process\":\"x\",\"container\":[],\"output_fields\":3,\"version\":\"2\","
        "\"output\":{},\"hostname\":null}";
    (void)state;
    for (int format = 0; format < SIGNAL_FORMAT_COUNT; format++)
        json_decref(export(odd, (enum signal_format)format));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picket_is_as_stored),
        cmocka_unit_test(falco_has_its_words_and_never_no_fields),
        cmocka_unit_test(ocsf_is_a_detection_finding),
        cmocka_unit_test(ecs_names_what_it_has_fields_for),
        cmocka_unit_test(what_is_neither_is_refused),
        cmocka_unit_test(members_of_any_type_are_left_out_not_believed),
    };
    return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
