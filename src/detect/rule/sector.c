/* A route narrowed to one logsource: only the rules that are for it, and what is asked for them.
 * Made when an event of that logsource is first seen, up to a limit; beyond it, the route for all
 * logsources serves and each rule is asked for its own. */
#include <stdlib.h>

#include "rule/program.h"

#define SECTORS_MAX    1024
#define SECTOR_BYTES   ((size_t)64 << 20) /* of all of them */
#define GATES_MAX      64
#define PARTS          3
#define PART_NAMES_MAX 0xffffu
#define LAST_BYTES     48

/* One part of a logsource: product, category or service. */
struct part {
    struct map names;         /* that rules name -> 1 and up */
    uint8_t last[LAST_BYTES]; /* most often the next event is from the same */
    size_t last_len;
    uint32_t last_id;
};

struct sectors {
    struct part parts[PARTS];
    uint16_t *rules; /* by rule: its parts, 0: any */
    struct map by_key;
    struct route list[SECTORS_MAX];
    uint32_t count;
    uint32_t gate_count;
    struct arena arena;
    struct stamps expressions;
    struct stamps predicates;
    uint32_t *buffer;
};

static span part_of(const struct logsource *logsource, size_t part)
{
    return part == 0 ? logsource->product : part == 1 ? logsource->category : logsource->service;
}

static bool names_note(struct rule_program *program)
{
    struct sectors *sectors = program->sectors;
    for (size_t rule = 0; rule < program->ir.rule_count; rule++) {
        for (size_t at = 0; at < PARTS; at++) {
            span name = part_of(&program->ir.rules[rule].info.logsource, at);
            struct map *names = &sectors->parts[at].names;
            uint32_t id = 0;
            if (name.data && !map_get(names, name, &id)) {
                id = (uint32_t)names->count + 1;
                if (!map_put(names, name, id))
                    return false;
            }
            sectors->rules[rule * PARTS + at] = (uint16_t)id;
        }
    }
    return true;
}

bool sector_open(struct rule_program *program)
{
    const struct ir *ir = &program->ir;
    struct sectors *sectors = calloc(1, sizeof *sectors);
    program->sectors = sectors;
    if (!sectors)
        return false;
    for (size_t at = 0; at < PARTS; at++)
        map_init(&sectors->parts[at].names, PART_NAMES_MAX - 1, at);
    map_init(&sectors->by_key, SECTORS_MAX, 0x5ec7u);
    arena_init(&sectors->arena, SECTOR_BYTES);
    sectors->rules = calloc(ir->rule_count * PARTS + 1, sizeof *sectors->rules);
    sectors->expressions.seen = calloc(ir->expression_count + 1, sizeof(uint32_t));
    sectors->predicates.seen = calloc(ir->predicate_count + 1, sizeof(uint32_t));
    sectors->buffer = calloc(ir->expression_count + ir->predicate_count + ir->rule_count + 1,
                             sizeof *sectors->buffer);
    return sectors->rules && sectors->expressions.seen && sectors->predicates.seen &&
           sectors->buffer && names_note(program);
}

void sector_close(struct rule_program *program)
{
    struct sectors *sectors = program->sectors;
    if (!sectors)
        return;
    for (size_t at = 0; at < PARTS; at++)
        map_free(&sectors->parts[at].names);
    for (uint32_t at = 0; at < sectors->count; at++)
        gate_free(sectors->list[at].gate);
    for (uint32_t at = 0; program->route_list && at < program->route_count; at++)
        gate_free(program->route_list[at].gate);
    map_free(&sectors->by_key);
    arena_free(&sectors->arena);
    free(sectors->rules);
    free(sectors->expressions.seen);
    free(sectors->predicates.seen);
    free(sectors->buffer);
    free(sectors);
}

/* ---- what a route asks ---- */

struct route_fill {
    struct rule_program *program;
    struct route *route;
};

/* All texts of a record that is JSON: dear to gather, so its bytes are asked before. */
static bool is_whole(const struct rule_program *program, uint32_t id)
{
    const struct ir_expression *expression = &program->ir.expressions[id];
    return program->schema->open && program->schema->raw_is_json && expression->kind == IR_FIELD &&
           program->ir.field_names[expression->slot].len == 0;
}

static bool gate_predicate(struct rule_program *program, struct gate *gate, uint32_t id)
{
    const struct ir_predicate *predicate = &program->ir.predicates[id];
    enum rule_operator op = predicate->compare.op;
    bool is_text = op == RULE_EQUAL || (op >= RULE_CONTAINS && op <= RULE_ENDS);
    bool is_added = is_text && predicate->count && lookup_takes(program, id);
    for (uint32_t index = 0; is_added && index < predicate->count; index++) {
        const struct value *literal = &program->ir.literals[predicate->first + index].value;
        is_added = literal->kind == VALUE_TEXT && gate_add(gate, literal->text);
    }
    return is_added;
}

/* Without a gate all is as with one that always opens. */
static void gate_make(struct rule_program *program, struct route *route)
{
    struct sectors *sectors = program->sectors;
    bool is_made = route->whole != RULE_NONE && sectors->gate_count < GATES_MAX;
    struct gate *gate = is_made ? gate_new() : NULL;
    is_made = gate;
    for (uint32_t id = 0; is_made && id < program->ir.predicate_count; id++)
        if (program->ir.predicates[id].left == route->whole &&
            sectors->predicates.seen[id] == sectors->predicates.stamp)
            is_made = gate_predicate(program, gate, id);
    if (is_made && gate_finish(gate)) {
        route->gate = gate;
        sectors->gate_count++;
    } else {
        gate_free(gate);
    }
}

static void route_ask(void *pointer, uint32_t predicate)
{
    struct route_fill *fill = pointer;
    struct sectors *sectors = fill->program->sectors;
    struct route *route = fill->route;
    uint32_t left = fill->program->ir.predicates[predicate].left;
    if (!stamps_take(&sectors->predicates, predicate))
        return;
    if (!fill->program->leaves[predicate].is_looked_up)
        route->predicates[route->predicate_count++] = predicate;
    else if (!stamps_take(&sectors->expressions, left))
        return;
    else if (is_whole(fill->program, left))
        route->whole = left;
    else
        route->expressions[route->expression_count++] = left;
}

bool sector_route_new(const struct rule_program *program, struct arena *arena, struct route *route)
{
    route->wanted = arena_alloc(arena, (program->ir.rule_count / 64 + 1) * 8);
    return route->wanted;
}

/* Lists are gathered in buffers as large as they can get and then cut to size. */
static bool cut(struct arena *arena, uint32_t **list, uint32_t count)
{
    uint32_t *own = arena_alloc(arena, (count + 1u) * sizeof *own);
    if (own && count)
        memcpy(own, *list, count * sizeof *own);
    *list = own;
    return own;
}

/* Rules without access by their blockers: those of one side by side. */
static bool groups_make(const struct rule_program *program, struct arena *arena,
                        struct route *route)
{
    struct map places; /* blocker -> number of its group */
    uint32_t *rules = arena_alloc(arena, (route->rule_count + 1u) * sizeof *rules);
    route->groups = arena_alloc(arena, (route->rule_count + 1u) * sizeof *route->groups);
    bool is_made = rules && route->groups;
    map_init(&places, IR_RECORDS_MAX, 0x9u);
    for (uint32_t index = 0; is_made && index < route->rule_count; index++) {
        uint32_t blocker = program->blockers[route->rules[index]];
        uint32_t group;
        if (!map_get_u64(&places, blocker, &group)) {
            group = route->group_count++;
            route->groups[group].blocker = blocker;
            is_made = map_put_u64(&places, blocker, group);
        }
        route->groups[group].end++;
    }
    for (uint32_t group = 0, end = 0; is_made && group < route->group_count; group++) {
        uint32_t count = route->groups[group].end;
        route->groups[group].end = end; /* where its next rule goes */
        end += count;
    }
    for (uint32_t index = 0; is_made && index < route->rule_count; index++) {
        uint32_t group = 0;
        map_get_u64(&places, program->blockers[route->rules[index]], &group);
        rules[route->groups[group].end++] = route->rules[index];
    }
    route->rules = rules;
    map_free(&places);
    return is_made;
}

bool sector_route_fill(struct rule_program *program, struct arena *arena, struct route *route)
{
    struct sectors *sectors = program->sectors;
    struct route_fill fill = {program, route};
    sectors->expressions.stamp++;
    sectors->predicates.stamp++;
    route->whole = RULE_NONE;
    route->expressions = sectors->buffer;
    route->predicates = sectors->buffer + program->ir.expression_count;
    route->rules = route->predicates + program->ir.predicate_count;
    for (uint32_t rule = 0; rule < program->ir.rule_count; rule++) {
        uint32_t root = program->ir.rules[rule].root;
        if (!(route->wanted[rule / 64] >> rule % 64 & 1))
            continue;
        route->wanted_count++;
        if (program->access_cost[root] == ACCESS_NONE)
            route->rules[route->rule_count++] = rule;
        else
            access_each(program, root, route_ask, &fill);
    }
    gate_make(program, route);
    return cut(arena, &route->expressions, route->expression_count) &&
           cut(arena, &route->predicates, route->predicate_count) &&
           groups_make(program, arena, route);
}

/* ---- of one logsource ---- */

/* 0: not said, or no rule names it. */
static uint32_t part_id(struct part *part, span name)
{
    uint32_t id = 0;
    if (!name.data)
        return 0;
    if (span_eq(name, span_of(part->last, part->last_len)) && part->last_id)
        return part->last_id;
    map_get(&part->names, name, &id);
    if (id && name.len <= LAST_BYTES) {
        memcpy(part->last, name.data, name.len);
        part->last_len = name.len;
        part->last_id = id;
    }
    return id;
}

static struct route *sector_make(struct rule_program *program, const struct route *base,
                                 const uint32_t *ids)
{
    struct sectors *sectors = program->sectors;
    if (sectors->count == SECTORS_MAX)
        return NULL;
    struct route *route = &sectors->list[sectors->count];
    *route = (struct route){.value = base->value};
    if (!sector_route_new(program, &sectors->arena, route))
        return NULL;
    for (uint32_t rule = 0; rule < program->ir.rule_count; rule++) {
        const uint16_t *parts = sectors->rules + (size_t)rule * PARTS;
        bool applies = base->wanted[rule / 64] >> rule % 64 & 1;
        for (size_t at = 0; at < PARTS; at++)
            applies &= parts[at] == 0 || parts[at] == ids[at];
        route->wanted[rule / 64] |= (uint64_t)applies << rule % 64;
    }
    if (!sector_route_fill(program, &sectors->arena, route))
        return NULL;
    sectors->count++;
    return route;
}

const struct route *sector_of(struct rule_program *program, uint32_t base,
                              const struct logsource *logsource)
{
    struct sectors *sectors = program->sectors;
    uint32_t ids[PARTS];
    uint64_t key = base;
    uint32_t at;
    for (size_t part = 0; part < PARTS; part++) {
        ids[part] = part_id(&sectors->parts[part], part_of(logsource, part));
        key = key << 16 | ids[part];
    }
    if (map_get_u64(&sectors->by_key, key, &at))
        return &sectors->list[at];
    struct route *route = sector_make(program, &program->route_list[base], ids);
    if (!route)
        return NULL;
    at = (uint32_t)(route - sectors->list);
    if (!map_put_u64(&sectors->by_key, key, at)) {
        sectors->count--;
        return NULL;
    }
    return route;
}
