/* The options of sinks, and their values as text. */
#include "sink/option.h"

#include <errno.h>
#include <stddef.h>

#include "config/config.h"

#define HTTP          "webhook opensearch falcosidekick splunk-hec otlp-logs"
#define REMOTE        HTTP " syslog kafka"
#define FIELD(member) offsetof(struct sink_settings, member)

/* `kind` stands first in declarations; it is read apart, since it says which others there are. */
static const struct sink_option option_table[] = {
    {"url", SINK_OPTION_TEXT, FIELD(url), NULL, NULL, REMOTE, REMOTE},
    {"path", SINK_OPTION_FILE, FIELD(path), NULL, NULL, "file", "file"},
    {"format", SINK_OPTION_CHOICE, FIELD(format), NULL, "picket|falco|ocsf|ecs", NULL, NULL},
    {"topics", SINK_OPTION_TOPICS, FIELD(takes_alerts), "alerts", NULL, NULL, NULL},
    {"priority", SINK_OPTION_PRIORITY, FIELD(priority_max), "debug", NULL, NULL, NULL},
    {"versions", SINK_OPTION_CHOICE, FIELD(versions), "all", "all|first|final", NULL, NULL},
    {"start", SINK_OPTION_CHOICE, FIELD(starts_newest), "oldest", "oldest|newest", NULL, NULL},
    {"batch", SINK_OPTION_COUNT, FIELD(batch_max), NULL, NULL, NULL, NULL},
    {"timeout", SINK_OPTION_DURATION, FIELD(timeout_ns), "10s", NULL, NULL, NULL},
    {"retry_max", SINK_OPTION_DURATION, FIELD(retry_max_ns), "1m", NULL, NULL, NULL},
    {"max_age", SINK_OPTION_DURATION, FIELD(age_max_ns), NULL, NULL, NULL, NULL},
    {"rate", SINK_OPTION_RATE, FIELD(rate_count), NULL, NULL, NULL, NULL},
    {"token_file", SINK_OPTION_FILE, FIELD(token_file), NULL, NULL, HTTP, "splunk-hec"},
    {"user", SINK_OPTION_TEXT, FIELD(user), NULL, NULL, "opensearch", NULL},
    {"secret_file", SINK_OPTION_FILE, FIELD(secret_file), NULL, NULL, "webhook", NULL},
    {"headers", SINK_OPTION_PAIRS, FIELD(headers), NULL, NULL, HTTP, NULL},
    {"tls.ca_file", SINK_OPTION_FILE, FIELD(ca_file), NULL, NULL, HTTP " syslog", NULL},
    {"tls.cert_file", SINK_OPTION_FILE, FIELD(cert_file), NULL, NULL, HTTP " syslog", NULL},
    {"tls.key_file", SINK_OPTION_FILE, FIELD(key_file), NULL, NULL, HTTP " syslog", NULL},
    {"tls.verify", SINK_OPTION_FLAG, FIELD(is_verified), "true", NULL, HTTP " syslog", NULL},
    {"index", SINK_OPTION_TEXT, FIELD(index), NULL, NULL, "opensearch splunk-hec", "opensearch"},
    {"data_stream", SINK_OPTION_FLAG, FIELD(is_data_stream), "false", NULL, "opensearch", NULL},
    {"template", SINK_OPTION_FLAG, FIELD(has_template), "true", NULL, "opensearch", NULL},
    {"topic", SINK_OPTION_TEXT, FIELD(topic), NULL, NULL, "kafka", "kafka"},
    {"properties", SINK_OPTION_PAIRS, FIELD(properties), NULL, NULL, "kafka", NULL},
    {"facility", SINK_OPTION_TEXT, FIELD(facility), "local0", NULL, "syslog", NULL},
    {"source", SINK_OPTION_TEXT, FIELD(source), "picket", NULL, "splunk-hec", NULL},
};
#define OPTION_COUNT_MAX (sizeof option_table / sizeof *option_table)

const struct sink_option *sink_option_at(size_t index)
{
    return index < OPTION_COUNT_MAX ? &option_table[index] : NULL;
}

const struct sink_option *sink_option_find(span name)
{
    for (size_t index = 0; index < OPTION_COUNT_MAX; index++)
        if (span_eq(name, span_str(option_table[index].name)))
            return &option_table[index];
    return NULL;
}

/* Is `word` one of the words in a list? Its place is *ret_place. */
static bool word_find(const char *list, char separator, span word, int *ret_place)
{
    span rest = span_str(list), one;
    *ret_place = 0;
    for (;; ++*ret_place) {
        bool is_last = !span_until(&rest, (uint8_t)separator, &one);
        if (span_eq(is_last ? rest : one, word))
            return true;
        if (is_last)
            return false;
    }
}

bool sink_option_is_for(const struct sink_option *option, const struct sink_kind *kind)
{
    int place;
    return !option->kinds || word_find(option->kinds, ' ', span_str(kind->name), &place);
}

bool sink_option_is_needed(const struct sink_option *option, const struct sink_kind *kind)
{
    int place;
    return option->needed && word_find(option->needed, ' ', span_str(kind->name), &place);
}

/* ---- values ---- */

static bool number_parse(const char *text, uint64_t max, uint64_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *end || text[0] < '0' || text[0] > '9' || value < 1 || value > max)
        return false;
    *ret = value;
    return true;
}

/* "100/m" */
static bool rate_parse(const char *text, uint64_t *ret_count, uint64_t *ret_ns)
{
    char number[24];
    const char *slash = strchr(text, '/');
    if (!slash || (size_t)(slash - text) >= sizeof number)
        return false;
    memcpy(number, text, (size_t)(slash - text));
    number[slash - text] = 0;
    uint64_t seconds = strcmp(slash, "/s") == 0   ? 1
                       : strcmp(slash, "/m") == 0 ? 60
                       : strcmp(slash, "/h") == 0 ? 3600
                                                  : 0;
    *ret_ns = seconds * 1000000000u;
    return seconds && number_parse(number, 1000000, ret_count);
}

/* The words behind each other, separated by commas: a list of one is the usual case. */
static bool topics_parse(const char *text, struct sink_settings *settings)
{
    span rest = span_str(text), word;
    settings->takes_alerts = settings->takes_signals = false;
    for (bool is_last = false; !is_last;) {
        is_last = !span_until(&rest, ',', &word);
        if (is_last)
            word = rest;
        if (span_eq(word, SPAN("alerts")))
            settings->takes_alerts = true;
        else if (span_eq(word, SPAN("signals")))
            settings->takes_signals = true;
        else
            return false;
    }
    return true;
}

bool sink_option_set(const struct sink_option *option, struct sink_settings *settings,
                     const char *text)
{
    void *place = (char *)settings + option->offset;
    int choice;
    switch (option->type) {
    case SINK_OPTION_TEXT:
        *(const char **)place = text;
        return text[0] != 0;
    case SINK_OPTION_FILE:
        *(struct sink_file *)place = (struct sink_file){.path = text, .fd = -1};
        return text[0] != 0;
    case SINK_OPTION_FLAG:
        *(bool *)place = strcmp(text, "true") == 0;
        return *(bool *)place || strcmp(text, "false") == 0;
    case SINK_OPTION_COUNT:
        return number_parse(text, SINK_BATCH_MAX, place);
    case SINK_OPTION_DURATION:
        return duration_parse(text, place) && *(uint64_t *)place > 0;
    case SINK_OPTION_RATE:
        return rate_parse(text, place, (uint64_t *)place + 1);
    case SINK_OPTION_PRIORITY:
        return signal_priority_parse(span_str(text), place);
    case SINK_OPTION_TOPICS:
        return topics_parse(text, settings);
    case SINK_OPTION_CHOICE:
        if (!word_find(option->choices, '|', span_str(text), &choice))
            return false;
        if (option->offset == FIELD(starts_newest))
            *(bool *)place = choice;
        else
            *(unsigned *)place = (unsigned)choice;
        return true;
    case SINK_OPTION_PAIRS:
        break; /* no single text */
    }
    return false;
}

const char *sink_option_expected(const struct sink_option *option)
{
    switch (option->type) {
    case SINK_OPTION_FLAG:
        return "true or false";
    case SINK_OPTION_COUNT:
        return "a number from 1 to 1000";
    case SINK_OPTION_DURATION:
        return "a duration such as 500ms, 10s or 5m";
    case SINK_OPTION_RATE:
        return "a rate such as 10/s, 100/m or 1000/h";
    case SINK_OPTION_PRIORITY:
        return "a priority: emergency, alert, critical, error, warning, notice, informational or "
               "debug";
    case SINK_OPTION_TOPICS:
        return "alerts, signals, or a list of them";
    case SINK_OPTION_CHOICE:
        return option->choices;
    case SINK_OPTION_PAIRS:
        return "a mapping of names to values";
    case SINK_OPTION_TEXT:
    case SINK_OPTION_FILE:
        break;
    }
    return "a text";
}
