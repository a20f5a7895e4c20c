/* A signal as a block of lines:
 *
 *   12:30:01.123  CRITICAL  Rule name: what happened
 *       where    container shop (3f2a91…) image nginx:1.25, host web-1
 *       who      www-data
 *       process  sh[4242] sh -c id
 *                < nginx[100] nginx: worker
 *       why      what the rule looks for
 *       do       what to do
 *
 * An output that begins with the rule's name, as Sigma's do, stands alone.
 * All text is untrusted and escaped for a terminal. */
#include <jansson.h>

#include "signal/signal.h"

#define TREE_LINES_MAX    8
#define CMDLINE_BYTES_MAX 240

static void release_json(json_t **json)
{
    json_decref(*json);
}

struct priority_look {
    const char *name;
    const char *colour;
};

static const struct priority_look priority_look_table[] = {
    {"emergency", "\x1b[1;97;41m"}, {"alert", "\x1b[1;97;41m"}, {"critical", "\x1b[1;31m"},
    {"error", "\x1b[31m"},          {"high", "\x1b[31m"},       {"warning", "\x1b[33m"},
    {"medium", "\x1b[33m"},         {"notice", "\x1b[36m"},     {"low", "\x1b[36m"},
    {"informational", "\x1b[2m"},   {"debug", "\x1b[2m"},
};

struct block {
    struct writer *out;
    bool is_colour;
};

static void colour_put(struct block *block, const char *colour)
{
    if (block->is_colour)
        writer_text(block->out, colour);
}

static span member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return (span){NULL, 0};
    return span_of(json_string_value(value), json_string_length(value));
}

static const char *priority_colour(span name)
{
    if (!name.data)
        return "";
    for (size_t index = 0; index < sizeof priority_look_table / sizeof *priority_look_table;
         index++) {
        const struct priority_look *look = &priority_look_table[index];
        if (name.len == strlen(look->name) &&
            strncasecmp((const char *)name.data, look->name, name.len) == 0)
            return look->colour;
    }
    return "";
}

/* Long texts end in three dots, never inside a UTF-8 sequence. */
static void cut_put(struct writer *out, span text, size_t len_max)
{
    if (text.len <= len_max) {
        writer_terminal(out, text);
        return;
    }
    while (len_max && (text.data[len_max] & 0xc0) == 0x80)
        len_max--;
    writer_terminal(out, span_first(text, len_max));
    writer_text(out, "...");
}

static void label_put(struct block *block, const char *label)
{
    colour_put(block, "\x1b[2m");
    writer_format(block->out, "    %-8s ", label);
    colour_put(block, "\x1b[0m");
}

/* HH:MM:SS.mmm of RFC 3339 with nanoseconds; of an event that says no time (0), dashes. */
static void head_put(struct block *block, const json_t *signal)
{
    span time = member(signal, "time"), priority = member(signal, "priority");
    bool is_time = time.len >= 23 && time.data[10] == 'T' &&
                   !span_starts(time, SPAN("1970-01-01T00:00:00.000"));
    writer_terminal(block->out, is_time ? span_of(time.data + 11, 12) : SPAN("--:--:--.---"));
    writer_text(block->out, "  ");
    colour_put(block, priority_colour(priority));
    for (size_t index = 0; index < priority.len && index < 24; index++) {
        uint8_t byte = priority.data[index];
        writer_terminal(block->out,
                        span_of(&(uint8_t){byte >= 'a' && byte <= 'z' ? byte - 32 : byte}, 1));
    }
    colour_put(block, "\x1b[0m");
    writer_text(block->out, "  ");
    colour_put(block, "\x1b[1m");
    span rule = member(signal, "rule"), output = member(signal, "output");
    writer_terminal(block->out, rule);
    colour_put(block, "\x1b[0m");
    span behind = span_after(output, output.len && span_starts(output, rule) ? rule.len : 0);
    bool says_rule = behind.len < output.len && (behind.len == 0 || behind.data[0] == ':');
    writer_text(block->out, says_rule ? "" : ": ");
    writer_terminal(block->out, says_rule ? behind : output);
    writer_byte(block->out, '\n');
}

static void where_put(struct block *block, const json_t *signal)
{
    const json_t *container = json_object_get(signal, "container");
    span id = member(container, "id"), name = member(container, "name");
    span image = member(container, "image"), host = member(signal, "hostname");
    if (!id.len && !host.len)
        return;
    label_put(block, "where");
    if (id.len) {
        writer_text(block->out, "container ");
        cut_put(block->out, name.len ? name : id, 64);
        if (name.len) {
            writer_text(block->out, " (");
            writer_terminal(block->out, span_first(id, 12));
            writer_byte(block->out, ')');
        }
        if (image.len) {
            writer_text(block->out, " image ");
            cut_put(block->out, image, 128);
        }
        writer_text(block->out, host.len ? ", " : "");
    }
    if (host.len) {
        writer_text(block->out, "host ");
        writer_terminal(block->out, host);
    }
    writer_byte(block->out, '\n');
}

static void process_put(struct block *block, const json_t *process)
{
    const json_t *pid = json_object_get(process, "pid");
    span name = member(process, "name"), cmdline = member(process, "cmdline");
    span exe = member(process, "exe");
    cut_put(block->out, name.len ? name : SPAN("?"), 64);
    if (json_is_integer(pid))
        writer_format(block->out, "[%lld]", (long long)json_integer_value(pid));
    if (cmdline.len || exe.len) {
        writer_byte(block->out, ' ');
        cut_put(block->out, cmdline.len ? cmdline : exe, CMDLINE_BYTES_MAX);
    }
    writer_byte(block->out, '\n');
}

static void processes_put(struct block *block, const json_t *signal)
{
    const json_t *processes = json_object_get(signal, "process");
    size_t count = json_array_size(processes);
    span user = member(json_array_get(processes, 0), "user");
    if (user.len) {
        label_put(block, "who");
        cut_put(block->out, user, 64);
        writer_byte(block->out, '\n');
    }
    for (size_t index = 0; index < count && index < TREE_LINES_MAX; index++) {
        label_put(block, index ? "" : "process");
        writer_text(block->out, index ? "< " : "");
        process_put(block, json_array_get(processes, index));
    }
    if (count > TREE_LINES_MAX) {
        label_put(block, "");
        writer_format(block->out, "< %zu more\n", count - TREE_LINES_MAX);
    }
}

static void line_put(struct block *block, const char *label, span text)
{
    while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == ' '))
        text.len--;
    if (!text.len)
        return;
    label_put(block, label);
    while (text.len) { /* folded texts: one line of ours for each of theirs */
        span line;
        if (!span_until(&text, '\n', &line)) {
            line = text;
            text.len = 0;
        }
        writer_terminal(block->out, line);
        writer_byte(block->out, '\n');
        if (text.len)
            label_put(block, "");
    }
}

static void notes_put(struct block *block, const json_t *signal)
{
    const json_t *dropped = json_object_get(signal, "dropped_before");
    span stage = member(signal, "stage");
    if (stage.data) {
        label_put(block, "note");
        writer_text(block->out, "the rule is in stage ");
        writer_terminal(block->out, stage);
        writer_byte(block->out, '\n');
    }
    if (json_is_true(json_object_get(signal, "name_changed")))
        line_put(block, "note", SPAN("a name in this event changed while the call ran"));
    else if (json_is_true(json_object_get(signal, "name_unverified")))
        line_put(block, "note", SPAN("a name in this event rests on the program's own memory"));
    size_t index;
    const json_t *cut;
    json_array_foreach(json_object_get(signal, "cut"), index, cut)
    {
        label_put(block, "note");
        writer_terminal(block->out, span_of(json_string_value(cut), json_string_length(cut)));
        writer_text(block->out, " was longer: cut\n");
    }
    if (json_is_integer(dropped) && json_integer_value(dropped) > 0) {
        label_put(block, "note");
        writer_format(block->out, "%lld events were lost before this one\n",
                      (long long)json_integer_value(dropped));
    }
}

err_kind signal_render_text(span json, bool is_colour, struct writer *out, struct err_ctx *err)
{
    json_error_t failure;
    __attribute__((cleanup(release_json))) json_t *signal = json_loadb(
        (const char *)json.data, json.len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &failure);
    if (!json_is_object(signal))
        return err_set(err, ERR_INPUT, "not a signal: %s",
                       signal ? "expected a JSON object" : failure.text);
    struct block block = {.out = out, .is_colour = is_colour};
    head_put(&block, signal);
    where_put(&block, signal);
    processes_put(&block, signal);
    line_put(&block, "why", member(signal, "desc"));
    line_put(&block, "do", member(signal, "response"));
    notes_put(&block, signal);
    if (out->is_full)
        return err_set(err, ERR_LIMIT, "a signal's text is over %zu bytes", out->size_max);
    return OK;
}
