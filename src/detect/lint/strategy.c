/* Strategies and the events of rules. */
#include <jansson.h>

#include "attack/attack.h"
#include "lint/private.h"

static const char *const sections[] = {
    "Goal",
    "Categorization",
    "Strategy Abstract",
    "Technical Context",
    "Blind Spots and Assumptions",
    "False Positives",
    "Validation",
    "Priority",
    "Response",
};

static void sections_check(struct lint *lint, const struct strategy *strategy)
{
    const struct position at = {strategy->name, 1, 1};
    for (size_t index = 0; index < sizeof sections / sizeof sections[0]; index++) {
        span text = strategy_section(strategy, span_str(sections[index]));
        if (!text.data || text.len == 0)
            lint_report(lint, &at, "the strategy %s section '## %s'",
                        text.data ? "has nothing in its" : "lacks the", sections[index]);
    }
}

/* Techniques and tactics of the tags: they exist, and the strategy names each technique. */
static void tags_check(struct lint *lint, const struct strategy *strategy)
{
    size_t techniques = 0;
    for (size_t index = 0; index < lint->rule->tag_count; index++) {
        span tag = lint->rule->tags[index];
        enum attack_tactic tactic;
        span id;
        if (attack_tag_technique(tag, &id)) {
            techniques++;
            if (!attack_technique_find(id))
                lint_report(lint, &lint->at,
                            "tag '" PRI_SPAN "': no such technique in ATT&CK v" ATTACK_VERSION,
                            ARG_SPAN(tag));
            else if (strategy &&
                     !span_contains(strategy_section(strategy, SPAN("Categorization")), id))
                lint_report(lint, &lint->at,
                            "tag '" PRI_SPAN "' is not under Categorization of its strategy",
                            ARG_SPAN(tag));
        } else if (span_starts(tag, SPAN("mitre_")) && !attack_tag_tactic(tag, &tactic)) {
            lint_report(lint, &lint->at,
                        "tag '" PRI_SPAN "': no such tactic in ATT&CK v" ATTACK_VERSION,
                        ARG_SPAN(tag));
        }
    }
    if (techniques == 0)
        lint_report(lint, &lint->at, "no tag names a technique of ATT&CK, as T1059.004 does");
}

void lint_strategy(struct lint *lint, const struct lint_file *file)
{
    const struct strategy *strategy = file->strategy;
    tags_check(lint, strategy);
    if (!strategy || !strategy->name.data) {
        lint_report(lint, &lint->at, "no strategy: expected a file of its name ending in .md");
        return;
    }
    const struct position at = {strategy->name, 1, 1};
    sections_check(lint, strategy);
    if (!strategy->owner.data)
        lint_report(lint, &at, "the strategy names no 'owner' in its front matter");
}

/* ---- events ---- */

static bool line_take(span *text, span *ret)
{
    if (span_until(text, '\n', ret))
        return true;
    *ret = *text;
    *text = span_after(*text, text->len);
    return ret->len > 0;
}

/* Does the line hold an event of the rule? *ret_match: whether it must fire. */
static bool event_read(span line, span rule, bool *ret_match)
{
    bool is_of_rule = false;
    json_t *json = json_loadb((const char *)line.data, line.len, 0, NULL);
    const json_t *name = json_object_get(json, "rule");
    const json_t *match = json_object_get(json, "match");
    if (json_is_string(name) && json_is_boolean(match)) {
        is_of_rule = span_eq(span_of(json_string_value(name), json_string_length(name)), rule);
        *ret_match = json_is_true(match);
    }
    json_decref(json);
    return is_of_rule;
}

void lint_tests(struct lint *lint, const struct lint_file *file)
{
    size_t counts[2] = {0, 0};
    span rest = file->tests, line;
    bool must_fire = false;
    if (!file->tests.data) {
        lint_report(lint, &lint->at,
                    "no events: expected a file of its name ending in "
                    ".test.ndjson");
        return;
    }
    while (line_take(&rest, &line))
        if (event_read(line, lint->rule->name, &must_fire))
            counts[must_fire]++;
    if (counts[true] == 0)
        lint_report(lint, &lint->at, "no event that must fire it is among its tests");
    if (counts[false] == 0)
        lint_report(lint, &lint->at, "no event that must not fire it is among its tests");
}
