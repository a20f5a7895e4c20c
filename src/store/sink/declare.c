/* A declaration, from YAML to JSON whose values are checked texts; the JSON keeps the options'
 * names. */
#include <assert.h>

#include "sink/option.h"

struct declare {
    const struct yaml_file *file;
    struct diagnostics *diagnostics;
    const struct sink_kind *kind;
    struct sink_settings scratch; /* where values are tried */
    struct writer *out;
    uint64_t seen; /* a bit for each option */
};

static void complain_at(struct declare *declare, const struct yaml_node *node, const char *hint,
                        const char *text)
{
    struct position at = yaml_position(declare->file, node);
    diagnostics_error(declare->diagnostics, &at, hint, "%s", text);
}

/* The edit distance of short words, for hints. */
static size_t distance(span a, span b)
{
    size_t row[32];
    if (a.len >= 31 || b.len >= 31)
        return 31;
    for (size_t column = 0; column <= b.len; column++)
        row[column] = column;
    for (size_t line = 1; line <= a.len; line++) {
        size_t diagonal = row[0];
        row[0] = line;
        for (size_t column = 1; column <= b.len; column++) {
            size_t changed = diagonal + (a.data[line - 1] != b.data[column - 1]);
            size_t moved = (row[column] < row[column - 1] ? row[column] : row[column - 1]) + 1;
            diagonal = row[column];
            row[column] = changed < moved ? changed : moved;
        }
    }
    return row[b.len];
}

static const char *option_hint(const struct declare *declare, span name)
{
    const char *best = distance(name, SPAN("kind")) < 3 ? "kind" : NULL;
    size_t least = best ? distance(name, SPAN("kind")) : 3;
    const struct sink_option *option;
    for (size_t index = 0; (option = sink_option_at(index)); index++) {
        size_t far = distance(name, span_str(option->name));
        if (far < least && (!declare->kind || sink_option_is_for(option, declare->kind))) {
            least = far;
            best = option->name;
        }
    }
    return best;
}

static const char *kind_hint(span name)
{
    const char *best = NULL;
    size_t least = 4;
    const struct sink_kind *kind;
    for (size_t index = 0; (kind = sink_kind_at(index)); index++) {
        size_t far = distance(name, span_str(kind->name));
        if (far < least) {
            least = far;
            best = kind->name;
        }
    }
    return best;
}

/* ---- values ---- */

static void member_put(struct declare *declare, span name, span value)
{
    writer_byte(declare->out, ',');
    writer_json_string(declare->out, name);
    writer_byte(declare->out, ':');
    writer_json_string(declare->out, value);
}

static void scalar_read(struct declare *declare, const struct sink_option *option,
                        const struct yaml_node *value, span text)
{
    char wrong[SINK_REASON_BYTES];
    if (memchr(text.data, 0, text.len) ||
        !sink_option_set(option, &declare->scratch, (const char *)text.data)) {
        snprintf(wrong, sizeof wrong, "%s: expected %s, found '" PRI_SPAN "'", option->name,
                 sink_option_expected(option), ARG_SPAN(text));
        complain_at(declare, value, NULL, wrong);
        return;
    }
    member_put(declare, span_str(option->name), text);
}

/* A list of topics becomes words with commas. */
static void topics_read(struct declare *declare, const struct sink_option *option,
                        const struct yaml_node *value)
{
    char words[64];
    size_t len = 0;
    for (const struct yaml_node *item = value->first; item; item = item->next) {
        if (item->kind != YAML_SCALAR || len + item->text.len + 2 > sizeof words) {
            complain_at(declare, item, NULL, "topics: expected alerts, signals, or a list of them");
            return;
        }
        if (len)
            words[len++] = ',';
        memcpy(words + len, item->text.data, item->text.len);
        len += item->text.len;
    }
    words[len] = 0;
    scalar_read(declare, option, value, span_of(words, len));
}

static bool is_header_part(span text, bool is_name)
{
    for (size_t index = 0; index < text.len; index++)
        if (text.data[index] < 0x20 || text.data[index] == 0x7f ||
            (is_name && (text.data[index] == ':' || text.data[index] == ' ')))
            return false;
    return text.len > 0 || !is_name;
}

static void pairs_read(struct declare *declare, const struct sink_option *option,
                       const struct yaml_node *value)
{
    size_t count = 0;
    writer_byte(declare->out, ',');
    writer_json_string(declare->out, span_str(option->name));
    writer_text(declare->out, ":{");
    for (const struct yaml_node *key = value->first; key; key = key->next) {
        const struct yaml_node *item = key->value;
        if (item->kind != YAML_SCALAR || !is_header_part(key->text, true) ||
            !is_header_part(item->text, false)) {
            complain_at(declare, item, NULL,
                        "expected a name and a text without control characters");
            continue;
        }
        if (count++ == SINK_PAIRS_MAX)
            complain_at(declare, key, NULL, "more than 32 of them");
        writer_text(declare->out, count > 1 ? "," : "");
        writer_json_string(declare->out, key->text);
        writer_byte(declare->out, ':');
        writer_json_string(declare->out, item->text);
    }
    writer_byte(declare->out, '}');
}

static void value_read(struct declare *declare, const struct sink_option *option,
                       const struct yaml_node *value)
{
    char wrong[SINK_REASON_BYTES];
    if (option->type == SINK_OPTION_PAIRS && value->kind == YAML_MAPPING) {
        pairs_read(declare, option, value);
    } else if (option->type == SINK_OPTION_TOPICS && value->kind == YAML_SEQUENCE) {
        topics_read(declare, option, value);
    } else if (value->kind == YAML_SCALAR && option->type != SINK_OPTION_PAIRS) {
        scalar_read(declare, option, value, value->text);
    } else {
        snprintf(wrong, sizeof wrong, "%s: expected %s", option->name,
                 sink_option_expected(option));
        complain_at(declare, value, NULL, wrong);
    }
}

/* ---- options ---- */

static void option_read(struct declare *declare, const struct yaml_node *key, span name)
{
    char wrong[SINK_REASON_BYTES];
    const struct sink_option *option = sink_option_find(name);
    if (!option) {
        snprintf(wrong, sizeof wrong, "no option '" PRI_SPAN "'", ARG_SPAN(name));
        complain_at(declare, key, option_hint(declare, name), wrong);
        return;
    }
    for (size_t index = 0; sink_option_at(index); index++)
        declare->seen |= sink_option_at(index) == option ? 1ull << index : 0;
    if (declare->kind && !sink_option_is_for(option, declare->kind)) {
        snprintf(wrong, sizeof wrong, "a sink of kind %s has no option '%s'", declare->kind->name,
                 option->name);
        complain_at(declare, key, NULL, wrong);
        return;
    }
    value_read(declare, option, key->value);
}

/* `tls: {ca_file: …}` is tls.ca_file. */
static void tls_read(struct declare *declare, const struct yaml_node *tls)
{
    if (tls->value->kind != YAML_MAPPING) {
        complain_at(declare, tls->value, NULL,
                    "tls: expected a mapping of ca_file, cert_file, key_file, verify");
        return;
    }
    for (const struct yaml_node *key = tls->value->first; key; key = key->next) {
        char name[64];
        int length =
            snprintf(name, sizeof name, "tls." PRI_SPAN, ARG_SPAN(span_first(key->text, 40)));
        option_read(declare, key, span_of(name, (size_t)length));
    }
}

static void kind_read(struct declare *declare, const struct yaml_node *root)
{
    char wrong[SINK_REASON_BYTES];
    const struct yaml_node *kind = yaml_get(root, "kind");
    if (!kind) {
        complain_at(declare, root, NULL, "no 'kind': what the sink sends to, such as webhook");
        return;
    }
    declare->kind = kind->kind == YAML_SCALAR ? sink_kind_find(kind->text) : NULL;
    if (declare->kind)
        return;
    span name = kind->kind == YAML_SCALAR ? kind->text : SPAN("");
    snprintf(wrong, sizeof wrong, "no kind of sink '" PRI_SPAN "'; 'picket sink kinds' lists them",
             ARG_SPAN(name));
    complain_at(declare, kind, kind_hint(name), wrong);
}

/* What was not said, and what has to be. */
static void rest_fill(struct declare *declare, const struct yaml_node *root)
{
    char wrong[SINK_REASON_BYTES];
    const struct sink_option *option;
    for (size_t index = 0; (option = sink_option_at(index)); index++) {
        if (declare->seen >> index & 1 || !sink_option_is_for(option, declare->kind))
            continue;
        if (sink_option_is_needed(option, declare->kind)) {
            snprintf(wrong, sizeof wrong, "a sink of kind %s needs '%s'", declare->kind->name,
                     option->name);
            complain_at(declare, root, NULL, wrong);
        } else if (option->preset) {
            member_put(declare, span_str(option->name), span_str(option->preset));
        }
    }
}

/* ---- what one option alone does not tell ---- */

static bool is_url_of(const char *url, const char *schemes)
{
    span rest = span_str(schemes), scheme;
    while (rest.len) {
        if (!span_until(&rest, ' ', &scheme)) {
            scheme = rest;
            rest.len = 0;
        }
        if (span_starts(span_str(url), scheme) && strlen(url) > scheme.len)
            return true;
    }
    return false;
}

static void url_check(struct declare *declare, const struct yaml_node *root)
{
    const struct yaml_node *url = yaml_get(root, "url");
    const char *text = declare->scratch.url;
    bool is_syslog = declare->kind == sink_kind_find(SPAN("syslog"));
    bool is_kafka = declare->kind == sink_kind_find(SPAN("kafka"));
    if (!url || !text)
        return;
    const char *schemes = is_syslog  ? "udp:// tcp:// tls:// unix://"
                          : is_kafka ? "kafka://"
                                     : "https:// http://";
    if (!is_url_of(text, schemes)) {
        char wrong[SINK_REASON_BYTES];
        snprintf(wrong, sizeof wrong, "url: expected one that begins with %s", schemes);
        complain_at(declare, url, NULL, wrong);
    }
    const char *at = strchr(text, '@');
    if (at && strstr(text, "://") &&
        strcspn(strstr(text, "://") + 3, "/?#") > (size_t)(at - strstr(text, "://") - 3))
        complain_at(declare, url, NULL, "url: a name and password do not belong in it; use files");
}

static void whole_check(struct declare *declare, const struct yaml_node *root)
{
    const struct sink_settings *scratch = &declare->scratch;
    url_check(declare, root);
    if (!scratch->cert_file.path != !scratch->key_file.path)
        complain_at(declare, root, NULL, "tls: cert_file and key_file go together");
    if (scratch->user && !scratch->token_file.path)
        complain_at(declare, root, NULL, "user: the password is expected in 'token_file'");
}

static void name_put(struct declare *declare, span file_name, const struct yaml_node *root)
{
    const uint8_t *slash = memrchr(file_name.data, '/', file_name.len);
    span name = slash ? span_after(file_name, (size_t)(slash + 1 - file_name.data)) : file_name;
    const uint8_t *dot = memrchr(name.data, '.', name.len);
    if (dot)
        name.len = (size_t)(dot - name.data);
    bool is_good = name.len > 0 && name.len <= SINK_NAME_BYTES_MAX;
    for (size_t index = 0; index < name.len; index++) {
        uint8_t byte = name.data[index];
        is_good &= (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
                   byte == '_';
    }
    if (!is_good)
        complain_at(declare, root, NULL,
                    "the file's name is the sink's: expected at most 63 of a-z, 0-9, - and _");
    writer_text(declare->out, "{\"name\":");
    writer_json_string(declare->out, name);
    member_put(declare, SPAN("file"), file_name);
}

static void document_read(struct declare *declare, span file_name, const struct yaml_node *root)
{
    name_put(declare, file_name, root);
    kind_read(declare, root);
    if (declare->kind)
        member_put(declare, SPAN("kind"), span_str(declare->kind->name));
    for (const struct yaml_node *key = root->first; key; key = key->next) {
        if (span_eq(key->text, SPAN("kind")))
            continue;
        if (span_eq(key->text, SPAN("tls")))
            tls_read(declare, key);
        else
            option_read(declare, key, key->text);
    }
    if (declare->kind) {
        rest_fill(declare, root);
        whole_check(declare, root);
    }
    writer_byte(declare->out, '}');
}

void sink_declare(span file_name, span bytes, struct diagnostics *diagnostics, struct writer *out)
{
    struct yaml_file file;
    struct declare declare = {.file = &file, .diagnostics = diagnostics, .out = out};
    if (yaml_open(&file, file_name, bytes, diagnostics)) {
        const struct yaml_node *root = file.document_count ? file.documents[0] : NULL;
        if (root && root->kind == YAML_MAPPING && file.document_count == 1) {
            document_read(&declare, file_name, root);
        } else {
            struct position at = {.file = file_name, .line = 1, .column = 1};
            if (root)
                at = yaml_position(&file, root);
            diagnostics_error(diagnostics, &at, NULL, "expected one mapping: a sink's options");
        }
    }
    yaml_close(&file);
}
