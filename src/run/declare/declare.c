#include "declare/declare.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "core/cleanup.h"
#include "source/source.h"

/* ---- the keys ---- */

enum form { FORM_TEXT, FORM_LIST, FORM_SIZE, FORM_DURATION, FORM_COUNT, FORM_TYPE };

#define TYPE(type) (1u << (type))
#define ALL_TYPES  (TYPE(DECLARE_TYPES) - 1)
#define LISTENING  (TYPE(DECLARE_HTTP) | TYPE(DECLARE_SYSLOG))
#define AT(member) offsetof(struct declare_pipeline, member)

struct key {
    const char *path; /* dots part the levels, of which there are two */
    enum form form;
    size_t offset;
    unsigned types;  /* of source, for which it may be said */
    unsigned needed; /* for which it must */
    /* NULL, or why the value is refused; *ret_hint may name what was meant. */
    const char *(*check)(span value, const char **ret_hint);
};

static const char *check_name(span value, const char **ret_hint);
static const char *check_decoder(span value, const char **ret_hint);
static const char *check_path(span value, const char **ret_hint);
static const char *check_listen(span value, const char **ret_hint);
static const char *check_address(span value, const char **ret_hint);
static const char *check_property(span value, const char **ret_hint);
static const char *check_guarantee(span value, const char **ret_hint);

static const struct key key_table[] = {
    {"name", FORM_TEXT, AT(name), ALL_TYPES, ALL_TYPES, check_name},
    {"description", FORM_TEXT, AT(description), ALL_TYPES, 0, NULL},
    {"owner", FORM_TEXT, AT(owner), ALL_TYPES, ALL_TYPES, NULL},
    {"source.type", FORM_TYPE, AT(type), ALL_TYPES, ALL_TYPES, NULL},
    {"source.paths", FORM_LIST, AT(paths), TYPE(DECLARE_FILE), TYPE(DECLARE_FILE), check_path},
    {"source.line_bytes", FORM_SIZE, AT(line_bytes), TYPE(DECLARE_FILE) | TYPE(DECLARE_STDIN), 0,
     NULL},
    {"source.files_max", FORM_COUNT, AT(files_max), TYPE(DECLARE_FILE), 0, NULL},
    {"source.units", FORM_LIST, AT(units), TYPE(DECLARE_JOURNAL), 0, NULL},
    {"source.listen", FORM_TEXT, AT(listen), TYPE(DECLARE_HTTP), TYPE(DECLARE_HTTP), check_listen},
    {"source.token_file", FORM_TEXT, AT(token_file), TYPE(DECLARE_HTTP), 0, check_path},
    {"source.tls_cert", FORM_TEXT, AT(tls_cert), LISTENING, 0, check_path},
    {"source.tls_key", FORM_TEXT, AT(tls_key), LISTENING, 0, check_path},
    {"source.client_ca", FORM_TEXT, AT(client_ca), LISTENING, 0, check_path},
    {"source.addresses", FORM_LIST, AT(addresses), TYPE(DECLARE_SYSLOG), TYPE(DECLARE_SYSLOG),
     check_address},
    {"source.brokers", FORM_TEXT, AT(brokers), TYPE(DECLARE_KAFKA), TYPE(DECLARE_KAFKA), NULL},
    {"source.topic", FORM_TEXT, AT(topic), TYPE(DECLARE_KAFKA), TYPE(DECLARE_KAFKA), NULL},
    {"source.group", FORM_TEXT, AT(group), TYPE(DECLARE_KAFKA), 0, NULL},
    {"source.output", FORM_TEXT, AT(output), TYPE(DECLARE_KAFKA), TYPE(DECLARE_KAFKA), NULL},
    {"source.dlq", FORM_TEXT, AT(dlq), TYPE(DECLARE_KAFKA), 0, NULL},
    {"source.guarantee", FORM_TEXT, AT(guarantee), TYPE(DECLARE_KAFKA), 0, check_guarantee},
    {"source.partitions", FORM_COUNT, AT(partitions), TYPE(DECLARE_KAFKA), 0, NULL},
    {"source.properties", FORM_LIST, AT(properties), TYPE(DECLARE_KAFKA), 0, check_property},
    {"decoder", FORM_TEXT, AT(decoder), ALL_TYPES, ALL_TYPES, check_decoder},
    {"logsource.product", FORM_TEXT, AT(logsource.product), ALL_TYPES, 0, NULL},
    {"logsource.category", FORM_TEXT, AT(logsource.category), ALL_TYPES, 0, NULL},
    {"logsource.service", FORM_TEXT, AT(logsource.service), ALL_TYPES, 0, NULL},
    {"rules", FORM_LIST, AT(rules), ALL_TYPES, 0, NULL},
    {"mappings", FORM_LIST, AT(mappings), ALL_TYPES, 0, NULL},
    {"silence", FORM_DURATION, AT(silence_ns), ALL_TYPES & ~TYPE(DECLARE_KAFKA), 0, NULL},
    {"retention.age", FORM_DURATION, AT(age_ns), ALL_TYPES & ~TYPE(DECLARE_KAFKA), 0, NULL},
    {"retention.bytes", FORM_SIZE, AT(store_bytes), ALL_TYPES & ~TYPE(DECLARE_KAFKA), 0, NULL},
};
#define KEY_COUNT    (sizeof key_table / sizeof *key_table)
#define PATH_MAX_KEY 32
#define STORE_MIN    (4ull << 20)
#define LINE_MIN     1024ull
#define LINE_MAX_    (16ull << 20)

static const char *const type_names[DECLARE_TYPES] = {
    [DECLARE_FILE] = "file", [DECLARE_STDIN] = "stdin",   [DECLARE_JOURNAL] = "journal",
    [DECLARE_HTTP] = "http", [DECLARE_SYSLOG] = "syslog", [DECLARE_KAFKA] = "kafka",
};

const char *declare_type_name(enum declare_type type)
{
    return type_names[type];
}

/* ---- values ---- */

static const char *nearest(const char *const *names, size_t count, span name)
{
    struct field_desc fields[64] = {0};
    for (size_t index = 0; index < count && index < 64; index++)
        fields[index].name = names[index];
    const struct schema schema = {.fields = fields, .field_count = count < 64 ? count : 64};
    return schema_nearest(&schema, name);
}

/* It names a folder and a label. */
static const char *check_name(span value, const char **ret_hint)
{
    (void)ret_hint;
    bool is_good = value.len >= 1 && value.len <= DECLARE_NAME_MAX && isalnum(value.data[0]);
    for (size_t index = 0; index < value.len; index++)
        is_good &= isalnum(value.data[index]) || strchr("-_.", value.data[index]);
    return is_good
               ? NULL
               : "expected at most 47 letters, digits, '-', '_' and '.', a letter or digit first";
}

static const char *check_decoder(span value, const char **ret_hint)
{
    const char *names[64] = {"kernel"};
    size_t count = 1;
    if (span_eq(value, SPAN("kernel")) || source_find(value))
        return NULL;
    for (const struct source *source; count < 64 && (source = source_at(count - 1)); count++)
        names[count] = source->name;
    *ret_hint = nearest(names, count, value);
    return "no such decoder; `picket pipeline new` lists them";
}

static const char *check_path(span value, const char **ret_hint)
{
    (void)ret_hint;
    return value.len > 1 && value.data[0] == '/' ? NULL : "expected an absolute path";
}

static const char *check_listen(span value, const char **ret_hint)
{
    size_t digits = 0;
    uint32_t port = 0;
    (void)ret_hint;
    while (digits < value.len && isdigit(value.data[value.len - digits - 1]))
        digits++;
    for (size_t index = value.len - digits; index < value.len && port <= 65535; index++)
        port = port * 10 + (value.data[index] - 48u);
    bool is_good = digits && port <= 65535 && value.len > digits + 1 &&
                   value.data[value.len - digits - 1] == ':';
    return is_good ? NULL : "expected ADDRESS:PORT, as 127.0.0.1:8088";
}

static const char *check_address(span value, const char **ret_hint)
{
    static const char *const schemes[] = {"tcp://", "tls://", "udp://", "unix:///"};
    (void)ret_hint;
    for (size_t index = 0; index < sizeof schemes / sizeof *schemes; index++)
        if (span_starts(value, span_str(schemes[index])) && value.len > strlen(schemes[index]))
            return NULL;
    return "expected tcp://, tls:// or udp:// and ADDRESS:PORT, or unix:///PATH";
}

static const char *check_property(span value, const char **ret_hint)
{
    span name, rest = value;
    (void)ret_hint;
    return span_until(&rest, '=', &name) && name.len ? NULL : "expected NAME=VALUE of librdkafka";
}

static const char *check_guarantee(span value, const char **ret_hint)
{
    static const char *const names[] = {"exactly-once", "at-least-once"};
    *ret_hint = nearest(names, 2, value);
    return span_eq(value, SPAN("exactly-once")) || span_eq(value, SPAN("at-least-once"))
               ? NULL
               : "expected exactly-once or at-least-once";
}

/* ---- reading ---- */

struct reading {
    const struct yaml_file *file;
    struct diagnostics *diagnostics;
    struct writer pairs;
    unsigned type; /* a bit; 0: not known */
    bool is_said[KEY_COUNT];
    size_t errors_before;
};

__attribute__((format(printf, 4, 5))) static void complain(struct reading *reading,
                                                           const struct yaml_node *node,
                                                           const char *hint, const char *format,
                                                           ...)
{
    char text[512];
    va_list args;
    struct position at = yaml_position(reading->file, node);
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    diagnostics_error(reading->diagnostics, &at, hint, "%s", text);
}

static void pair_put(struct reading *reading, const char *path, span value)
{
    writer_text(&reading->pairs, path);
    writer_byte(&reading->pairs, 0);
    writer_put(&reading->pairs, value);
    writer_byte(&reading->pairs, 0);
}

static void type_read(struct reading *reading, const struct yaml_node *node)
{
    for (unsigned type = 0; type < DECLARE_TYPES; type++)
        if (span_eq(node->text, span_str(type_names[type])))
            reading->type = TYPE(type);
    if (!reading->type)
        complain(reading, node, nearest(type_names, DECLARE_TYPES, node->text),
                 "expected file, stdin, journal, http, syslog or kafka, found '" PRI_SPAN "'",
                 ARG_SPAN(node->text));
}

static bool number_check(struct reading *reading, const struct key *key,
                         const struct yaml_node *node)
{
    const char *text = (const char *)node->text.data;
    uint64_t value;
    char *end;
    if (key->form == FORM_COUNT) {
        unsigned long long count = strtoull(text, &end, 10);
        bool is_good =
            node->text.len && isdigit(node->text.data[0]) && !*end && count >= 1 && count <= 100000;
        if (!is_good)
            complain(reading, node, NULL, "expected a number from 1 to 100000");
        return is_good;
    }
    if (key->form == FORM_DURATION) {
        bool is_good = duration_parse(text, &value) && value > 0;
        if (!is_good)
            complain(reading, node, NULL, "expected a time, as 30s, 10m, 2h or 30d");
        return is_good;
    }
    if (!size_parse(text, &value)) {
        complain(reading, node, NULL, "expected a size, as 512K, 64M or 1G, found '" PRI_SPAN "'",
                 ARG_SPAN(node->text));
        return false;
    }
    bool is_store = key->offset == AT(store_bytes);
    uint64_t least = is_store ? STORE_MIN : LINE_MIN, most = is_store ? UINT64_MAX : LINE_MAX_;
    if (value >= least && value <= most)
        return true;
    complain(reading, node, NULL, is_store ? "expected at least 4M" : "expected 1K to 16M");
    return false;
}

static void scalar_read(struct reading *reading, const struct key *key,
                        const struct yaml_node *node)
{
    const char *hint = NULL, *why = NULL;
    if (node->kind != YAML_SCALAR || yaml_is_null(node) || node->text.len == 0) {
        complain(reading, node, NULL, "expected a text for '%s'", key->path);
        return;
    }
    if (memchr(node->text.data, 0, node->text.len)) {
        complain(reading, node, NULL, "a NUL byte in '%s'", key->path);
        return;
    }
    if (key->form == FORM_TYPE)
        type_read(reading, node);
    else if (key->form == FORM_SIZE || key->form == FORM_COUNT || key->form == FORM_DURATION)
        (void)number_check(reading, key, node);
    else if (key->check)
        why = key->check(node->text, &hint);
    if (why)
        complain(reading, node, hint, "'%s' is '" PRI_SPAN "': %s", key->path, ARG_SPAN(node->text),
                 why);
    pair_put(reading, key->path, node->text);
}

static void value_read(struct reading *reading, const struct key *key, const struct yaml_node *node)
{
    if (key->form != FORM_LIST || node->kind == YAML_SCALAR) {
        scalar_read(reading, key, node);
        return;
    }
    if (node->kind != YAML_SEQUENCE || node->count == 0 || node->count > DECLARE_LIST_MAX) {
        complain(reading, node, NULL, "expected a list of 1 to %d for '%s'", DECLARE_LIST_MAX,
                 key->path);
        return;
    }
    for (const struct yaml_node *item = node->first; item; item = item->next)
        scalar_read(reading, key, item);
}

/* The keys of one level, for hints. */
static const char *key_nearest(const char *prefix, span name, unsigned type)
{
    const char *names[KEY_COUNT];
    static const char *const groups[] = {"source", "logsource", "retention"};
    size_t count = 0, len = strlen(prefix);
    for (size_t index = 0; index < KEY_COUNT; index++)
        if (strncmp(key_table[index].path, prefix, len) == 0 &&
            !strchr(key_table[index].path + len, '.') && (!type || key_table[index].types & type))
            names[count++] = key_table[index].path + len;
    for (size_t index = 0; len == 0 && index < 3; index++)
        names[count++] = groups[index];
    return nearest(names, count, name);
}

static const struct key *key_find(const char *prefix, span name, size_t *ret_index)
{
    char path[PATH_MAX_KEY];
    if (name.len + strlen(prefix) >= sizeof path)
        return NULL;
    int len = snprintf(path, sizeof path, "%s%.*s", prefix, (int)name.len, (const char *)name.data);
    for (size_t index = 0; index < KEY_COUNT; index++)
        if (span_eq(span_str(key_table[index].path), span_of(path, (size_t)len))) {
            *ret_index = index;
            return &key_table[index];
        }
    return NULL;
}

static void level_read(struct reading *reading, const struct yaml_node *mapping,
                       const char *prefix);

static bool is_group(span name, char ret_prefix[static PATH_MAX_KEY])
{
    static const char *const groups[] = {"source", "logsource", "retention"};
    for (size_t index = 0; index < 3; index++)
        if (span_eq(name, span_str(groups[index]))) {
            snprintf(ret_prefix, PATH_MAX_KEY, "%s.", groups[index]);
            return true;
        }
    return false;
}

static void entry_read(struct reading *reading, const struct yaml_node *key_node,
                       const char *prefix)
{
    char group[PATH_MAX_KEY];
    size_t index = 0;
    span name = key_node->text;
    if (!prefix[0] && is_group(name, group)) {
        if (key_node->value->kind == YAML_MAPPING)
            level_read(reading, key_node->value, group);
        else
            complain(reading, key_node->value, NULL, "expected keys below '" PRI_SPAN "'",
                     ARG_SPAN(name));
        return;
    }
    const struct key *key = key_find(prefix, name, &index);
    if (!key) {
        complain(reading, key_node, key_nearest(prefix, name, reading->type),
                 "unknown key '%s" PRI_SPAN "'", prefix, ARG_SPAN(name));
        return;
    }
    reading->is_said[index] = true;
    if (reading->type && !(key->types & reading->type)) {
        complain(reading, key_node, NULL, "'%s' is nothing for a source of type %s", key->path,
                 type_names[__builtin_ctz(reading->type)]);
        return;
    }
    value_read(reading, key, key_node->value);
}

static void level_read(struct reading *reading, const struct yaml_node *mapping, const char *prefix)
{
    for (const struct yaml_node *key = mapping->first; key; key = key->next)
        entry_read(reading, key, prefix);
}

static void missing_tell(struct reading *reading, const struct yaml_node *root)
{
    const struct yaml_node *source = yaml_get(root, "source");
    for (size_t index = 0; index < KEY_COUNT; index++) {
        const struct key *key = &key_table[index];
        unsigned type = reading->type ? reading->type : ALL_TYPES;
        if (reading->is_said[index] || (key->needed & type) != type)
            continue;
        bool is_below = strchr(key->path, '.') && source && source->kind == YAML_MAPPING;
        complain(reading, is_below ? source : root, NULL, "'%s' is missing", key->path);
    }
}

/* What is of use only together. */
static void pairs_check(struct reading *reading, const struct yaml_node *source)
{
    bool has_cert = source && yaml_get(source, "tls_cert");
    bool has_key = source && yaml_get(source, "tls_key");
    if (has_cert != has_key)
        complain(reading, source, NULL, "tls_cert and tls_key go together");
    if (source && yaml_get(source, "client_ca") && !has_cert)
        complain(reading, source, NULL, "client_ca needs tls_cert and tls_key");
}

/* What is written must not be read again. */
static void topics_check(struct reading *reading, const struct yaml_node *source)
{
    static const char *const names[] = {"topic", "output", "dlq"};
    for (size_t index = 1; index < sizeof names / sizeof *names; index++)
        for (size_t before = 0; before < index; before++) {
            const struct yaml_node *one = yaml_get(source, names[index]);
            const struct yaml_node *other = yaml_get(source, names[before]);
            if (one && other && one->kind == YAML_SCALAR && other->kind == YAML_SCALAR &&
                span_eq(one->text, other->text))
                complain(reading, one, NULL, "'%s' is the topic of '%s' too: expected another one",
                         names[index], names[before]);
        }
}

static bool is_name_taken(span pairs, span name)
{
    span key, value;
    while (span_until(&pairs, 0, &key)) {
        if (key.len && !span_until(&pairs, 0, &value))
            break;
        if (span_eq(key, SPAN("name")) && span_eq(value, name))
            return true;
    }
    return false;
}

static void document_read(struct reading *reading, const struct yaml_node *root, struct writer *out)
{
    const struct yaml_node *source = yaml_get(root, "source");
    const struct yaml_node *type = source ? yaml_get(source, "type") : NULL;
    const struct yaml_node *name = yaml_get(root, "name");
    if (type && type->kind == YAML_SCALAR) { /* what may be said hangs on it */
        for (unsigned known = 0; known < DECLARE_TYPES; known++)
            if (span_eq(type->text, span_str(type_names[known])))
                reading->type = TYPE(known);
    }
    pair_put(reading, "file", reading->file->name);
    level_read(reading, root, "");
    missing_tell(reading, root);
    pairs_check(reading, source && source->kind == YAML_MAPPING ? source : NULL);
    if (source && source->kind == YAML_MAPPING && reading->type == TYPE(DECLARE_KAFKA))
        topics_check(reading, source);
    if (name && name->kind == YAML_SCALAR && is_name_taken(writer_span(out), name->text))
        complain(reading, name, NULL, "another pipeline has the name '" PRI_SPAN "'",
                 ARG_SPAN(name->text));
    if (reading->diagnostics->error_count != reading->errors_before)
        return;
    writer_put(out, writer_span(&reading->pairs));
    writer_byte(out, 0); /* an empty name ends it */
}

void declare_read(span name, span bytes, struct diagnostics *diagnostics, struct writer *out)
{
    struct yaml_file file;
    struct reading reading = {
        .file = &file, .diagnostics = diagnostics, .errors_before = diagnostics->error_count};
    struct position whole = {.file = name};
    writer_init(&reading.pairs, YAML_BYTES_MAX);
    bool is_read = yaml_open(&file, name, bytes, diagnostics);
    if (is_read && file.document_count != 1)
        diagnostics_error(diagnostics, &whole, NULL, "expected one pipeline, found %zu documents",
                          file.document_count);
    else if (is_read && file.documents[0]->kind != YAML_MAPPING)
        complain(&reading, file.documents[0], NULL, "expected keys and values");
    else if (is_read)
        document_read(&reading, file.documents[0], out);
    yaml_close(&file);
    writer_free(&reading.pairs);
}

/* ---- the pairs, on the other side ---- */

static bool value_take(struct declare_pipeline *pipeline, const struct key *key, span value)
{
    void *at = (char *)pipeline + key->offset;
    const char *text = (const char *)value.data;
    struct declare_list *list = at;
    switch (key->form) {
    case FORM_LIST:
        if (list->count == DECLARE_LIST_MAX)
            return false;
        list->items[list->count++] = text;
        return true;
    case FORM_SIZE:
        return size_parse(text, at);
    case FORM_DURATION:
        return duration_parse(text, at);
    case FORM_COUNT:
        *(uint64_t *)at = strtoull(text, NULL, 10);
        return true;
    case FORM_TYPE:
        for (unsigned type = 0; type < DECLARE_TYPES; type++)
            if (span_eq(value, span_str(type_names[type]))) {
                *(enum declare_type *)at = type;
                return true;
            }
        return false;
    case FORM_TEXT:
        break;
    }
    if (strncmp(key->path, "logsource.", 10) == 0)
        *(span *)at = value;
    else
        *(const char **)at = text;
    return true;
}

err_kind declare_next(span *pairs, struct declare_pipeline *ret, bool *ret_is_end,
                      struct err_ctx *err)
{
    span name, value;
    size_t index;
    *ret = (struct declare_pipeline){0};
    *ret_is_end = pairs->len == 0;
    while (pairs->len) {
        if (!span_until(pairs, 0, &name))
            break;
        if (name.len == 0) {
            if (!ret->file || !ret->name || !ret->decoder)
                break;
            return OK;
        }
        if (!span_until(pairs, 0, &value))
            break;
        if (span_eq(name, SPAN("file"))) {
            ret->file = (const char *)value.data;
            continue;
        }
        const struct key *key = key_find("", name, &index);
        if (!key || !value_take(ret, key, value))
            break;
    }
    return *ret_is_end ? OK : err_set(err, ERR_STATE, "the compiler's answer is cut short");
}
