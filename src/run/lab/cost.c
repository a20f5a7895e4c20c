#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "lab/lab.h"
#include "lab/text.h"

#define BATCHES  100 /* of readings of the clock, to know what one costs */
#define READINGS 100

struct cost_rule {
    char *name, *place;
    struct rule_cost cost;
    double ns; /* of the condition alone, an event */
    size_t predicates, shared;
};

struct cost {
    struct cost_rule *rules; /* dearest first */
    size_t count;
    uint64_t events;
    double total_ns, rules_ns; /* an event */
};

/* What two readings of the clock cost, which each look at a rule is charged with: the least, so
 * that a busy machine does not make rules free. */
static double clock_cost_ns(void)
{
    uint64_t least_ns = UINT64_MAX;
    for (unsigned batch = 0; batch < BATCHES; batch++) {
        uint64_t start_ns = clock_read(CLOCK_MONOTONIC);
        for (unsigned turn = 1; turn < READINGS; turn++)
            (void)clock_read(CLOCK_MONOTONIC);
        uint64_t ns = clock_read(CLOCK_MONOTONIC) - start_ns;
        least_ns = ns < least_ns ? ns : least_ns;
    }
    return (double)least_ns / READINGS;
}

static err_kind nothing_visit(void *context, struct replay *replay,
                              const struct replay_event *event, struct err_ctx *err)
{
    (void)context;
    (void)replay;
    (void)event;
    (void)err;
    return OK;
}

/* One round over a fresh replay, which stays open in *ret_replay; the time without loading. */
static err_kind round_run(const struct cost_options *options, struct rule_cost *costs,
                          struct replay **ret_replay, uint64_t *ret_cpu_ns, struct err_ctx *err)
{
    struct replay_options replay = options->replay;
    replay.image_fd = options->image_fd;
    replay.visit = nothing_visit;
    err_kind kind = replay_open(&replay, ret_replay, err);
    if (kind != OK)
        return kind;
    rule_program_measure(replay_program(*ret_replay), costs);
    uint64_t start_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t index = 0; index < options->file_count && kind == OK; index++) {
        const struct lab_file *file = &options->files[index];
        if (lseek(file->fd, 0, SEEK_SET) < 0)
            kind = err_set(err, ERR_SYSTEM, "%s: it is read again and again", file->name);
        if (kind == OK)
            kind = replay_file(*ret_replay, file->fd, file->name, err);
    }
    *ret_cpu_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID) - start_ns;
    return kind;
}

static err_kind total_measure(const struct cost_options *options, struct cost *cost,
                              struct err_ctx *err)
{
    uint64_t best_ns = UINT64_MAX;
    err_kind kind = OK;
    for (unsigned turn = 0; turn < options->rounds && kind == OK; turn++) {
        struct replay *replay = NULL;
        uint64_t cpu_ns;
        kind = round_run(options, NULL, &replay, &cpu_ns, err);
        if (kind == OK) {
            cost->events = replay_counts(replay).events;
            best_ns = cpu_ns < best_ns ? cpu_ns : best_ns;
        }
        replay_close(replay);
    }
    if (kind == OK && !cost->events)
        kind = err_set(err, ERR_INPUT, "there is no event in the files");
    if (kind == OK)
        cost->total_ns = (double)best_ns / (double)cost->events;
    return kind;
}

static bool rules_name(struct cost *cost, const struct rule_program *program)
{
    cost->count = rule_program_count(program);
    for (uint32_t index = 0; index < cost->count; index++) {
        const struct rule_info *info = rule_program_rule(program, index);
        struct cost_rule *rule = &cost->rules[index];
        rule->name = strndup((const char *)info->name.data, info->name.len);
        rule->place =
            lab_text("%.*s:%u", (int)info->file.len, (const char *)info->file.data, info->line);
        rule_program_sharing(program, index, &rule->predicates, &rule->shared);
        if (!rule->name || !rule->place)
            return false;
    }
    return true;
}

/* The quickest round of each rule, less what its clock readings cost. */
static void rules_take(struct cost *cost, const struct rule_cost *costs, double clock_ns)
{
    for (size_t index = 0; index < cost->count; index++) {
        struct cost_rule *rule = &cost->rules[index];
        double ns = (double)costs[index].ns - clock_ns * (double)costs[index].asked;
        ns = (ns > 0 ? ns : 0) / (double)cost->events;
        if (!rule->cost.asked || ns < rule->ns)
            rule->ns = ns;
        rule->cost = costs[index];
    }
}

static err_kind rules_measure(const struct cost_options *options, struct cost *cost,
                              struct err_ctx *err)
{
    double clock_ns = clock_cost_ns();
    struct rule_cost *costs = NULL;
    err_kind kind = OK;
    for (unsigned turn = 0; turn < options->rounds && kind == OK; turn++) {
        struct replay *replay = NULL;
        uint64_t cpu_ns;
        if (costs)
            memset(costs, 0, cost->count * sizeof *costs);
        kind = round_run(options, costs, &replay, &cpu_ns, err);
        if (kind == OK && !costs) { /* the first round counts the rules */
            size_t count = rule_program_count(replay_program(replay));
            costs = calloc(count + 1, sizeof *costs);
            cost->rules = calloc(count + 1, sizeof *cost->rules);
            if (!costs || !cost->rules || !rules_name(cost, replay_program(replay)))
                kind = err_set(err, ERR_LIMIT, "out of memory for the rules");
            turn--;
        } else if (kind == OK) {
            rules_take(cost, costs, clock_ns);
        }
        replay_close(replay);
    }
    free(costs);
    return kind;
}

static int rule_order(const void *a, const void *b)
{
    const struct cost_rule *left = a, *right = b;
    if (left->ns != right->ns)
        return left->ns > right->ns ? -1 : 1;
    if (left->cost.asked != right->cost.asked)
        return left->cost.asked > right->cost.asked ? -1 : 1;
    return strcmp(left->name, right->name);
}

err_kind cost_run(const struct cost_options *options, struct cost **ret, struct err_ctx *err)
{
    struct cost *cost = calloc(1, sizeof *cost);
    if (!cost)
        return err_set(err, ERR_SYSTEM, "rules cost");
    err_kind kind = total_measure(options, cost, err);
    if (kind == OK)
        kind = rules_measure(options, cost, err);
    if (kind != OK) {
        cost_close(cost);
        return kind;
    }
    for (size_t index = 0; index < cost->count; index++)
        cost->rules_ns += cost->rules[index].ns;
    if (cost->count)
        qsort(cost->rules, cost->count, sizeof *cost->rules, rule_order);
    *ret = cost;
    return OK;
}

void cost_close(struct cost *cost)
{
    if (!cost)
        return;
    for (size_t index = 0; index < cost->count; index++) {
        free(cost->rules[index].name);
        free(cost->rules[index].place);
    }
    free(cost->rules);
    free(cost);
}

/* ---- reports ---- */

/* Reading events and looking values up, which no rule has for itself. */
static double shared_ns(const struct cost *cost)
{
    return cost->total_ns > cost->rules_ns ? cost->total_ns - cost->rules_ns : 0;
}

void cost_write_text(const struct cost *cost, struct writer *out)
{
    writer_format(out,
                  "%llu events, %.1f ns each: %.1f for the rules' conditions, %.1f for reading and "
                  "looking up, which all rules share\n\n",
                  (unsigned long long)cost->events, cost->total_ns, cost->rules_ns,
                  shared_ns(cost));
    writer_text(out, " ns/event   % of all  asked/1000   matches  shares  rule\n");
    for (size_t index = 0; index < cost->count; index++) {
        const struct cost_rule *rule = &cost->rules[index];
        writer_format(out, "%9.2f  %8.2f  %10.1f  %8llu  %2zu/%-3zu  ", rule->ns,
                      100 * rule->ns / cost->total_ns,
                      1000 * (double)rule->cost.asked / (double)cost->events,
                      (unsigned long long)rule->cost.matched, rule->shared, rule->predicates);
        writer_terminal(out, span_str(rule->name));
        writer_text(out, "  (");
        writer_terminal(out, span_str(rule->place));
        writer_text(out, ")\n");
    }
}

void cost_write_json(const struct cost *cost, struct writer *out)
{
    writer_format(out,
                  "{\"events\":%llu,\"ns_per_event\":%.2f,\"rules_ns_per_event\":%.2f,"
                  "\"shared_ns_per_event\":%.2f,\"rules\":[",
                  (unsigned long long)cost->events, cost->total_ns, cost->rules_ns,
                  shared_ns(cost));
    for (size_t index = 0; index < cost->count; index++) {
        const struct cost_rule *rule = &cost->rules[index];
        writer_text(out, index ? ",{\"rule\":" : "{\"rule\":");
        writer_json_string(out, span_str(rule->name));
        writer_text(out, ",\"place\":");
        writer_json_string(out, span_str(rule->place));
        writer_format(out,
                      ",\"ns_per_event\":%.3f,\"asked\":%llu,\"matches\":%llu,\"predicates\":%zu,"
                      "\"shared_predicates\":%zu}",
                      rule->ns, (unsigned long long)rule->cost.asked,
                      (unsigned long long)rule->cost.matched, rule->predicates, rule->shared);
    }
    writer_text(out, "]}\n");
}
