#include <string.h>

#include "lab/diff_state.h"

static const char *const status_names[] = {
    [DIFF_SAME] = "same",
    [DIFF_ADDED] = "added",
    [DIFF_REMOVED] = "removed",
    [DIFF_CHANGED] = "changed",
};

static bool is_shown(const struct diff_rule *rule)
{
    return rule->status != DIFF_SAME || rule->lost.count || rule->gained.count;
}

/* ---- text ---- */

static void totals_text(const struct diff *diff, struct writer *out)
{
    writer_format(out, "%llu events: %zu rules added, %zu removed, %zu changed, %zu the same; ",
                  (unsigned long long)diff->sides[1].events, diff->status_counts[DIFF_ADDED],
                  diff->status_counts[DIFF_REMOVED], diff->status_counts[DIFF_CHANGED],
                  diff->status_counts[DIFF_SAME]);
    writer_format(out, "%llu matches gained, %llu lost\n", (unsigned long long)diff->gained,
                  (unsigned long long)diff->lost);
    for (size_t side = 0; side < DIFF_SIDES; side++)
        if (diff->sides[side].undecided)
            writer_format(out, "%s: %llu times a rule was undecided\n", side ? "after" : "before",
                          (unsigned long long)diff->sides[side].undecided);
}

static void change_text(const struct diff *diff, const struct diff_change *change, char sign,
                        struct writer *out)
{
    for (size_t index = 0; index < change->sample_count; index++) {
        const struct diff_sample *sample = &change->samples[index];
        writer_format(out, "    %c ", sign);
        writer_terminal(out, span_str(diff->files[sample->event.file]));
        writer_format(out, ":%llu  ", (unsigned long long)sample->event.number);
        writer_terminal(out, span_str(sample->output ? sample->output : ""));
        writer_byte(out, '\n');
    }
    if (change->count > change->sample_count)
        writer_format(out, "    %c and %llu more\n", sign,
                      (unsigned long long)(change->count - change->sample_count));
}

static const char *place_last(const struct diff_rule *rule)
{
    return rule->place[1] ? rule->place[1] : rule->place[0];
}

void diff_write_text(const struct diff *diff, struct writer *out)
{
    for (size_t index = 0; index < diff->rule_count; index++) {
        const struct diff_rule *rule = &diff->rules[index];
        if (!is_shown(rule))
            continue;
        writer_format(out, "%-7s ", status_names[rule->status]);
        writer_terminal(out, span_str(rule->name));
        writer_text(out, "  (");
        writer_terminal(out, span_str(place_last(rule)));
        writer_format(out, "): %llu -> %llu matches, +%llu -%llu\n",
                      (unsigned long long)rule->matches[0], (unsigned long long)rule->matches[1],
                      (unsigned long long)rule->gained.count, (unsigned long long)rule->lost.count);
        change_text(diff, &rule->gained, '+', out);
        change_text(diff, &rule->lost, '-', out);
    }
    totals_text(diff, out);
}

/* ---- Markdown ---- */

/* Text that no reader of Markdown takes for markup: a code span without its own backticks, bars and
 * line ends, so that it fits a cell. */
static void code_write(struct writer *out, const char *text)
{
    writer_byte(out, '`');
    for (; *text; text++)
        writer_byte(out, *text == '`'           ? '\''
                         : *text == '|'         ? '/'
                         : (uint8_t)*text < ' ' ? ' '
                                                : (uint8_t)*text);
    writer_byte(out, '`');
}

static void change_markdown(const struct diff *diff, const struct diff_change *change,
                            const char *title, struct writer *out)
{
    if (!change->count)
        return;
    writer_format(out, "\n%s: %llu\n\n", title, (unsigned long long)change->count);
    for (size_t index = 0; index < change->sample_count; index++) {
        const struct diff_sample *sample = &change->samples[index];
        writer_text(out, "- ");
        code_write(out, diff->files[sample->event.file]);
        writer_format(out, " event %llu: ", (unsigned long long)sample->event.number);
        code_write(out, sample->output && *sample->output ? sample->output : "-");
        writer_byte(out, '\n');
    }
}

void diff_write_markdown(const struct diff *diff, struct writer *out)
{
    writer_text(out, "# What the change of rules changes\n\n");
    totals_text(diff, out);
    if (!diff_has_changes(diff))
        return;
    writer_text(out, "\n| rule | | before | after | gained | lost |\n|---|---|---|---|---|---|\n");
    for (size_t index = 0; index < diff->rule_count; index++) {
        const struct diff_rule *rule = &diff->rules[index];
        if (!is_shown(rule))
            continue;
        writer_text(out, "| ");
        code_write(out, rule->name);
        writer_format(out, " | %s | %llu | %llu | %llu | %llu |\n", status_names[rule->status],
                      (unsigned long long)rule->matches[0], (unsigned long long)rule->matches[1],
                      (unsigned long long)rule->gained.count, (unsigned long long)rule->lost.count);
    }
    for (size_t index = 0; index < diff->rule_count; index++) {
        const struct diff_rule *rule = &diff->rules[index];
        if (!rule->lost.count && !rule->gained.count)
            continue;
        writer_text(out, "\n## ");
        code_write(out, rule->name);
        writer_byte(out, '\n');
        change_markdown(diff, &rule->gained, "Gained", out);
        change_markdown(diff, &rule->lost, "Lost", out);
    }
}

/* ---- JSON ---- */

static void change_json(const struct diff *diff, const struct diff_change *change, const char *key,
                        struct writer *out)
{
    writer_format(out, ",\"%s\":{\"count\":%llu,\"samples\":[", key,
                  (unsigned long long)change->count);
    for (size_t index = 0; index < change->sample_count; index++) {
        const struct diff_sample *sample = &change->samples[index];
        writer_text(out, index ? ",{\"file\":" : "{\"file\":");
        writer_json_string(out, span_str(diff->files[sample->event.file]));
        writer_format(out, ",\"event\":%llu,\"output\":", (unsigned long long)sample->event.number);
        writer_json_string(out, span_str(sample->output ? sample->output : ""));
        writer_byte(out, '}');
    }
    writer_text(out, "]}");
}

static void text_or_null(struct writer *out, const char *text)
{
    if (text)
        writer_json_string(out, span_str(text));
    else
        writer_text(out, "null");
}

void diff_write_json(const struct diff *diff, struct writer *out)
{
    const char *separator = "";
    writer_format(out,
                  "{\"events\":%llu,\"added\":%zu,\"removed\":%zu,\"changed\":%zu,\"same\":%zu",
                  (unsigned long long)diff->sides[1].events, diff->status_counts[DIFF_ADDED],
                  diff->status_counts[DIFF_REMOVED], diff->status_counts[DIFF_CHANGED],
                  diff->status_counts[DIFF_SAME]);
    writer_format(out, ",\"gained\":%llu,\"lost\":%llu,\"undecided\":[%llu,%llu],\"rules\":[",
                  (unsigned long long)diff->gained, (unsigned long long)diff->lost,
                  (unsigned long long)diff->sides[0].undecided,
                  (unsigned long long)diff->sides[1].undecided);
    for (size_t index = 0; index < diff->rule_count; index++) {
        const struct diff_rule *rule = &diff->rules[index];
        if (!is_shown(rule))
            continue;
        writer_format(out, "%s{\"rule\":", separator);
        writer_json_string(out, span_str(rule->name));
        writer_text(out, ",\"id\":");
        text_or_null(out, rule->id);
        writer_format(out, ",\"status\":\"%s\",\"before\":", status_names[rule->status]);
        text_or_null(out, rule->place[0]);
        writer_text(out, ",\"after\":");
        text_or_null(out, rule->place[1]);
        writer_format(out, ",\"matches\":[%llu,%llu]", (unsigned long long)rule->matches[0],
                      (unsigned long long)rule->matches[1]);
        change_json(diff, &rule->gained, "gained", out);
        change_json(diff, &rule->lost, "lost", out);
        writer_byte(out, '}');
        separator = ",";
    }
    writer_text(out, "]}\n");
}
