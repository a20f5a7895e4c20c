#include "json/decoder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

#define TEXT_BYTES_MAX (64u << 20)

enum { PART_PRODUCT, PART_CATEGORY, PART_SERVICE, PART_COUNT };

static const struct field_desc member_desc = {.name = "",
                                              .type = FIELD_ANY,
                                              .argument = ARGUMENT_KEY,
                                              .summary = "a key, or keys joined by dots"};

const struct schema json_schema = {.source = "json", .open = &member_desc, .raw_is_json = true};

static const span part_table[PART_COUNT] = {
    [PART_PRODUCT] = {(const uint8_t *)"product", 7},
    [PART_CATEGORY] = {(const uint8_t *)"category", 8},
    [PART_SERVICE] = {(const uint8_t *)"service", 7},
};

static err_kind keys_fill(struct json_decoder *decoder, struct err_ctx *err)
{
    const struct projection *projection = decoder->projection;
    err_kind kind = OK;
    decoder->whole_slot = SLOT_NONE;
    for (uint32_t slot = 0; slot < projection->count && kind == OK; slot++)
        if (span_eq(projection->refs[slot].argument, SPAN(FIELD_WHOLE)))
            decoder->whole_slot = slot;
        else
            kind = json_keys_add(&decoder->keys, projection->refs[slot].argument, slot, err);
    for (size_t part = 0; part < PART_COUNT && kind == OK; part++) {
        uint32_t slot = json_keys_slot(&decoder->keys, part_table[part]);
        decoder->parts[part] = slot != SLOT_NONE ? slot : (uint32_t)(projection->count + part);
        if (slot == SLOT_NONE)
            kind = json_keys_add(&decoder->keys, part_table[part], decoder->parts[part], err);
    }
    return kind == OK ? json_keys_seal(&decoder->keys, err) : kind;
}

err_kind json_decoder_open(const struct projection *projection, struct json_decoder **ret,
                           struct err_ctx *err)
{
    struct json_decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return err_set(err, ERR_SYSTEM, "JSON decoder");
    decoder->projection = projection;
    decoder->index = json_index_choose();
    decoder->slot_count = projection->count + PART_COUNT;
    arena_init(&decoder->logsource_text, TEXT_BYTES_MAX);
    arena_init(&decoder->scratch, TEXT_BYTES_MAX);
    err_kind kind = keys_fill(decoder, err);
    decoder->raw = calloc(decoder->slot_count, sizeof *decoder->raw);
    decoder->slots = calloc(decoder->slot_count, sizeof *decoder->slots);
    decoder->touched = calloc(decoder->slot_count, sizeof *decoder->touched);
    decoder->nulls = calloc(decoder->slot_count, sizeof *decoder->nulls);
    decoder->key_text = calloc(decoder->keys.key_len_max * 6 + 8, 1);
    if (kind == OK && (!decoder->raw || !decoder->slots || !decoder->touched || !decoder->nulls ||
                       !decoder->key_text))
        kind = err_set(err, ERR_SYSTEM, "JSON decoder");
    if (kind != OK)
        json_decoder_close(decoder);
    else
        *ret = decoder;
    return kind;
}

void json_decoder_close(struct json_decoder *decoder)
{
    if (!decoder)
        return;
    json_keys_free(&decoder->keys);
    arena_free(&decoder->logsource_text);
    arena_free(&decoder->scratch);
    free(decoder->raw);
    free(decoder->slots);
    free(decoder->touched);
    free(decoder->nulls);
    free(decoder->key_text);
    free(decoder->quotes);
    free(decoder->copy);
    free(decoder);
}

/* ---- lines ---- */

/* Room for `count` elements, without their content. */
static bool room_make(void *items, size_t *size, size_t count, size_t element_bytes)
{
    if (count <= *size)
        return true;
    void *old;
    memcpy(&old, items, sizeof old);
    size_t want = count + count / 2;
    void *grown = malloc(want * element_bytes);
    if (!grown)
        return false;
    free(old);
    memcpy(items, &grown, sizeof grown);
    *size = want;
    return true;
}

static void values_forget(struct json_decoder *decoder)
{
    for (size_t index = 0; index < decoder->touched_count; index++)
        decoder->raw[decoder->touched[index]] = (span){NULL, 0};
    for (size_t index = 0; index < decoder->null_count; index++)
        decoder->raw[decoder->nulls[index]] = (span){NULL, 0};
    decoder->touched_count = 0;
    decoder->null_count = 0;
    decoder->record++;
}

static span name_of(const struct json_decoder *decoder, uint32_t slot)
{
    for (size_t part = 0; part < PART_COUNT; part++)
        if (decoder->parts[part] == slot)
            return part_table[part];
    return decoder->projection->refs[slot].argument;
}

/* A key stands twice: which value counts is seen by looking at the line as a whole. */
static void conflict_resolve(struct json_decoder *decoder)
{
    for (size_t index = 0; index < decoder->touched_count; index++) {
        uint32_t slot = decoder->touched[index];
        struct value value;
        bool is_whole =
            json_collect(decoder->line, name_of(decoder, slot), &decoder->scratch, &value);
        arena_reset(&decoder->scratch);
        decoder->slots[slot].fan = 1;
        decoder->slots[slot].array = NULL;
        decoder->raw[slot] =
            !is_whole || value.kind != VALUE_ABSENT ? decoder->line : (span){NULL, 0};
    }
}

/* Null gives way to any value; where there is none, the field is there all the same. */
static void nulls_set(struct json_decoder *decoder)
{
    for (size_t index = 0; index < decoder->null_count; index++) {
        uint32_t slot = decoder->nulls[index];
        struct value value = {.kind = VALUE_NULL};
        if (decoder->raw[slot].data)
            continue;
        if (decoder->has_conflict) {
            (void)json_collect(decoder->line, name_of(decoder, slot), &decoder->scratch, &value);
            arena_reset(&decoder->scratch);
        }
        decoder->slots[slot].fan = 0;
        decoder->slots[slot].array = NULL;
        if (value.kind == VALUE_NULL)
            decoder->raw[slot] = SPAN("null");
    }
}

/* False: it does not fit into the arena. */
static bool slot_value(const struct json_decoder *decoder, uint32_t slot, struct arena *arena,
                       struct value *ret)
{
    span raw = decoder->raw[slot];
    if (!raw.data)
        return true;
    if (slot != decoder->whole_slot && decoder->slots[slot].fan && decoder->slots[slot].array) {
        const uint8_t *array = decoder->slots[slot].array;
        span elements = span_of(array, (size_t)(raw.data + raw.len - array));
        span rest = span_after(name_of(decoder, slot), decoder->slots[slot].name_at);
        bool is_whole = json_array_value(elements, &rest, arena, ret);
        if (!is_whole || ret->kind != VALUE_ABSENT)
            return is_whole;
    }
    if (slot == decoder->whole_slot || decoder->slots[slot].fan)
        return json_collect(decoder->line, name_of(decoder, slot), arena, ret);
    if (raw.data[0] == '[')
        return json_array_value(raw, NULL, arena, ret);
    json_value(raw, arena, ret);
    return ret->kind != VALUE_ABSENT;
}

static span part_text(struct json_decoder *decoder, size_t part)
{
    uint32_t slot = decoder->parts[part];
    struct value value = {.kind = VALUE_ABSENT};
    if (decoder->raw[slot].data)
        (void)slot_value(decoder, slot, &decoder->logsource_text, &value);
    return value.kind == VALUE_TEXT ? value.text : (span){NULL, 0};
}

static void logsource_set(struct json_decoder *decoder)
{
    arena_reset(&decoder->logsource_text);
    decoder->logsource = (struct logsource){.product = part_text(decoder, PART_PRODUCT),
                                            .category = part_text(decoder, PART_CATEGORY),
                                            .service = part_text(decoder, PART_SERVICE)};
}

bool json_decode_padded(struct json_decoder *decoder, span line, struct json_fault *ret_fault)
{
    bool is_fine = false;
    values_forget(decoder);
    decoder->line = line;
    if (line.len > JSON_BYTES_MAX || !room_make(&decoder->quotes, &decoder->quotes_size,
                                                line.len + 80, sizeof *decoder->quotes)) {
        *ret_fault = (struct json_fault){0, line.len > JSON_BYTES_MAX ? "the object is over 16 MiB"
                                                                      : "out of memory"};
    } else {
        struct json_indexed indexed;
        decoder->index(line.data, line.len, decoder->quotes, &indexed);
        decoder->traits = indexed.traits;
        decoder->quote = decoder->quotes;
        is_fine = indexed.is_fine && json_walk(decoder);
        if (!is_fine && json_check(line, ret_fault))
            *ret_fault = (struct json_fault){0, "not valid JSON"}; /* the two passes are wrong */
    }
    if (!is_fine) {
        values_forget(decoder);
        decoder->line = (span){NULL, 0};
    } else {
        if (decoder->has_conflict)
            conflict_resolve(decoder);
        nulls_set(decoder);
    }
    if (decoder->whole_slot != SLOT_NONE)
        decoder->raw[decoder->whole_slot] = decoder->line;
    logsource_set(decoder);
    return is_fine;
}

bool json_decode(struct json_decoder *decoder, span line, struct json_fault *ret_fault)
{
    span padded = {NULL, 0};
    if (line.len <= JSON_BYTES_MAX &&
        room_make(&decoder->copy, &decoder->copy_size, line.len + JSON_PADDING, 1)) {
        if (line.len)
            memcpy(decoder->copy, line.data, line.len);
        memset(decoder->copy + line.len, 0, JSON_PADDING);
        padded = span_of(decoder->copy, line.len);
    }
    if (padded.data)
        return json_decode_padded(decoder, padded, ret_fault);
    values_forget(decoder);
    decoder->line = (span){NULL, 0};
    *ret_fault = (struct json_fault){0, line.len > JSON_BYTES_MAX ? "the object is over 16 MiB"
                                                                  : "out of memory"};
    return false;
}

/* ---- what it holds ---- */

void json_fetch(void *context, const struct field_ref *ref, struct arena *arena, struct value *ret)
{
    struct json_decoder *decoder = context;
    const struct projection *projection = decoder->projection;
    bool is_slot = ref >= projection->refs && ref < projection->refs + projection->count;
    *ret = (struct value){.kind = VALUE_ABSENT};
    if (!decoder->line.data || !ref->argument.data)
        return;
    bool is_whole = is_slot ? slot_value(decoder, (uint32_t)(ref - projection->refs), arena, ret)
                            : json_collect(decoder->line, ref->argument, arena, ret);
    decoder->over_limit += !is_whole;
}

const struct raw_traits *json_raw_traits(const struct json_decoder *decoder)
{
    return &decoder->traits;
}

const span *json_raw(const struct json_decoder *decoder)
{
    return decoder->raw;
}

const struct logsource *json_logsource(const struct json_decoder *decoder)
{
    const struct logsource *all = &decoder->logsource;
    return all->product.data || all->category.data || all->service.data ? all : NULL;
}

span json_line(const struct json_decoder *decoder)
{
    return decoder->line;
}

uint64_t json_over_limit(const struct json_decoder *decoder)
{
    return decoder->over_limit;
}

/* ---- time ---- */

static const char *const time_table[] = {"@timestamp", "timestamp", "time",
                                         "evt.time",   "eventTime", "TimeCreated"};

void json_decoder_time(struct json_decoder *decoder, const struct json_time *time)
{
    decoder->time = *time;
}

/* 0: it is no time. */
static uint64_t time_of(const struct value *value, uint64_t unit_ns)
{
    uint64_t number = 0, ns = 0;
    char text[64];
    if (unit_ns && value->kind == VALUE_INT && value->integer > 0)
        number = (uint64_t)value->integer;
    if (value->kind == VALUE_TEXT && value->text.len < sizeof text) {
        snprintf(text, sizeof text, PRI_SPAN, ARG_SPAN(value->text));
        if (!unit_ns)
            return clock_parse(text, &ns) ? ns : 0;
        number = strtoull(text, NULL, 10);
    }
    return __builtin_mul_overflow(number, unit_ns, &ns) ? 0 : ns;
}

static uint64_t time_under(struct json_decoder *decoder, const char *name, uint64_t unit_ns)
{
    struct value value = {.kind = VALUE_ABSENT};
    arena_reset(&decoder->scratch);
    if (!decoder->line.data ||
        !json_collect(decoder->line, span_str(name), &decoder->scratch, &value))
        return 0;
    return time_of(&value, unit_ns);
}

uint64_t json_time_ns(struct json_decoder *decoder)
{
    const struct json_time *own = &decoder->time;
    uint64_t ns = 0;
    for (size_t index = 0; index < 2 && own->names[index] && !ns; index++)
        ns = time_under(decoder, own->names[index], own->unit_ns);
    for (size_t index = 0; index < sizeof time_table / sizeof *time_table && !ns; index++)
        ns = time_under(decoder, time_table[index], 0);
    return ns;
}
