#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/vector.h"
#include "except/state.h"

const char *except_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* ---- candidates ---- */

/* "\xNN" stands for a byte that is no UTF-8: the value is not the event's. */
static bool has_escape(const char *text)
{
    for (const char *at = strstr(text, "\\x"); at; at = strstr(at + 1, "\\x"))
        if (strspn(at + 2, "0123456789abcdef") >= 2)
            return true;
    return false;
}

/* Can an exception name this value? Masked ones and lists are not what the event holds. */
static bool is_exact(const struct except_rule *rule, const json_t *value)
{
    if (json_is_number(value) || json_is_boolean(value))
        return true;
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (!text || !len || strlen(text) != len || strstr(text, "****"))
        return false;
    if (rule->language == EXCEPT_SIGMA)
        return true;
    bool is_quoted = (text[0] == '"' || text[0] == '\'') && text[len - 1] == text[0];
    return !is_quoted && !has_escape(text) && strcmp(text, "<NA>") != 0;
}

static int candidate_order(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    if (left->use.rank != right->use.rank)
        return left->use.rank < right->use.rank ? -1 : 1;
    return strcmp(left->name, right->name);
}

static void candidates_find(struct except *except)
{
    json_t *fields = json_object_get(except->signal, "output_fields");
    const char *name;
    json_t *value;
    json_object_foreach(fields, name, value)
    {
        struct field_use use = field_use(span_str(name));
        if (use.role == FIELD_NEVER || except->candidate_count == CANDIDATES_MAX ||
            !is_exact(&except->rule, value))
            continue;
        except->candidates[except->candidate_count++] =
            (struct candidate){.name = name, .value = value, .use = use};
    }
    if (except->candidate_count)
        qsort(except->candidates, except->candidate_count, sizeof *except->candidates,
              candidate_order);
}

err_kind except_open(const struct except_rule *rule, span signal, struct except **ret,
                     struct err_ctx *err)
{
    json_error_t reason;
    struct except *except = calloc(1, sizeof *except);
    if (!except)
        return err_set(err, ERR_SYSTEM, "exception");
    except->rule = *rule;
    except->signal = json_loadb((const char *)signal.data, signal.len, JSON_ALLOW_NUL, &reason);
    err_kind kind = OK;
    if (!except->signal)
        kind = err_set(err, ERR_INPUT, "not a signal: %s", reason.text);
    else if (!json_is_object(json_object_get(except->signal, "output_fields")))
        kind = err_set(err, ERR_INPUT, "not a signal: expected an object with `output_fields`");
    else
        candidates_find(except);
    if (kind == OK && !except->candidate_count)
        kind = err_set(err, ERR_INPUT,
                       "the output of rule '" PRI_SPAN "' names no field that an exception could "
                       "hold on to",
                       ARG_SPAN(rule->name));
    if (kind != OK)
        except_close(except);
    else
        *ret = except;
    return kind;
}

void except_close(struct except *except)
{
    if (!except)
        return;
    for (size_t index = 0; index < except->candidate_count; index++)
        free(except->candidates[index].same);
    for (size_t index = 0; index < except->other_size; index++) {
        free(except->others[index].time);
        free(except->others[index].output);
    }
    free(except->others);
    json_decref(except->signal);
    free(except);
}

/* ---- the other signals ---- */

static bool same_mark(struct candidate *candidate, size_t other)
{
    if (!vector_grow(&candidate->same, &candidate->size, other / 64, EXCEPT_OTHERS_MAX / 64 + 1,
                     sizeof *candidate->same))
        return false;
    candidate->same[other / 64] |= (uint64_t)1 << other % 64;
    return true;
}

static bool other_add(struct except *except, const json_t *signal)
{
    const json_t *fields = json_object_get(signal, "output_fields");
    size_t other = except->count;
    for (size_t index = 0; index < except->candidate_count; index++) {
        struct candidate *candidate = &except->candidates[index];
        /* room first: a word that nobody marked is zero */
        if (!vector_grow(&candidate->same, &candidate->size, other / 64, EXCEPT_OTHERS_MAX / 64 + 1,
                         sizeof *candidate->same))
            return false;
        if (json_equal(json_object_get(fields, candidate->name), candidate->value) &&
            !same_mark(candidate, other))
            return false;
    }
    if (other < SIGNALS_OUTPUT) {
        if (!vector_grow(&except->others, &except->other_size, other, SIGNALS_OUTPUT,
                         sizeof *except->others))
            return false;
        except->others[other] = (struct other){.time = strdup(except_text(signal, "time")),
                                               .output = strdup(except_text(signal, "output"))};
    }
    except->count++;
    return true;
}

err_kind except_add(struct except *except, span signal, struct err_ctx *err)
{
    json_t *json = json_loadb((const char *)signal.data, signal.len, JSON_ALLOW_NUL, NULL);
    bool is_good = true;
    if (json && strcmp(except_text(json, "rule"), except_text(except->signal, "rule")) == 0 &&
        strcmp(except_text(json, "id"), except_text(except->signal, "id")) != 0)
        is_good = except->count < EXCEPT_OTHERS_MAX && other_add(except, json);
    json_decref(json);
    return is_good ? OK
                   : err_set(err, ERR_LIMIT, "over %d signals of one rule, or out of memory",
                             EXCEPT_OTHERS_MAX);
}

/* ---- choosing ---- */

struct set {
    size_t members[EXCEPT_FIELDS_MAX];
    size_t count;
    size_t silenced;
    unsigned rank;
};

static size_t silenced_by(const struct except *except, const struct set *set)
{
    size_t total = 0;
    for (size_t word = 0; word * 64 < except->count; word++) {
        uint64_t bits = ~(uint64_t)0;
        for (size_t index = 0; index < set->count; index++)
            bits &= except->candidates[set->members[index]].same[word];
        if (except->count - word * 64 < 64)
            bits &= ((uint64_t)1 << (except->count - word * 64)) - 1;
        total += (size_t)__builtin_popcountll(bits);
    }
    return total;
}

static bool has_role(const struct except *except, const struct set *set, enum field_role role)
{
    for (size_t index = 0; index < set->count; index++)
        if (except->candidates[set->members[index]].use.role == role)
            return true;
    return false;
}

static bool is_better(const struct set *set, const struct set *best)
{
    if (!best->count)
        return true;
    if (set->silenced != best->silenced)
        return set->silenced < best->silenced;
    if (set->count != best->count)
        return set->count < best->count;
    return set->rank < best->rank;
}

struct search {
    const struct except *except;
    bool has_who, has_what;
    struct set best;
};

/* A set that leaves out the program, or what it did, where the rule prints these, is none. */
static void set_judge(struct search *search, struct set *set)
{
    const struct except *except = search->except;
    if ((search->has_who && !has_role(except, set, FIELD_WHO)) ||
        (search->has_what && !has_role(except, set, FIELD_WHAT)) ||
        (set->count == 1 && except->candidate_count > 1))
        return;
    set->silenced = silenced_by(except, set);
    set->rank = 0;
    for (size_t index = 0; index < set->count; index++)
        set->rank += except->candidates[set->members[index]].use.rank;
    if (is_better(set, &search->best))
        search->best = *set;
}

/* All sets of at most EXCEPT_FIELDS_MAX candidates: at most 12,950 of 24. Recursion is as deep as a
 * set is large. */
static void sets_try(struct search *search, struct set *set, size_t first)
{
    if (set->count)
        set_judge(search, set);
    if (set->count == EXCEPT_FIELDS_MAX)
        return;
    for (size_t next = first; next < search->except->candidate_count; next++) {
        set->members[set->count++] = next;
        sets_try(search, set, next + 1);
        set->count--;
    }
}

void except_choose(struct except *except)
{
    struct search search = {.except = except};
    struct set set = {0};
    for (size_t index = 0; index < except->candidate_count; index++) {
        search.has_who |= except->candidates[index].use.role == FIELD_WHO;
        search.has_what |= except->candidates[index].use.role == FIELD_WHAT;
    }
    sets_try(&search, &set, 0);
    except->chosen_count = search.best.count;
    except->silenced = search.best.silenced;
    memcpy(except->chosen, search.best.members, sizeof except->chosen);
}
