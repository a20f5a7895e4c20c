#include "coverage/coverage.h"

#include <assert.h>
#include <stdlib.h>

#include "core/cleanup.h"
#include "core/vector.h"

#define PAIRS_MAX 10000000

/* A rule and one technique that it is for. */
struct pair {
    const struct attack_technique *technique;
    const struct rule_info *rule;
};

/* A tag that is meant as a technique, but there is none of that id. */
struct unknown {
    span tag;
    const struct rule_info *rule;
};

struct coverage {
    struct pair *pairs; /* by technique's id, then in the rules' order */
    size_t count, size;
    struct unknown *unknown;
    size_t unknown_count, unknown_size;
    size_t rules;          /* that run */
    size_t untagged_rules; /* of these, without a technique */
};

static bool unknown_add(struct coverage *coverage, const struct rule_info *rule, span tag)
{
    if (!vector_grow(&coverage->unknown, &coverage->unknown_size, coverage->unknown_count,
                     PAIRS_MAX, sizeof *coverage->unknown))
        return false;
    coverage->unknown[coverage->unknown_count++] = (struct unknown){tag, rule};
    return true;
}

static bool has_pair(const struct coverage *coverage, size_t first,
                     const struct attack_technique *technique)
{
    for (size_t index = first; index < coverage->count; index++)
        if (coverage->pairs[index].technique == technique)
            return true;
    return false;
}

static bool rule_add(struct coverage *coverage, const struct rule_info *rule)
{
    size_t first = coverage->count;
    for (size_t index = 0; index < rule->tag_count; index++) {
        span id;
        if (!attack_tag_technique(rule->tags[index], &id))
            continue;
        const struct attack_technique *technique = attack_technique_find(id);
        if (!technique) {
            if (!unknown_add(coverage, rule, id))
                return false;
            continue;
        }
        if (has_pair(coverage, first, technique))
            continue;
        if (!vector_grow(&coverage->pairs, &coverage->size, coverage->count, PAIRS_MAX,
                         sizeof *coverage->pairs))
            return false;
        coverage->pairs[coverage->count++] = (struct pair){technique, rule};
    }
    coverage->rules++;
    coverage->untagged_rules += coverage->count == first;
    return true;
}

static int pair_order(const void *a, const void *b)
{
    const struct pair *left = a, *right = b;
    int order = strcmp(left->technique->id, right->technique->id);
    return order ? order : span_cmp(left->rule->name, right->rule->name);
}

err_kind coverage_open(const struct rule_info *const *rules, size_t count, struct coverage **ret,
                       struct err_ctx *err)
{
    struct coverage *coverage = calloc(1, sizeof *coverage);
    bool is_good = coverage;
    for (size_t index = 0; is_good && index < count; index++)
        is_good = !rules[index]->is_enabled || rule_add(coverage, rules[index]);
    if (!is_good) {
        coverage_close(coverage);
        return err_set(err, ERR_LIMIT, "coverage: out of memory");
    }
    if (coverage->count)
        qsort(coverage->pairs, coverage->count, sizeof *coverage->pairs, pair_order);
    *ret = coverage;
    return OK;
}

void coverage_close(struct coverage *coverage)
{
    if (!coverage)
        return;
    free(coverage->pairs);
    free(coverage->unknown);
    free(coverage);
}

/* The pairs of the technique that stands at `first`: the number of them. */
static size_t group_size(const struct coverage *coverage, size_t first)
{
    size_t end = first;
    while (end < coverage->count &&
           coverage->pairs[end].technique == coverage->pairs[first].technique)
        end++;
    return end - first;
}

/* ---- the Navigator ---- */

/* Does the group behind this one belong to a sub-technique of the same technique? */
static bool has_sub(const struct coverage *coverage, size_t next, const char *id)
{
    return !strchr(id, '.') && next < coverage->count &&
           strncmp(coverage->pairs[next].technique->id, id, strlen("T0000")) == 0;
}

static void layer_technique(const struct coverage *coverage, size_t first, size_t count,
                            struct writer *out)
{
    AUTO(writer_free) struct writer names;
    const char *id = coverage->pairs[first].technique->id;
    writer_init(&names, 1u << 20);
    for (size_t index = 0; index < count; index++) {
        writer_text(&names, index ? "\n" : "");
        writer_put(&names, coverage->pairs[first + index].rule->name);
    }
    writer_format(out, "%s\n    {\"techniqueID\": \"%s\", \"score\": %zu, \"enabled\": true, ",
                  first ? "," : "", id, count);
    writer_format(out, "\"showSubtechniques\": %s, \"comment\": ",
                  has_sub(coverage, first + count, id) ? "true" : "false");
    writer_json_string(out, writer_span(&names));
    writer_byte(out, '}');
}

/* A technique is opened where one of its sub-techniques has rules and it has none itself. */
static void layer_parent(const struct coverage *coverage, size_t first, struct writer *out)
{
    const char *id = coverage->pairs[first].technique->id;
    if (!strchr(id, '.'))
        return;
    for (size_t index = first; index-- > 0;)
        if (strncmp(coverage->pairs[index].technique->id, id, 5) == 0)
            return;
    writer_format(out,
                  ",\n    {\"techniqueID\": \"%.5s\", \"enabled\": true, "
                  "\"showSubtechniques\": true}",
                  id);
}

void coverage_write_navigator(const struct coverage *coverage, const char *name, struct writer *out)
{
    size_t most = 1;
    writer_text(out, "{\n  \"name\": ");
    writer_json_string(out, span_str(name));
    writer_text(out, ",\n  \"versions\": {\"attack\": \"" ATTACK_VERSION
                     "\", \"navigator\": \"5.1.0\", \"layer\": \"4.5\"},\n"
                     "  \"domain\": \"enterprise-attack\",\n  \"description\": ");
    writer_format(out, "\"%zu rules; score: the number of rules\",\n  \"sorting\": 3,\n",
                  coverage->rules);
    writer_text(out, "  \"techniques\": [");
    for (size_t first = 0, count; first < coverage->count; first += count) {
        count = group_size(coverage, first);
        most = count > most ? count : most;
        layer_technique(coverage, first, count, out);
        layer_parent(coverage, first, out);
    }
    writer_format(out,
                  "\n  ],\n  \"gradient\": {\"colors\": [\"#d9ecff\", \"#0b5cad\"], "
                  "\"minValue\": 1, \"maxValue\": %zu}\n}\n",
                  most);
}

/* ---- Markdown ---- */

/* A cell of a table holds no bar and no line end. */
static void cell_write(struct writer *out, span text)
{
    for (size_t index = 0; index < text.len; index++) {
        uint8_t byte = text.data[index];
        if (byte == '|' || byte == '\\')
            writer_byte(out, '\\');
        writer_byte(out, byte < ' ' ? ' ' : byte);
    }
}

static void technique_row(const struct coverage *coverage, size_t first, size_t count,
                          struct writer *out)
{
    const struct attack_technique *technique = coverage->pairs[first].technique;
    writer_format(out, "| %s | ", technique->id);
    if (strchr(technique->id, '.')) {
        const struct attack_technique *parent =
            attack_technique_find(span_of(technique->id, strlen("T0000")));
        assert(parent); /* the table's test */
        writer_format(out, "%s: ", parent->name);
    }
    writer_format(out, "%s | %zu | ", technique->name, count);
    for (size_t index = 0; index < count; index++) {
        writer_text(out, index ? ", " : "");
        cell_write(out, coverage->pairs[first + index].rule->name);
    }
    writer_text(out, " |\n");
}

static void tactic_table(const struct coverage *coverage, size_t tactic, struct writer *out)
{
    bool is_first = true;
    for (size_t first = 0, count; first < coverage->count; first += count) {
        count = group_size(coverage, first);
        if (!(coverage->pairs[first].technique->tactics >> tactic & 1))
            continue;
        if (is_first)
            writer_format(out, "\n## %s\n\n| id | technique | rules | names |\n|---|---|---|---|\n",
                          attack_tactic_title((enum attack_tactic)tactic));
        is_first = false;
        technique_row(coverage, first, count, out);
    }
}

static size_t technique_count(const struct coverage *coverage)
{
    size_t techniques = 0;
    for (size_t first = 0; first < coverage->count; first += group_size(coverage, first))
        techniques++;
    return techniques;
}

void coverage_write_markdown(const struct coverage *coverage, struct writer *out)
{
    writer_format(out,
                  "# Coverage of ATT&CK\n\n%zu rules, %zu of %zu techniques and sub-techniques "
                  "(version " ATTACK_VERSION "); %zu rules name none.\n",
                  coverage->rules, technique_count(coverage), attack_technique_count(),
                  coverage->untagged_rules);
    for (size_t tactic = 0; tactic < ATTACK_TACTIC_COUNT; tactic++)
        tactic_table(coverage, tactic, out);
    if (coverage->unknown_count)
        writer_text(out, "\n## Not in this version of ATT&CK\n\n| tag | rule |\n|---|---|\n");
    for (size_t index = 0; index < coverage->unknown_count; index++) {
        writer_text(out, "| ");
        cell_write(out, coverage->unknown[index].tag);
        writer_text(out, " | ");
        cell_write(out, coverage->unknown[index].rule->name);
        writer_text(out, " |\n");
    }
}

/* ---- JSON ---- */

static void json_technique(const struct coverage *coverage, size_t first, size_t count,
                           struct writer *out)
{
    const struct attack_technique *technique = coverage->pairs[first].technique;
    const char *separator = "";
    writer_format(out, "%s{\"technique\":\"%s\",\"name\":", first ? "," : "", technique->id);
    writer_json_string(out, span_str(technique->name));
    writer_text(out, ",\"tactics\":[");
    for (size_t tactic = 0; tactic < ATTACK_TACTIC_COUNT; tactic++) {
        if (!(technique->tactics >> tactic & 1))
            continue;
        writer_format(out, "%s\"%s\"", separator, attack_tactic_name((enum attack_tactic)tactic));
        separator = ",";
    }
    writer_text(out, "],\"rules\":[");
    for (size_t index = 0; index < count; index++) {
        writer_text(out, index ? "," : "");
        writer_json_string(out, coverage->pairs[first + index].rule->name);
    }
    writer_text(out, "]}");
}

void coverage_write_json(const struct coverage *coverage, struct writer *out)
{
    writer_format(out,
                  "{\"rules\":%zu,\"without_technique\":%zu,\"attack\":\"%s\",\"techniques\":[",
                  coverage->rules, coverage->untagged_rules, ATTACK_VERSION);
    for (size_t first = 0, count; first < coverage->count; first += count) {
        count = group_size(coverage, first);
        json_technique(coverage, first, count, out);
    }
    writer_text(out, "],\"unknown\":[");
    for (size_t index = 0; index < coverage->unknown_count; index++) {
        writer_text(out, index ? ",{\"tag\":" : "{\"tag\":");
        writer_json_string(out, coverage->unknown[index].tag);
        writer_text(out, ",\"rule\":");
        writer_json_string(out, coverage->unknown[index].rule->name);
        writer_byte(out, '}');
    }
    writer_text(out, "]}\n");
}
