#include "falco/test_support.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* clang-format off */
static const struct field_desc fields[] = {
    {"evt.type", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"evt.num", FIELD_INT, ARGUMENT_NONE, false, false, "", 0},
    {"evt.arg", FIELD_TEXT, ARGUMENT_KEY, false, false, "", 0},
    {"evt.rawarg", FIELD_ANY, ARGUMENT_KEY, false, false, "", 0},
    {"evt.failed", FIELD_BOOL, ARGUMENT_NONE, false, false, "", 0},
    {"evt.is_open_write", FIELD_BOOL, ARGUMENT_NONE, false, false, "", 0},
    {"evt.buffer", FIELD_BYTES, ARGUMENT_NONE, false, false, "", 0},
    {"proc.name", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"proc.pname", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"proc.cmdline", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"proc.exepath", FIELD_PATH, ARGUMENT_NONE, false, false, "", 0},
    {"proc.aname", FIELD_TEXT, ARGUMENT_INDEX_OPTIONAL, true, false, "", 0},
    {"proc.env", FIELD_TEXT, ARGUMENT_KEY_OPTIONAL, false, false, "", 0},
    {"proc.args", FIELD_TEXT, ARGUMENT_NONE, true, false, "", 0},
    {"proc.duration", FIELD_DURATION, ARGUMENT_NONE, false, false, "", 0},
    {"fd.name", FIELD_PATH, ARGUMENT_NONE, false, false, "", 0},
    {"fd.sip", FIELD_ADDRESS, ARGUMENT_NONE, false, false, "", 0},
    {"fd.ip", FIELD_ADDRESS, ARGUMENT_NONE, true, false, "", 0},
    {"fd.snet", FIELD_NET, ARGUMENT_NONE, false, false, "", 0},
    {"user.uid", FIELD_INT, ARGUMENT_NONE, false, false, "", 0},
    {"user.name", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"container.image.repository", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"container.image.tag", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"proc.pcmdline", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.directory", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.typechar", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.l4proto", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.type", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"proc.exe", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"proc.exeline", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"evt.res", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"k8s.ns.name", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"k8s.pod.name", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"container.id", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"container.name", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.sip.name", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.cip.name", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.lip.name", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.rip.name", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.filename", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"user.loginname", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"proc.sname", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"group.name", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.nameraw", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"evt.args", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.sockfamily", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"container.mounts", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"proc.pexe", FIELD_PATH, ARGUMENT_NONE, false, false, "", 0},
    {"proc.pexepath", FIELD_PATH, ARGUMENT_NONE, false, false, "", 0},
    {"proc.cwd", FIELD_PATH, ARGUMENT_NONE, false, false, "", 0},
    {"proc.tty", FIELD_INT, ARGUMENT_NONE, false, false, "", 0},
    {"user.loginuid", FIELD_INT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.rport", FIELD_INT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.lport", FIELD_INT, ARGUMENT_NONE, false, false, "", 0},
    {"evt.rawres", FIELD_INT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.sport", FIELD_INT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.port", FIELD_INT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.num", FIELD_INT, ARGUMENT_NONE, false, false, "", 0},
    {"proc.vpid", FIELD_INT, ARGUMENT_NONE, false, false, "", 0},
    {"group.gid", FIELD_INT, ARGUMENT_NONE, false, false, "", 0},
    {"container.start_ts", FIELD_INT, ARGUMENT_NONE, false, false, "", 0},
    {"proc.pid", FIELD_INT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.name_changed", FIELD_BOOL, ARGUMENT_NONE, false, false, "", 0},
    {"fd.connected", FIELD_BOOL, ARGUMENT_NONE, false, false, "", 0},
    {"evt.is_open_read", FIELD_BOOL, ARGUMENT_NONE, false, false, "", 0},
    {"evt.is_open_exec", FIELD_BOOL, ARGUMENT_NONE, false, false, "", 0},
    {"container.privileged", FIELD_BOOL, ARGUMENT_NONE, false, false, "", 0},
    {"proc.is_vpgid_leader", FIELD_BOOL, ARGUMENT_NONE, false, false, "", 0},
    {"proc.is_exe_upper_layer", FIELD_BOOL, ARGUMENT_NONE, false, false, "", 0},
    {"proc.is_exe_from_memfd", FIELD_BOOL, ARGUMENT_NONE, false, false, "", 0},
    {"thread.cap_permitted", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"thread.cap_effective", FIELD_TEXT, ARGUMENT_NONE, false, false, "", 0},
    {"fd.net", FIELD_NET, ARGUMENT_NONE, true, false, "", 0},
    {"fd.cnet", FIELD_NET, ARGUMENT_NONE, false, false, "", 0},
    {"fd.rnet", FIELD_NET, ARGUMENT_NONE, false, false, "", 0},
    {"fd.rip", FIELD_ADDRESS, ARGUMENT_NONE, false, false, "", 0},
    {"fd.cip", FIELD_ADDRESS, ARGUMENT_NONE, false, false, "", 0},
    {"proc.exe_ino.mtime", FIELD_TIME, ARGUMENT_NONE, false, false, "", 0},
    {"proc.exe_ino.ctime", FIELD_TIME, ARGUMENT_NONE, false, false, "", 0},
    {"proc.exe_ino.ctime_duration_proc_start", FIELD_DURATION, ARGUMENT_NONE, false, false, "", 0},
    {"proc.aexepath", FIELD_PATH, ARGUMENT_INDEX_OPTIONAL, true, false, "", 0},
    {"proc.aexe", FIELD_TEXT, ARGUMENT_INDEX_OPTIONAL, true, false, "", 0},
    {"container.mount.dest", FIELD_TEXT, ARGUMENT_KEY, false, false, "", 0},
};
/* clang-format on */

const struct schema test_schema = {
    .source = "syscall",
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .route = "evt.type",
};

/* ---- events ---- */

static struct value scalar(span text)
{
    struct value value = {.kind = VALUE_TEXT, .text = text};
    char copy[64] = "";
    if (text.len == 0 || text.len >= sizeof copy)
        return value;
    memcpy(copy, text.data, text.len);
    switch (copy[0]) {
    case '#':
        value.kind = copy[1] == '-' || strlen(copy) < 20 ? VALUE_INT : VALUE_UINT;
        if (strchr(copy, '.')) {
            value.kind = VALUE_REAL;
            value.real = strtod(copy + 1, NULL);
        } else if (value.kind == VALUE_INT) {
            value.integer = strtoll(copy + 1, NULL, 10);
        } else {
            value.uinteger = strtoull(copy + 1, NULL, 10);
        }
        break;
    case '!':
        value.kind = VALUE_BOOL;
        value.truth = strcmp(copy + 1, "true") == 0;
        break;
    case '@':
        value.kind = VALUE_ADDRESS;
        value.address = (struct address){.family = strchr(copy, ':') ? AF_INET6 : AF_INET};
        inet_pton(value.address.family, copy + 1, value.address.bytes);
        break;
    default:
        break;
    }
    return value;
}

static struct value list_value(span text, const char *mark, bool any, struct arena *arena)
{
    struct value list = {.kind = VALUE_LIST, .any = any};
    struct value *items = arena_alloc(arena, (text.len + 1) * sizeof *items);
    if (!items)
        return list;
    list.list.items = items;
    while (text.len) {
        span item;
        if (!span_until(&text, ',', &item)) {
            item = text;
            text.len = 0;
        }
        uint8_t *marked = arena_alloc(arena, item.len + 2);
        if (!marked)
            return list;
        marked[0] = (uint8_t)*mark;
        memcpy(marked + (*mark ? 1 : 0), item.data, item.len);
        items[list.list.count++] = scalar(span_of(marked, item.len + (*mark ? 1 : 0)));
    }
    return list;
}

static struct value parse_value(span text, bool any, struct arena *arena)
{
    const char *mark = "";
    if (span_starts(text, SPAN("@["))) {
        mark = "@";
        text = span_after(text, 1);
    }
    if (text.len >= 2 && text.data[0] == '[' && text.data[text.len - 1] == ']')
        return list_value(span_of(text.data + 1, text.len - 2), mark, any, arena);
    return scalar(text);
}

static bool spec_is(span name, const struct field_ref *ref)
{
    span field = span_str(ref->field->name);
    if (!ref->argument.data)
        return span_eq(name, field);
    return name.len == field.len + ref->argument.len + 2 && span_starts(name, field) &&
           span_eq(span_first(span_after(name, field.len + 1), ref->argument.len), ref->argument);
}

void test_fetch(void *decoder, const struct field_ref *ref, struct arena *arena, struct value *ret)
{
    span rest = span_str(*(const char **)decoder);
    while (rest.len) {
        span one;
        span name;
        if (!span_until(&rest, ';', &one)) {
            one = rest;
            rest.len = 0;
        }
        if (span_until(&one, '=', &name) && spec_is(name, ref)) {
            bool any = strcmp(ref->field->name, "proc.args") != 0;
            *ret = parse_value(one, any, arena);
            if (ref->field->type == FIELD_BYTES)
                ret->kind = VALUE_BYTES;
            return;
        }
    }
}

/* ---- rules ---- */

struct rule_program *test_load_files(const char *const *yaml, size_t count, struct writer *out)
{
    struct falco_input inputs[8];
    char names[8][32];
    struct rule_builder *builder;
    struct rule_program *program = NULL;
    struct diagnostics diagnostics;
    struct err_ctx err = {0};
    assert_in_range(count, 1, 8);
    for (size_t index = 0; index < count; index++) {
        snprintf(names[index], sizeof names[index], "f%zu.yaml", index);
        inputs[index] = (struct falco_input){span_str(names[index]), span_str(yaml[index])};
    }
    diagnostics_init(&diagnostics, 100);
    writer_reset(out);
    assert_int_equal(rule_builder_open(&test_schema, &builder, &err), OK);
    if (!falco_load(inputs, count, &test_schema, builder, &diagnostics)) {
        diagnostics_write(&diagnostics, out);
    } else {
        assert_int_equal(rule_image_write(builder, out, &err), OK);
        if (rule_program_open(writer_span(out), &test_schema, &program, &err) != OK)
            fail_msg("%s", err.text);
    }
    rule_builder_close(builder);
    diagnostics_free(&diagnostics);
    return program;
}

struct rule_program *test_load(const char *yaml, struct writer *out)
{
    return test_load_files(&yaml, 1, out);
}

size_t test_match(struct rule_program *program, const char *event_text, struct writer *out)
{
    struct event event;
    struct err_ctx err = {0};
    uint32_t rules[64];
    uint32_t undecided;
    assert_int_equal(
        event_open(&event, rule_program_projection(program), test_fetch, &event_text, &err), OK);
    event_begin(&event);
    size_t count = rule_program_match(program, &event, rules, 64, &undecided);
    for (size_t index = 0; out && index < count && index < 64; index++) {
        writer_text(out, index ? "," : "");
        writer_put(out, rule_program_rule(program, rules[index])->name);
    }
    event_close(&event);
    return count;
}
