/* Each version runs over all files; matches of one rule are then compared as two sorted lists. The
 * events of samples are looked up in a second run, so that no event need be kept. */
#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/map.h"
#include "core/vector.h"
#include "lab/diff_state.h"

#define MATCHES_MAX      20000000
#define RULES_MAX        1000000
#define OUTPUT_BYTES_MAX 300

static int event_order(const struct diff_event *a, const struct diff_event *b)
{
    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

static int match_order(const void *a, const void *b)
{
    const struct diff_match *left = a, *right = b;
    if (left->rule != right->rule)
        return left->rule < right->rule ? -1 : 1;
    return event_order(&left->event, &right->event);
}

/* ---- running ---- */

static err_kind match_note(void *context, struct replay *replay, const struct replay_event *event,
                           struct err_ctx *err)
{
    struct diff_side *side = context;
    (void)replay;
    for (size_t index = 0; index < event->count; index++) {
        if (!vector_grow(&side->matches, &side->size, side->count, MATCHES_MAX,
                         sizeof *side->matches))
            return err_set(err, ERR_LIMIT, "more than %d matches, or out of memory", MATCHES_MAX);
        side->matches[side->count++] = (struct diff_match){
            .rule = event->rules[index], .event = {.file = side->file, .number = event->number}};
    }
    return OK;
}

/* A fresh replay over all files; it stays open in the side. */
static err_kind side_run(const struct diff_options *options, int image_fd, replay_visit visit,
                         struct diff_side *side, void *context, struct err_ctx *err)
{
    struct replay_options replay = options->replay;
    replay.image_fd = image_fd;
    replay.visit = visit;
    replay.context = context;
    replay_close(side->replay);
    side->replay = NULL;
    err_kind kind = replay_open(&replay, &side->replay, err);
    for (size_t index = 0; index < options->file_count && kind == OK; index++) {
        side->file = (uint32_t)index;
        if (lseek(options->files[index].fd, 0, SEEK_SET) < 0)
            return err_set(err, ERR_SYSTEM, "%s: it is read twice", options->files[index].name);
        kind = replay_file(side->replay, options->files[index].fd, options->files[index].name, err);
    }
    return kind;
}

/* ---- pairing rules ---- */

static char *copy_of(span text)
{
    return text.data ? strndup((const char *)text.data, text.len) : NULL;
}

static char *place_of(const struct rule_info *info)
{
    return lab_text("%.*s:%u", (int)info->file.len, (const char *)info->file.data, info->line);
}

static bool differs(const struct rule_info *a, const struct rule_info *b)
{
    if (a->hash != b->hash || a->is_enabled != b->is_enabled || a->stage != b->stage ||
        a->priority != b->priority || a->tag_count != b->tag_count || !span_eq(a->name, b->name))
        return true;
    for (size_t index = 0; index < a->tag_count; index++)
        if (!span_eq(a->tags[index], b->tags[index]))
            return true;
    return false;
}

static bool rule_put(struct diff *diff, size_t side, uint32_t index)
{
    const struct rule_info *info =
        rule_program_rule(replay_program(diff->sides[side].replay), index);
    struct diff_rule *rule = &diff->rules[diff->rule_count++];
    *rule = (struct diff_rule){.name = copy_of(info->name),
                               .id = copy_of(info->id),
                               .status = side ? DIFF_ADDED : DIFF_REMOVED,
                               .index = {RULE_NONE, RULE_NONE}};
    rule->index[side] = index;
    rule->place[side] = place_of(info);
    return rule->name && rule->place[side];
}

/* The same rule in the version before: by id where both have one, else by name. */
static bool before_find(const struct diff *diff, const struct map *ids, const struct map *names,
                        const struct rule_info *info, uint32_t *ret)
{
    const struct rule_program *program = replay_program(diff->sides[0].replay);
    if (info->id.data && map_get(ids, info->id, ret))
        return true;
    if (!map_get(names, info->name, ret))
        return false;
    return !info->id.data || !rule_program_rule(program, *ret)->id.data;
}

static bool rules_pair(struct diff *diff, struct map *ids, struct map *names)
{
    const struct rule_program *before = replay_program(diff->sides[0].replay);
    const struct rule_program *after = replay_program(diff->sides[1].replay);
    for (uint32_t index = 0; index < rule_program_count(before); index++) {
        const struct rule_info *info = rule_program_rule(before, index);
        if (!rule_put(diff, 0, index) || !map_put(names, info->name, index) ||
            (info->id.data && !map_put(ids, info->id, index)))
            return false;
    }
    for (uint32_t index = 0; index < rule_program_count(after); index++) {
        const struct rule_info *info = rule_program_rule(after, index);
        uint32_t other;
        if (!before_find(diff, ids, names, info, &other) ||
            diff->rules[other].index[1] != RULE_NONE) {
            if (!rule_put(diff, 1, index))
                return false;
            continue;
        }
        struct diff_rule *rule = &diff->rules[other];
        rule->index[1] = index;
        rule->place[1] = place_of(info);
        rule->status = differs(rule_program_rule(before, other), info) ? DIFF_CHANGED : DIFF_SAME;
        if (!rule->place[1])
            return false;
    }
    return true;
}

static err_kind rules_find(struct diff *diff, struct err_ctx *err)
{
    struct map ids, names;
    size_t count = rule_program_count(replay_program(diff->sides[0].replay)) +
                   rule_program_count(replay_program(diff->sides[1].replay));
    map_init(&ids, RULES_MAX, 1);
    map_init(&names, RULES_MAX, 2);
    diff->rules = calloc(count + 1, sizeof *diff->rules);
    bool is_good = diff->rules && rules_pair(diff, &ids, &names);
    map_free(&ids);
    map_free(&names);
    return is_good ? OK : err_set(err, ERR_LIMIT, "out of memory for the rules");
}

/* ---- comparing ---- */

static void change_note(struct diff_change *change, const struct diff_event *event)
{
    if (change->sample_count < DIFF_SAMPLES_MAX)
        change->samples[change->sample_count++].event = *event;
    change->count++;
}

struct run {
    const struct diff_match *at, *end;
};

/* The matches of one rule in a side's sorted list. */
static struct run run_of(const struct diff_side *side, uint32_t rule)
{
    size_t low = 0, high = side->count;
    while (rule != RULE_NONE && low < high) {
        size_t middle = low + (high - low) / 2;
        if (side->matches[middle].rule < rule)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < side->count && side->matches[end].rule == rule)
        end++;
    return (struct run){side->matches + low, side->matches + end};
}

static void rule_compare(const struct diff *diff, struct diff_rule *rule)
{
    struct run before = run_of(&diff->sides[0], rule->index[0]);
    struct run after = run_of(&diff->sides[1], rule->index[1]);
    rule->matches[0] = (uint64_t)(before.end - before.at);
    rule->matches[1] = (uint64_t)(after.end - after.at);
    while (before.at < before.end || after.at < after.end) {
        int order = before.at == before.end ? 1
                    : after.at == after.end ? -1
                                            : event_order(&before.at->event, &after.at->event);
        if (order < 0)
            change_note(&rule->lost, &before.at->event);
        if (order > 0)
            change_note(&rule->gained, &after.at->event);
        before.at += order <= 0;
        after.at += order >= 0;
    }
}

static int rule_order(const void *a, const void *b)
{
    const struct diff_rule *left = a, *right = b;
    return strcmp(left->name, right->name);
}

static void all_compare(struct diff *diff)
{
    for (size_t side = 0; side < DIFF_SIDES; side++)
        if (diff->sides[side].count)
            qsort(diff->sides[side].matches, diff->sides[side].count, sizeof(struct diff_match),
                  match_order);
    for (size_t index = 0; index < diff->rule_count; index++) {
        struct diff_rule *rule = &diff->rules[index];
        rule_compare(diff, rule);
        diff->lost += rule->lost.count;
        diff->gained += rule->gained.count;
        diff->status_counts[rule->status]++;
    }
    if (diff->rule_count)
        qsort(diff->rules, diff->rule_count, sizeof *diff->rules, rule_order);
}

/* ---- samples ---- */

struct sampling {
    struct diff *diff;
    size_t side;
};

static char *output_of(struct replay *replay, uint32_t rule)
{
    AUTO(writer_free) struct writer json;
    struct err_ctx err;
    writer_init(&json, 4u << 20);
    if (replay_signal(replay, rule, &json, &err) != OK)
        return NULL;
    json_t *signal = json_loadb((const char *)json.data, json.len, JSON_ALLOW_NUL, NULL);
    const char *output = json_string_value(json_object_get(signal, "output"));
    size_t len = output ? strlen(output) : 0;
    while (len > OUTPUT_BYTES_MAX && (output[len] & 0xc0) == 0x80) /* not inside a character */
        len--;
    char *text = output ? strndup(output, len > OUTPUT_BYTES_MAX ? OUTPUT_BYTES_MAX : len) : NULL;
    json_decref(signal);
    return text;
}

static void change_sample(struct diff_change *change, struct replay *replay, uint32_t rule,
                          const struct diff_event *event)
{
    for (size_t index = 0; index < change->sample_count; index++)
        if (!change->samples[index].output &&
            event_order(&change->samples[index].event, event) == 0)
            change->samples[index].output = output_of(replay, rule);
}

static err_kind sample_note(void *context, struct replay *replay, const struct replay_event *event,
                            struct err_ctx *err)
{
    const struct sampling *sampling = context;
    struct diff *diff = sampling->diff;
    struct diff_event at = {.file = diff->sides[sampling->side].file, .number = event->number};
    (void)err;
    for (size_t index = 0; event->count && index < diff->rule_count; index++) {
        struct diff_rule *rule = &diff->rules[index];
        struct diff_change *change = sampling->side ? &rule->gained : &rule->lost;
        if (change->sample_count && rule->index[sampling->side] != RULE_NONE)
            change_sample(change, replay, rule->index[sampling->side], &at);
    }
    return OK;
}

static err_kind samples_read(struct diff *diff, const struct diff_options *options,
                             struct err_ctx *err)
{
    const uint64_t wanted[DIFF_SIDES] = {diff->lost, diff->gained};
    const int images[DIFF_SIDES] = {options->before_fd, options->after_fd};
    err_kind kind = OK;
    for (size_t side = 0; side < DIFF_SIDES && kind == OK; side++) {
        struct sampling sampling = {diff, side};
        if (wanted[side])
            kind = side_run(options, images[side], sample_note, &diff->sides[side], &sampling, err);
    }
    return kind;
}

/* ---- life ---- */

static err_kind names_copy(struct diff *diff, const struct diff_options *options,
                           struct err_ctx *err)
{
    diff->files = calloc(options->file_count + 1, sizeof *diff->files);
    for (; diff->files && diff->file_count < options->file_count; diff->file_count++) {
        diff->files[diff->file_count] = strdup(options->files[diff->file_count].name);
        if (!diff->files[diff->file_count])
            break;
    }
    bool is_whole = diff->files && diff->file_count == options->file_count;
    return is_whole ? OK : err_set(err, ERR_LIMIT, "out of memory");
}

err_kind diff_run(const struct diff_options *options, struct diff **ret, struct err_ctx *err)
{
    const int images[DIFF_SIDES] = {options->before_fd, options->after_fd};
    struct diff *diff = calloc(1, sizeof *diff);
    if (!diff)
        return err_set(err, ERR_SYSTEM, "rules diff");
    err_kind kind = names_copy(diff, options, err);
    for (size_t side = 0; side < DIFF_SIDES && kind == OK; side++) {
        struct diff_side *one = &diff->sides[side];
        kind = side_run(options, images[side], match_note, one, one, err);
        if (kind == OK) {
            one->events = replay_counts(one->replay).events;
            one->undecided = replay_counts(one->replay).undecided;
        }
    }
    if (kind == OK)
        kind = rules_find(diff, err);
    if (kind == OK) {
        all_compare(diff);
        kind = samples_read(diff, options, err);
    }
    if (kind != OK)
        diff_close(diff);
    else
        *ret = diff;
    return kind;
}

static void change_free(struct diff_change *change)
{
    for (size_t index = 0; index < change->sample_count; index++)
        free(change->samples[index].output);
}

void diff_close(struct diff *diff)
{
    if (!diff)
        return;
    for (size_t index = 0; index < diff->rule_count; index++) {
        struct diff_rule *rule = &diff->rules[index];
        free(rule->name);
        free(rule->id);
        free(rule->place[0]);
        free(rule->place[1]);
        change_free(&rule->lost);
        change_free(&rule->gained);
    }
    for (size_t side = 0; side < DIFF_SIDES; side++) {
        replay_close(diff->sides[side].replay);
        free(diff->sides[side].matches);
    }
    for (size_t index = 0; index < diff->file_count; index++)
        free(diff->files[index]);
    free(diff->files);
    free(diff->rules);
    free(diff);
}

bool diff_has_changes(const struct diff *diff)
{
    return diff->status_counts[DIFF_SAME] != diff->rule_count || diff->lost || diff->gained;
}
