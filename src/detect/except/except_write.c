/* The exception in its rule's language, and what is told of it. */
#include <stdlib.h>

#include "core/cleanup.h"
#include "except/state.h"

/* A scalar of YAML, whatever is in it: JSON's strings are such. */
static void value_write(const json_t *value, struct writer *out)
{
    AUTO(auto_free) char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
    if (text)
        writer_text(out, text);
    else
        writer_json_string(out, span_of(json_string_value(value), json_string_length(value)));
}

/* The same for Sigma, where *, ? and \\ in a string have a meaning. */
static void pattern_write(const json_t *value, struct writer *out)
{
    AUTO(writer_free) struct writer escaped;
    if (!json_is_string(value)) {
        value_write(value, out);
        return;
    }
    writer_init(&escaped, 4u << 20);
    for (const char *at = json_string_value(value); *at; at++) {
        if (*at == '*' || *at == '?' || *at == '\\')
            writer_byte(&escaped, '\\');
        writer_byte(&escaped, (uint8_t)*at);
    }
    out->is_full |= escaped.is_full;
    writer_json_string(out, writer_span(&escaped));
}

static const struct candidate *chosen_at(const struct except *except, size_t index)
{
    return &except->candidates[except->chosen[index]];
}

static void comment_write(const struct except *except, struct writer *out)
{
    writer_text(out, "# Silences: ");
    writer_terminal(out, span_str(except_text(except->signal, "output")));
    writer_format(out,
                  "\n# Of %zu other signals of the rule that were looked at it silences %zu.\n",
                  except->count, except->silenced);
    writer_text(out, "# Why: \n# Who: \n");
}

static void falco_write(const struct except *except, struct writer *out)
{
    writer_text(out, "- rule: ");
    writer_json_string(out, except->rule.name);
    writer_format(out, "\n  exceptions:\n    - name: silence_%.8s\n      fields: [",
                  except_text(except->signal, "id"));
    for (size_t index = 0; index < except->chosen_count; index++)
        writer_format(out, "%s\"%s\"", index ? ", " : "", chosen_at(except, index)->name);
    writer_text(out, "]\n      comps: [");
    for (size_t index = 0; index < except->chosen_count; index++)
        writer_text(out, index ? ", \"=\"" : "\"=\"");
    writer_text(out, "]\n      values:\n        - [");
    for (size_t index = 0; index < except->chosen_count; index++) {
        writer_text(out, index ? ", " : "");
        value_write(chosen_at(except, index)->value, out);
    }
    writer_text(out, "]\n  override:\n    exceptions: append\n");
}

static void logsource_part(const char *name, span value, struct writer *out)
{
    if (!value.data)
        return;
    writer_format(out, "  %s: ", name);
    writer_json_string(out, value);
    writer_byte(out, '\n');
}

/* The id is the signal's, in the shape of a UUID of version 4. */
static void sigma_write(const struct except *except, struct writer *out)
{
    AUTO(writer_free) struct writer title;
    const char *id = except_text(except->signal, "id");
    writer_init(&title, 1u << 16);
    writer_text(&title, "Silence of ");
    writer_put(&title, span_first(except->rule.name, 200));
    writer_text(out, "title: ");
    writer_json_string(out, writer_span(&title));
    if (strlen(id) == 32)
        writer_format(out, "\nid: %.8s-%.4s-4%.3s-8%.3s-%.12s", id, id + 8, id + 13, id + 17,
                      id + 20);
    writer_text(out, "\nlogsource:\n");
    logsource_part("product", except->rule.logsource.product, out);
    logsource_part("category", except->rule.logsource.category, out);
    logsource_part("service", except->rule.logsource.service, out);
    writer_text(out, "filter:\n  rules:\n    - ");
    writer_json_string(out, except->rule.id);
    writer_text(out, "\n  selection:\n");
    for (size_t index = 0; index < except->chosen_count; index++) {
        writer_text(out, "    ");
        writer_json_string(out, span_str(chosen_at(except, index)->name));
        writer_text(out, ": ");
        pattern_write(chosen_at(except, index)->value, out);
        writer_byte(out, '\n');
    }
    writer_text(out, "  condition: not selection\n");
}

void except_write(const struct except *except, struct writer *out)
{
    comment_write(except, out);
    if (except->rule.language == EXCEPT_FALCO)
        falco_write(except, out);
    else
        sigma_write(except, out);
}

/* ---- the report ---- */

static bool is_silenced(const struct except *except, size_t other)
{
    for (size_t index = 0; index < except->chosen_count; index++)
        if (!(chosen_at(except, index)->same[other / 64] >> other % 64 & 1))
            return false;
    return true;
}

static json_t *samples_make(const struct except *except)
{
    json_t *samples = json_array();
    for (size_t other = 0; other < except->count && other < except->other_size; other++) {
        if (json_array_size(samples) == EXCEPT_SAMPLES_MAX)
            break;
        if (is_silenced(except, other) && except->others[other].time &&
            except->others[other].output)
            json_array_append_new(samples,
                                  json_pack("{s:s, s:s}", "time", except->others[other].time,
                                            "output", except->others[other].output));
    }
    return samples;
}

json_t *except_report(const struct except *except)
{
    json_t *fields = json_array();
    for (size_t index = 0; index < except->chosen_count; index++)
        json_array_append_new(fields,
                              json_pack("{s:s, s:O}", "name", chosen_at(except, index)->name,
                                        "value", chosen_at(except, index)->value));
    return json_pack("{s:O, s:s, s:O?, s:o, s:{s:I, s:I, s:o}}", "rule",
                     json_object_get(except->signal, "rule"), "language",
                     except->rule.language == EXCEPT_FALCO ? "falco" : "sigma", "signal",
                     json_object_get(except->signal, "id"), "fields", fields, "others", "of",
                     (json_int_t)except->count, "silenced", (json_int_t)except->silenced, "samples",
                     samples_make(except));
}
