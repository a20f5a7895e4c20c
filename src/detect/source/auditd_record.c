/* A record of the audit log as fields. The kernel writes untrusted text between double quotes, or,
 * as soon as it holds a quote, a blank or a control character, as hex digits without any. What
 * auditd adds in words (log_format=ENRICHED) stands behind a byte 0x1d, in capital letters. */
#include <stdlib.h>

#include "source/auditd.h"

#define ENRICHED      0x1d
#define MAP_SIZE_KEPT 4096

/* ---- the head ---- */

static bool digits_take(span *rest, size_t digits_max, uint64_t *ret)
{
    size_t len = 0;
    *ret = 0;
    while (len < rest->len && len < digits_max && rest->data[len] >= '0' && rest->data[len] <= '9')
        *ret = *ret * 10 + (rest->data[len++] - '0');
    *rest = span_after(*rest, len);
    return len > 0;
}

static bool mark_take(span *rest, span mark)
{
    if (!span_starts(*rest, mark))
        return false;
    *rest = span_after(*rest, mark.len);
    return true;
}

bool audit_record_read(span line, struct audit_record *ret, const char **ret_reason)
{
    span rest = line;
    uint64_t milliseconds = 0;
    *ret = (struct audit_record){0};
    *ret_reason = "expected type=… msg=audit(SECONDS.MILLISECONDS:SERIAL):";
    if (mark_take(&rest, SPAN("node=")) && !span_until(&rest, ' ', &ret->id.node))
        return false;
    if (!mark_take(&rest, SPAN("type=")) || !span_until(&rest, ' ', &ret->type) ||
        ret->type.len == 0 || ret->type.len > 64 || ret->id.node.len > 255)
        return false;
    if (!mark_take(&rest, SPAN("msg=")))
        return false;
    const uint8_t *msg = rest.data;
    bool is_right = mark_take(&rest, SPAN("audit(")) && digits_take(&rest, 12, &ret->id.seconds) &&
                    mark_take(&rest, SPAN(".")) && digits_take(&rest, 3, &milliseconds) &&
                    mark_take(&rest, SPAN(":")) && digits_take(&rest, 18, &ret->id.serial) &&
                    mark_take(&rest, SPAN(")"));
    if (!is_right)
        return false;
    ret->id.milliseconds = (uint32_t)milliseconds;
    ret->msg = span_of(msg, (size_t)(rest.data - msg));
    (void)mark_take(&rest, SPAN(":"));
    ret->rest = rest;
    return true;
}

/* Kernel records that belong to a system call or to one another (include/uapi/linux/audit.h, 1300
 * to 1699); all others stand for themselves. */
bool audit_record_is_joined(span type)
{
    static const char *const joined_table[] = {
        "SYSCALL",
        "PATH",
        "IPC",
        "SOCKETCALL",
        "SOCKADDR",
        "CWD",
        "EXECVE",
        "IPC_SET_PERM",
        "MQ_OPEN",
        "MQ_SENDRECV",
        "MQ_NOTIFY",
        "MQ_GETSETATTR",
        "FD_PAIR",
        "OBJ_PID",
        "TTY",
        "EOE",
        "BPRM_FCAPS",
        "CAPSET",
        "MMAP",
        "NETFILTER_PKT",
        "NETFILTER_CFG",
        "SECCOMP",
        "PROCTITLE",
        "KERN_MODULE",
        "FANOTIFY",
        "CONFIG_CHANGE",
        "TIME_INJOFFSET",
        "TIME_ADJNTPVAL",
        "BPF",
        "URINGOP",
        "OPENAT2",
        "DM_CTRL",
        "DM_EVENT",
        "CONTAINER_ID",
        "LANDLOCK_ACCESS",
        "AVC",
        "SELINUX_ERR",
        "AVC_PATH",
        "USER_AVC_PATH",
        "LANDLOCK_DOMAIN",
    };
    for (size_t index = 0; index < sizeof joined_table / sizeof *joined_table; index++)
        if (span_eq(type, span_str(joined_table[index])))
            return true;
    return span_starts(type, SPAN("MAC_")) || span_starts(type, SPAN("INTEGRITY_")) ||
           span_starts(type, SPAN("UNKNOWN[13")) || span_starts(type, SPAN("UNKNOWN[14"));
}

bool audit_record_is_last(span type)
{
    return span_eq(type, SPAN("EOE")) || span_eq(type, SPAN("PROCTITLE"));
}

/* ---- values ---- */

static bool is_argument(span key)
{
    size_t at = 1;
    if (key.len < 2 || key.data[0] != 'a')
        return false;
    while (at < key.len && key.data[at] >= '0' && key.data[at] <= '9')
        at++;
    return at > 1 && (at == key.len || key.data[at] == '[');
}

/* Which fields the kernel, or a daemon, writes in hex where it must. */
static bool is_encoded(span type, span key)
{
    static const char *const encoded_table[] = {
        "acct",   "cgroup",      "cmd",       "comm",  "cwd",      "data",   "device",
        "dir",    "exe",         "file",      "grp",   "key",      "name",   "new-disk",
        "new-fs", "new-chardev", "new_group", "ocomm", "old-disk", "old-fs", "old-chardev",
        "path",   "proctitle",   "root_dir",  "sw",    "vm",       "watch",
    };
    if (span_eq(type, SPAN("EXECVE")))
        return is_argument(key);
    for (size_t index = 0; index < sizeof encoded_table / sizeof *encoded_table; index++)
        if (span_eq(key, span_str(encoded_table[index])))
            return true;
    return false;
}

static int digit_of(uint8_t byte)
{
    return byte >= '0' && byte <= '9'   ? byte - '0'
           : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                        : -1;
}

/* The bytes of hex digits; the value itself if it is no even number of them. */
static span hex_read(struct arena *arena, span value)
{
    if (value.len < 2 || value.len % 2)
        return value;
    for (size_t index = 0; index < value.len; index++)
        if (digit_of(value.data[index]) < 0)
            return value;
    uint8_t *bytes = arena_alloc_raw(arena, value.len / 2);
    for (size_t index = 0; bytes && index < value.len / 2; index++)
        bytes[index] =
            (uint8_t)(digit_of(value.data[2 * index]) << 4 | digit_of(value.data[2 * index + 1]));
    return bytes ? span_of(bytes, value.len / 2) : value;
}

/* ---- fields ---- */

void audit_fields_init(struct audit_fields *fields, struct arena *arena)
{
    *fields = (struct audit_fields){.arena = arena};
    map_init(&fields->first, AUDIT_FIELDS_MAX, 0x6175646974);
}

/* Emptying a map costs what its largest event did: one that has grown is given back. */
void audit_fields_reset(struct audit_fields *fields)
{
    if (fields->first.size > MAP_SIZE_KEPT) {
        map_free(&fields->first);
        map_init(&fields->first, AUDIT_FIELDS_MAX, 0x6175646974);
    }
    map_reset(&fields->first);
    fields->count = 0;
    fields->is_over = false;
}

void audit_fields_free(struct audit_fields *fields)
{
    map_free(&fields->first);
    free(fields->items);
    fields->items = NULL;
}

static struct audit_field *field_new(struct audit_fields *fields)
{
    if (fields->count == fields->size) {
        size_t size = fields->size ? fields->size * 2 : 64;
        struct audit_field *grown =
            size > AUDIT_FIELDS_MAX ? NULL : realloc(fields->items, size * sizeof *grown);
        if (!grown) {
            fields->is_over = true;
            return NULL;
        }
        fields->items = grown;
        fields->size = size;
    }
    fields->items[fields->count] = (struct audit_field){0};
    return &fields->items[fields->count++];
}

/* Behind the fields of the same key; the first of all is of no key. */
static void field_add(struct audit_fields *fields, span key, span value)
{
    uint32_t first;
    if (fields->count == 0 && !field_new(fields))
        return;
    bool is_known = map_get(&fields->first, key, &first);
    struct audit_field *field = field_new(fields);
    if (!field)
        return;
    *field = (struct audit_field){.key = key, .value = value};
    uint32_t index = (uint32_t)(field - fields->items);
    if (!is_known) {
        fields->is_over |= !map_put(&fields->first, key, index);
        field->last = index;
        return;
    }
    fields->items[fields->items[first].last].next = index;
    fields->items[first].last = index;
}

/* A long argument comes in pieces: a1_len=… a1[0]=… a1[1]=… */
static bool piece_add(struct audit_fields *fields, span key, span value)
{
    const uint8_t *bracket = memchr(key.data, '[', key.len);
    uint32_t first;
    if (!bracket)
        return false;
    span base = span_first(key, (size_t)(bracket - key.data));
    if (span_starts(span_after(key, base.len), SPAN("[0]")) ||
        !map_get(&fields->first, base, &first)) {
        field_add(fields, base, value);
        return true;
    }
    struct audit_field *field = &fields->items[fields->items[first].last];
    uint8_t *joined = arena_alloc_raw(fields->arena, field->value.len + value.len + 1);
    if (!joined) {
        fields->is_over = true;
        return true;
    }
    if (field->value.len)
        memcpy(joined, field->value.data, field->value.len);
    if (value.len)
        memcpy(joined + field->value.len, value.data, value.len);
    field->value = span_of(joined, field->value.len + value.len);
    return true;
}

static void value_add(struct audit_fields *fields, span type, span key, span value, bool is_bare)
{
    if (is_bare && is_encoded(type, key))
        value = hex_read(fields->arena, value);
    if (span_eq(type, SPAN("EXECVE")) && is_argument(key) && piece_add(fields, key, value))
        return;
    if (span_eq(key, SPAN("key"))) { /* several keys of one rule */
        span part;
        while (span_until(&value, 1, &part))
            field_add(fields, key, part);
    }
    if (span_eq(key, SPAN("proctitle")) && is_bare && value.len) { /* NUL between the arguments */
        uint8_t *text = arena_alloc_raw(fields->arena, value.len);
        for (size_t index = 0; text && index < value.len; index++)
            text[index] = value.data[index] ? value.data[index] : ' ';
        value = text ? span_of(text, value.len) : value;
    }
    field_add(fields, key, value);
}

/* A value up to its end: quoted, in braces, or a word. */
static span value_take(span *rest, bool *ret_is_bare)
{
    span value = {NULL, 0};
    uint8_t first = rest->len ? rest->data[0] : 0;
    uint8_t end = first == '"' ? '"' : first == '\'' ? '\'' : first == '{' ? '}' : 0;
    *ret_is_bare = !end;
    if (end) {
        span inside = span_after(*rest, 1);
        if (span_until(&inside, end, &value)) {
            *rest = inside;
            return value;
        }
        *ret_is_bare = true;
    }
    size_t len = 0;
    while (len < rest->len && rest->data[len] != ' ' && rest->data[len] != ENRICHED)
        len++;
    value = span_first(*rest, len);
    *rest = span_after(*rest, len);
    return value;
}

/* avc:  denied  { read write } for  pid=… */
static void access_read(struct audit_fields *fields, span *rest)
{
    span result, names;
    span at = *rest;
    if (!mark_take(&at, SPAN("avc:  ")) || !span_until(&at, ' ', &result) ||
        !mark_take(&at, SPAN(" { ")) || !span_until(&at, '}', &names))
        return;
    field_add(fields, SPAN("seresult"), result);
    field_add(fields, SPAN("seperms"),
              span_ends(names, SPAN(" ")) ? span_first(names, names.len - 1) : names);
    (void)mark_take(&at, SPAN(" for "));
    *rest = at;
}

/* key=value, with blanks and words between them. msg='…' and SADDR={ … } hold fields in turn. */
static void fields_read(struct audit_fields *fields, span type, span rest, bool is_inner)
{
    while (rest.len) {
        size_t len = 0;
        bool is_bare;
        while (len < rest.len && rest.data[len] != '=' && rest.data[len] != ' ' &&
               rest.data[len] != ENRICHED)
            len++;
        span key = span_first(rest, len);
        if (len == rest.len || rest.data[len] != '=' || len == 0) {
            if (key.len)
                field_add(fields, SPAN("text"), key);
            rest = span_after(rest, len + 1);
            continue;
        }
        rest = span_after(rest, len + 1);
        bool is_nested = !is_inner && span_eq(key, SPAN("msg")) && span_starts(rest, SPAN("'"));
        bool is_struct = !is_inner && span_starts(rest, SPAN("{ "));
        span value = value_take(&rest, &is_bare);
        if (is_nested || is_struct)
            fields_read(fields, type, value, true);
        else
            value_add(fields, type, key, value, is_bare);
    }
}

void audit_fields_add(struct audit_fields *fields, const struct audit_record *record)
{
    span rest = record->rest;
    while (span_starts(rest, SPAN(" ")))
        rest = span_after(rest, 1);
    access_read(fields, &rest);
    fields_read(fields, record->type, rest, false);
}

void audit_fields_write(struct audit_fields *fields, struct writer *out)
{
    for (size_t index = 1; index < fields->count; index++) {
        const struct audit_field *field = &fields->items[index];
        if (field->last == 0)
            continue; /* not the first of its key */
        member_begin(out, field->key);
        bool is_list = field->next != 0;
        writer_text(out, is_list ? "[" : "");
        for (;; field = &fields->items[field->next]) {
            writer_json_string(out, field->value);
            if (field->next == 0)
                break;
            writer_byte(out, ',');
        }
        writer_text(out, is_list ? "]" : "");
    }
}
