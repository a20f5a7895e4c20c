/* The plan against the conditions alone: random rules on random events, with and without routes,
 * raw bytes, memo and Vectorscan, must match alike. A seed that fails is printed. */
#include <stdio.h>
#include <stdlib.h>

#include "core/test.h"
#include "rule/rule.h"

#define FIELDS    5
#define EVENTS    120
#define POOL      24 /* values per round: most come again */
#define ITEMS     3
#define TEXT_MAX  96
#define RULES_MAX 160
#define LITERALS  6

/* ---- random ---- */

static uint64_t next(uint64_t *state)
{
    uint64_t mixed = *state += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

static unsigned below(uint64_t *state, unsigned limit)
{
    return (unsigned)(next(state) % limit);
}

static bool chance(uint64_t *state, unsigned percent)
{
    return below(state, 100) < percent;
}

/* ---- texts ---- */

static const char *const pieces[] = {
    "a",  "B",        "ab", "AB", "\xc3\xa9", "\xc3\x89",   "K",        "\xe2\x84\xaa",
    "s",  "\xc5\xbf", "/",  "\\", ".exe",     " ",          "1",        "10",
    "\n", "\xff",     "x*", "?",  "[a]",      "powershell", "\xc8\xba", "\xe2\xb1\xa5",
    "-",  "\xc3",
};
#define PIECES (sizeof pieces / sizeof pieces[0])

static span random_text(uint64_t *rng, unsigned pieces_max, struct arena *arena)
{
    char text[TEXT_MAX * 2] = "";
    size_t len = 0;
    for (unsigned count = below(rng, pieces_max + 1); count > 0; count--) {
        const char *piece = pieces[below(rng, PIECES)];
        memcpy(text + len, piece, strlen(piece));
        len += strlen(piece);
    }
    span copy = arena_dup(arena, span_of(text, len));
    assert_non_null(copy.data);
    return copy;
}

/* @ and # stand for two words. */
static span fill_text(struct arena *arena, const char *form, const char *a, const char *b)
{
    char text[TEXT_MAX * 2];
    size_t len = 0;
    for (; *form; form++) {
        const char *word = *form == '@' ? a : *form == '#' ? b : NULL;
        size_t word_len = word ? strlen(word) : 1;
        memcpy(text + len, word ? word : form, word_len);
        len += word_len;
    }
    span copy = arena_dup(arena, span_of(text, len));
    assert_non_null(copy.data);
    return copy;
}

static span random_glob(uint64_t *rng, struct arena *arena)
{
    static const char *const forms[] = {"*@*#",    "@*#",    "*@?#*", "?@*#", "@[a-k]#*",
                                        "*\\*@*#", "@\\\\#", "*@#",   "*",    "@[!#]*"};
    static const char *const words[] = {"a", "B", "ab", "\xc3\x89", "K", "exe", "1", "\\?"};
    return fill_text(arena, forms[below(rng, 10)], words[below(rng, 8)], words[below(rng, 8)]);
}

static span random_regex(uint64_t *rng, struct arena *arena)
{
    static const char *const forms[] = {
        "@.*#",
        "(?i)@#",
        "^@+#?$",
        "(@|#)b",
        "@{2}#",
        "(?s)@.?#",
        "[@]+#",
        "(?:@)?#",
        "\\.@|#\\\\",
        "(?im)^@\\b.*#",
        "@{0,2}#",
        "((a|@)b|#)x*",
        "(?s)curl.*|\\s*@#",
        "@\\d+|#\\s",
    };
    static const char *const words[] = {"a",   "B", "ab", "\xc3\x89", "K",
                                        "exe", "1", "s",  "\xc3\xa9k"};
    return fill_text(arena, forms[below(rng, 14)], words[below(rng, 9)], words[below(rng, 9)]);
}

/* ---- values ---- */

static struct value random_scalar(uint64_t *rng, struct arena *arena)
{
    struct value value = {.kind = VALUE_TEXT};
    switch (below(rng, 12)) {
    case 0:
        return (struct value){.kind = VALUE_INT, .integer = (int64_t)below(rng, 13) - 1};
    case 1:
        return (struct value){.kind = VALUE_REAL, .real = below(rng, 12) / 2.0};
    case 2:
        return (struct value){.kind = VALUE_BOOL, .truth = chance(rng, 50)};
    case 3:
        value.kind = VALUE_ADDRESS;
        value.address = (struct address){.family = AF_INET, .bytes = {10, 0, 0, 0}};
        value.address.bytes[2] = (uint8_t)below(rng, 3);
        value.address.bytes[3] = (uint8_t)below(rng, 3);
        return value;
    case 4:
        value.text = chance(rng, 50) ? SPAN("10.0.1.2") : SPAN("::ffff:10.0.0.1");
        return value;
    default:
        value.text = random_text(rng, 5, arena);
        return value;
    }
}

static struct value random_value(uint64_t *rng, struct arena *arena)
{
    unsigned kind = below(rng, 20);
    if (kind == 0)
        return (struct value){.kind = VALUE_ABSENT};
    if (kind == 1)
        return (struct value){.kind = VALUE_NULL};
    if (kind > 4)
        return random_scalar(rng, arena);
    struct value list = {.kind = VALUE_LIST, .any = chance(rng, 50)};
    struct value *items = arena_alloc(arena, ITEMS * sizeof *items);
    assert_non_null(items);
    list.list.items = items;
    list.list.count = below(rng, ITEMS + 1);
    for (size_t index = 0; index < list.list.count; index++)
        if (chance(rng, 10))
            items[index] = (struct value){.kind = VALUE_NULL};
        else
            items[index] = random_scalar(rng, arena);
    return list;
}

static void raw_write(struct writer *out, const struct value *value)
{
    writer_format(out, "%d%d:", (int)value->kind, (int)value->any);
    if (value->kind == VALUE_LIST)
        for (size_t index = 0; index < value->list.count; index++) {
            raw_write(out, &value->list.items[index]);
            writer_byte(out, ',');
        }
    else
        rule_value_write(out, value);
}

/* ---- events ---- */

struct record {
    struct value values[FIELDS];
    span raw[FIELDS];
};

static const struct field_desc open_field = {"", FIELD_ANY, ARGUMENT_KEY_OPTIONAL, false, false,
                                             "", 0};
static const struct field_desc plain_fields[FIELDS] = {
    {"f0", FIELD_ANY, ARGUMENT_NONE, false, false, "", 0},
    {"f1", FIELD_ANY, ARGUMENT_NONE, false, false, "", 1},
    {"f2", FIELD_ANY, ARGUMENT_NONE, false, false, "", 2},
    {"f3", FIELD_ANY, ARGUMENT_NONE, false, false, "", 3},
    {"f4", FIELD_ANY, ARGUMENT_NONE, false, false, "", 4},
};
static const struct schema open_schema = {.source = "test", .open = &open_field};
static const struct schema routed_schema = {
    .source = "test", .fields = plain_fields, .field_count = FIELDS, .route = "f0"};

static size_t field_number(const struct field_ref *ref)
{
    return ref->argument.data ? (size_t)(ref->argument.data[1] - '0') : ref->field->code;
}

static void fetch(void *decoder, const struct field_ref *ref, struct arena *arena,
                  struct value *ret)
{
    const struct record *record = *(const struct record **)decoder;
    (void)arena;
    *ret = record->values[field_number(ref)];
}

/* ---- rules ---- */

struct round {
    uint64_t rng;
    const struct schema *schema;
    struct rule_builder *builder;
    struct arena arena;
    struct value pool[POOL];
};

static uint32_t random_field(struct round *round)
{
    char name[] = "f0";
    struct field_ref ref;
    const char *hint;
    name[1] = (char)('0' + below(&round->rng, FIELDS));
    assert_int_equal(schema_resolve(round->schema, span_str(name), &ref, &hint), FIELD_FOUND);
    return rule_build_field(round->builder, &ref);
}

static uint32_t random_expression(struct round *round)
{
    uint32_t field = random_field(round);
    if (chance(&round->rng, 88))
        return field;
    return rule_build_call(round->builder, chance(&round->rng, 50) ? RULE_LOWER : RULE_LENGTH,
                           &field, 1);
}

static struct rule_literal random_literal(struct round *round, const struct rule_compare *compare)
{
    uint64_t *rng = &round->rng;
    struct rule_literal literal = {.value = {.kind = VALUE_TEXT}};
    bool is_number =
        compare->type == RULE_TYPE_NUMBER || (compare->type == RULE_TYPE_VALUE && chance(rng, 40));
    if (compare->type == RULE_TYPE_ADDRESS) {
        literal.value.kind = VALUE_ADDRESS;
        literal.value.address = (struct address){.family = AF_INET, .bytes = {10}};
        literal.value.address.bytes[2] = (uint8_t)below(rng, 3);
        literal.value.address.bytes[3] = (uint8_t)below(rng, 3);
        literal.prefix_bits = (uint8_t)(8 * below(rng, 5));
    } else if (compare->type == RULE_TYPE_BOOL) {
        literal.value = (struct value){.kind = VALUE_BOOL, .truth = chance(rng, 50)};
    } else if (is_number && chance(rng, 30)) {
        literal.value = (struct value){.kind = VALUE_REAL, .real = below(rng, 12) / 2.0};
    } else if (is_number) {
        literal.value = (struct value){.kind = VALUE_INT, .integer = (int64_t)below(rng, 12) - 1};
    } else if (compare->op == RULE_GLOB) {
        literal.value.text = random_glob(rng, &round->arena);
    } else if (compare->op == RULE_REGEX || compare->op == RULE_REGEX_WHOLE) {
        literal.value.text = random_regex(rng, &round->arena);
    } else {
        literal.value.text = random_text(rng, compare->op == RULE_EQUAL ? 4 : 2, &round->arena);
    }
    return literal;
}

static uint32_t random_predicate(struct round *round)
{
    static const enum rule_operator operators[] = {
        RULE_EXISTS,     RULE_EQUAL,       RULE_EQUAL,         RULE_EQUAL,    RULE_LESS,
        RULE_LESS_EQUAL, RULE_GREATER,     RULE_GREATER_EQUAL, RULE_CONTAINS, RULE_CONTAINS,
        RULE_CONTAINS,   RULE_STARTS,      RULE_ENDS,          RULE_ENDS,     RULE_GLOB,
        RULE_REGEX,      RULE_REGEX_WHOLE, RULE_PATH_PREFIX,
    };
    uint64_t *rng = &round->rng;
    struct rule_compare compare = {
        .op = operators[below(rng, sizeof operators / sizeof operators[0])]};
    struct rule_literal literals[LITERALS];
    struct err_ctx err = {0};
    compare.case_mode = (enum rule_case)below(rng, RULE_CASE_COUNT);
    if (compare.op == RULE_EQUAL)
        compare.type = (enum rule_type)below(rng, RULE_TYPE_COUNT);
    else if (compare.op >= RULE_LESS && compare.op <= RULE_GREATER_EQUAL)
        compare.type = chance(rng, 30) ? RULE_TYPE_VALUE : RULE_TYPE_NUMBER;
    compare.is_negated = compare.op != RULE_PATH_PREFIX && chance(rng, 10);
    compare.when_absent = chance(rng, 8);
    compare.items = chance(rng, 85) ? RULE_ANY : (enum rule_quantifier)below(rng, 3);
    if (compare.op != RULE_EXISTS && compare.op < RULE_GLOB && chance(rng, 8)) {
        uint32_t left = random_expression(round);
        return rule_build_relation(round->builder, &compare, left, random_expression(round));
    }
    if (compare.op != RULE_PATH_PREFIX && chance(rng, 15))
        compare.literals = (enum rule_quantifier)below(rng, 3);
    size_t count = compare.op == RULE_EXISTS ? 0 : 1 + below(rng, LITERALS);
    for (size_t index = 0; index < count; index++)
        literals[index] = random_literal(round, &compare);
    uint32_t left = random_expression(round);
    uint32_t node = rule_build_predicate(round->builder, &compare, left, literals, count, &err);
    if (node == RULE_NONE)
        fail_msg("%s", err.text);
    return node;
}

static uint32_t random_node(struct round *round, unsigned depth)
{
    uint32_t children[4];
    uint64_t *rng = &round->rng;
    unsigned kind = below(rng, 10);
    if (depth == 0 || kind < 4)
        return random_predicate(round);
    if (kind < 5)
        return rule_build_not(round->builder, random_node(round, depth - 1));
    size_t count = 2 + below(rng, 3);
    for (size_t index = 0; index < count; index++)
        children[index] = random_node(round, depth - 1);
    return kind < 8 ? rule_build_all(round->builder, children, count)
                    : rule_build_any(round->builder, children, count);
}

static span random_part(uint64_t *rng, bool may_be_other)
{
    static const char *const names[] = {"x", "y", "other"};
    if (chance(rng, 40))
        return (span){NULL, 0};
    return span_str(names[below(rng, may_be_other ? 3 : 2)]);
}

static struct logsource random_logsource(uint64_t *rng, bool may_be_other)
{
    struct logsource logsource;
    logsource.product = random_part(rng, may_be_other);
    logsource.category = random_part(rng, may_be_other);
    logsource.service = random_part(rng, may_be_other);
    return logsource;
}

static void rules_make(struct round *round, size_t count, struct writer *image)
{
    struct err_ctx err = {0};
    assert_int_equal(rule_builder_open(round->schema, &round->builder, &err), OK);
    for (size_t index = 0; index < count; index++) {
        struct rule_definition rule = {
            .name = SPAN("r"), .source = SPAN("test"), .priority_name = SPAN("low")};
        rule.is_enabled = chance(&round->rng, 97);
        rule.logsource = random_logsource(&round->rng, false);
        rule.root = random_node(round, 3);
        rule_build_rule(round->builder, &rule);
    }
    assert_int_equal(rule_image_write(round->builder, image, &err), OK);
    rule_builder_close(round->builder);
}

/* ---- one round ---- */

static void record_make(struct round *round, struct record *record, struct writer *out)
{
    size_t starts[FIELDS + 1];
    writer_reset(out);
    for (size_t field = 0; field < FIELDS; field++) {
        record->values[field] = round->pool[below(&round->rng, POOL)];
        if (field == 0 && round->schema->route && record->values[0].kind != VALUE_TEXT)
            record->values[0] = (struct value){.kind = VALUE_ABSENT}; /* routes are texts */
        starts[field] = out->len;
        raw_write(out, &record->values[field]);
    }
    starts[FIELDS] = out->len;
    for (size_t field = 0; field < FIELDS; field++)
        record->raw[field] =
            record->values[field].kind == VALUE_ABSENT
                ? (span){NULL, 0}
                : span_of(out->data + starts[field], starts[field + 1] - starts[field]);
}

struct subject {
    struct rule_program *program;
    struct event event;
    span raw[FIELDS];
};

static void subject_open(struct subject *subject, struct round *round, span image,
                         const struct rule_program_options *options,
                         const struct record *const *record)
{
    struct err_ctx err = {0};
    if (rule_program_open_with(image, round->schema, options, &subject->program, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(event_open(&subject->event, rule_program_projection(subject->program), fetch,
                                (void *)(uintptr_t)record, &err),
                     OK);
}

static void subject_begin(struct subject *subject, const struct record *record, bool has_raw,
                          const struct logsource *logsource)
{
    const struct projection *projection = rule_program_projection(subject->program);
    event_begin(&subject->event);
    subject->event.logsource = logsource;
    subject->event.raw = has_raw ? subject->raw : NULL;
    for (size_t slot = 0; slot < projection->count; slot++)
        subject->raw[slot] = record->raw[field_number(&projection->refs[slot])];
}

static void compare_rules(struct subject *subject, uint64_t seed, size_t event, int way)
{
    uint32_t found[RULES_MAX];
    uint32_t undecided;
    size_t count =
        rule_program_match(subject->program, &subject->event, found, RULES_MAX, &undecided);
    size_t at = 0;
    for (uint32_t rule = 0; rule < rule_program_count(subject->program); rule++) {
        bool is_undecided;
        bool is_plain =
            rule_program_match_plainly(subject->program, &subject->event, rule, &is_undecided);
        bool is_found = at < count && found[at] == rule;
        at += is_found;
        if (is_plain == is_found)
            continue;
        struct writer out;
        writer_init(&out, 1 << 16);
        rule_explain(subject->program, rule, &out);
        rule_explain_event(subject->program, rule, &subject->event, &out);
        fail_msg("seed %llu event %zu way %d rule %u: plain %d, found %d\n%.*s",
                 (unsigned long long)seed, event, way, rule, is_plain, is_found, (int)out.len,
                 (const char *)out.data);
    }
    assert_int_equal(at, count);
}

static size_t round_run(uint64_t seed)
{
    static const struct rule_program_options ways[] = {
        {false, false}, {true, false}, {false, true}};
    struct round round = {.rng = seed};
    struct subject subjects[3];
    struct record record;
    const struct record *current = &record;
    struct writer image, raw;
    size_t matched = 0;
    round.schema = chance(&round.rng, 50) ? &open_schema : &routed_schema;
    bool has_raw = round.schema == &open_schema && chance(&round.rng, 75);
    arena_init(&round.arena, 16 << 20);
    writer_init(&image, 16 << 20);
    writer_init(&raw, 1 << 20);
    for (size_t index = 0; index < POOL; index++)
        round.pool[index] = random_value(&round.rng, &round.arena);
    rules_make(&round, 1 + below(&round.rng, chance(&round.rng, 20) ? RULES_MAX : 20), &image);
    for (int way = 0; way < 3; way++)
        subject_open(&subjects[way], &round, writer_span(&image), &ways[way], &current);
    for (size_t event = 0; event < EVENTS; event++) {
        struct logsource logsource = random_logsource(&round.rng, true);
        bool has_logsource = chance(&round.rng, 60);
        record_make(&round, &record, &raw);
        for (int way = 0; way < 3; way++) {
            uint32_t undecided;
            subject_begin(&subjects[way], &record, has_raw, has_logsource ? &logsource : NULL);
            compare_rules(&subjects[way], seed, event, way);
            matched += rule_program_match(subjects[way].program, &subjects[way].event, NULL, 0,
                                          &undecided);
        }
    }
    for (int way = 0; way < 3; way++) {
        event_close(&subjects[way].event);
        rule_program_close(subjects[way].program);
    }
    writer_free(&image);
    writer_free(&raw);
    arena_free(&round.arena);
    return matched;
}

/* PICKET_SEEDS=FIRST:COUNT runs others, and more of them. */
static void the_plan_is_the_conditions(void **state)
{
    (void)state;
    unsigned long long first = 1;
    unsigned long long count = 60;
    const char *seeds = getenv("PICKET_SEEDS");
    size_t matched = 0;
    if (seeds)
        assert_int_equal(sscanf(seeds, "%llu:%llu", &first, &count), 2);
    for (unsigned long long seed = first; seed < first + count; seed++)
        matched += round_run(seed);
    assert_true(matched > count * EVENTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_plan_is_the_conditions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
