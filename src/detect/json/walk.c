/* The second pass: from quote to quote, with all between them looked at. */
#include "json/decoder.h"

static inline const uint8_t *blanks_skip(const uint8_t *at)
{
    while (*at <= ' ' && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at;
}

static inline bool is_digit(uint8_t byte)
{
    return (uint8_t)(byte - '0') < 10;
}

static const uint8_t *digits_skip(const uint8_t *at)
{
    if (!is_digit(*at))
        return NULL;
    while (is_digit(*at))
        at++;
    return at;
}

static const uint8_t *number_skip(const uint8_t *at)
{
    at += *at == '-';
    at = *at == '0' ? at + 1 : digits_skip(at);
    if (at && *at == '.')
        at = digits_skip(at + 1);
    if (at && (*at | 0x20) == 'e') {
        at++;
        at = digits_skip(at + (*at == '+' || *at == '-'));
    }
    return at;
}

static const uint8_t *word_skip(const uint8_t *at)
{
    if (memcmp(at, "true", 4) == 0 || memcmp(at, "null", 4) == 0)
        return at + 4;
    return memcmp(at, "false", 5) == 0 ? at + 5 : NULL;
}

/* ---- wanted values ---- */

/* The way is known by `split`; of two, the one with the longer literal keys stays. */
static void value_set(struct json_decoder *decoder, const struct json_node *node, span value,
                      uint32_t split)
{
    struct json_slot *slot = &decoder->slots[node->slot];
    bool is_new = slot->record != decoder->record;
    if (value.data[0] == 'n') {
        decoder->has_conflict |= !is_new && slot->split == split && !decoder->fan;
        if (!decoder->fan && slot->null_record != decoder->record) {
            slot->null_record = decoder->record;
            decoder->nulls[decoder->null_count++] = node->slot;
        }
        return;
    }
    if (!is_new && split > slot->split)
        return;
    if (is_new)
        decoder->touched[decoder->touched_count++] = node->slot;
    *slot = (struct json_slot){.record = decoder->record,
                               .null_record = slot->null_record,
                               .split = split,
                               .fan = decoder->fan,
                               .name_at = decoder->fan_name_at,
                               .array = decoder->fan_start};
    if (value.data[0] == '{')
        value.len = 1; /* what is inside is not this field's value */
    decoder->raw[node->slot] = value;
}

/* What fields have from inside an array is told by the array as a whole, and by the way to it. */
static void fan_close(struct json_decoder *decoder, const uint8_t *end)
{
    for (size_t index = 0; index < decoder->touched_count; index++) {
        uint32_t slot = decoder->touched[index];
        if (decoder->slots[slot].fan == decoder->fan)
            decoder->raw[slot] = span_of(decoder->member, (size_t)(end - decoder->member));
    }
    decoder->fan = 0;
}

static __attribute__((noinline)) struct json_edge *key_find_escaped(struct json_decoder *decoder,
                                                                    uint32_t from, span key)
{
    if (key.len > decoder->keys.key_len_max * 6)
        return NULL;
    uint64_t head, tail;
    uint8_t *text = decoder->key_text;
    size_t len = json_unescape(key, text);
    json_key_ends(text, len, &head, &tail);
    if (len && memchr(text, '\\', len))
        from |= EDGE_UNESCAPED;
    return json_keys_find(&decoder->keys, from, text, len, head, tail);
}

static inline bool has_backslash(const uint8_t *key, size_t len, uint64_t head, uint64_t tail)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t first = head ^ ones * '\\', last = tail ^ ones * '\\';
    uint64_t zero = ((first - ones) & ~first) | ((last - ones) & ~last);
    return (zero & ones << 7) || (len > 16 && memchr(key + 8, '\\', len - 16));
}

static inline struct json_edge *key_find(struct json_decoder *decoder, uint32_t from,
                                         const uint8_t *key, size_t len)
{
    uint64_t head, tail;
    json_key_ends(key, len, &head, &tail);
    struct json_edge *edge = json_keys_find(&decoder->keys, from, key, len, head, tail);
    if (!edge && __builtin_expect(has_backslash(key, len, head, tail), 0))
        return key_find_escaped(decoder, from, span_of(key, len));
    return edge;
}

/* ---- values of any kind ---- */

/* Each reads on from `at` and returns where it ended, or NULL. `node`: what the value is of;
 * `split`: of the way to it. */
static const uint8_t *object_walk(struct json_decoder *decoder, const uint8_t *at, uint32_t node,
                                  uint32_t split, unsigned depth);
static const uint8_t *array_walk(struct json_decoder *decoder, const uint8_t *at, uint32_t node,
                                 uint32_t split, unsigned depth);

static const uint8_t *value_walk(struct json_decoder *decoder, const uint8_t *at, uint32_t node,
                                 uint32_t split, unsigned depth)
{
    switch (*at) {
    case '"':
        at = decoder->line.data + decoder->quote[1] + 1;
        decoder->quote += 2;
        return at;
    case '{':
    case '[':
        if (depth == JSON_DEPTH_MAX)
            return NULL;
        split |= decoder->keys.nodes[node].split;
        return *at == '{' ? object_walk(decoder, at + 1, node, split, depth + 1)
                          : array_walk(decoder, at + 1, node, split, depth + 1);
    case 't':
    case 'f':
    case 'n':
        return word_skip(at);
    default:
        return number_skip(at);
    }
}

static const uint8_t *array_walk(struct json_decoder *decoder, const uint8_t *at, uint32_t node,
                                 uint32_t split, unsigned depth)
{
    if (!decoder->keys.nodes[node].has_edges)
        node = NODE_NONE;
    bool is_fan = node != NODE_NONE && !decoder->fan;
    if (is_fan) {
        decoder->fan = ++decoder->fan_count;
        decoder->fan_start = at - 1;
        decoder->fan_name_at = decoder->keys.nodes[node].name_len + 1;
    }
    at = blanks_skip(at);
    if (*at != ']') {
        for (;; at = blanks_skip(at + 1)) {
            at = value_walk(decoder, at, node, split, depth);
            if (!at)
                return NULL;
            at = blanks_skip(at);
            if (*at != ',')
                break;
        }
        if (*at != ']')
            return NULL;
    }
    at++;
    if (is_fan)
        fan_close(decoder, at);
    return at;
}

/* A wanted key was read; whether it stood in this object before matters only where fields lie below
 * it, for else its new value takes the place of the old one. */
static inline const struct json_node *edge_take(struct json_decoder *decoder,
                                                struct json_edge *edge, uint64_t object)
{
    const struct json_node *node = &decoder->keys.nodes[edge->to];
    if (node->has_edges) {
        decoder->has_conflict |= edge->seen == object;
        edge->seen = object;
    }
    return node;
}

/* The value of a member, which begins at `at`; edge: of its key, NULL where it is not wanted. */
static inline const uint8_t *member_walk(struct json_decoder *decoder, const uint8_t *at,
                                         struct json_edge *edge, uint64_t object, uint32_t split,
                                         unsigned depth)
{
    const uint8_t *start = at;
    if (!edge)
        return value_walk(decoder, at, NODE_NONE, 0, depth);
    const struct json_node *node = edge_take(decoder, edge, object);
    if (*at == '"') {
        at = decoder->line.data + decoder->quote[1] + 1;
        decoder->quote += 2;
    } else {
        at = value_walk(decoder, at, edge->to, split, depth);
    }
    if (at && node->slot != SLOT_NONE)
        value_set(decoder, node, span_of(start, (size_t)(at - start)), split);
    return at;
}

static const uint8_t *object_walk(struct json_decoder *decoder, const uint8_t *at, uint32_t node,
                                  uint32_t split, unsigned depth)
{
    const uint8_t *base = decoder->line.data;
    uint64_t object = ++decoder->object;
    bool has_edges = decoder->keys.nodes[node].has_edges;
    at = blanks_skip(at);
    if (*at == '}')
        return at + 1;
    for (;; at++) {
        at = blanks_skip(at);
        if (*at != '"')
            return NULL;
        const uint8_t *key = at + 1;
        if (depth == 1)
            decoder->member = at;
        at = base + decoder->quote[1] + 1;
        decoder->quote += 2;
        struct json_edge *edge =
            has_edges ? key_find(decoder, node, key, (size_t)(at - 1 - key)) : NULL;
        at = blanks_skip(at);
        if (*at != ':')
            return NULL;
        at = blanks_skip(at + 1);
        if (!edge && *at == '"') {
            at = base + decoder->quote[1] + 1;
            decoder->quote += 2;
        } else {
            at = member_walk(decoder, at, edge, object, split, depth);
            if (!at)
                return NULL;
        }
        at = blanks_skip(at);
        if (*at != ',')
            return *at == '}' ? at + 1 : NULL;
    }
}

bool json_walk(struct json_decoder *decoder)
{
    const uint8_t *at = blanks_skip(decoder->line.data);
    decoder->fan_count = 0;
    decoder->fan = 0;
    decoder->has_conflict = false;
    if (*at != '{')
        return false;
    at = object_walk(decoder, at + 1, NODE_ROOT, 0, 1);
    return at && blanks_skip(at) == decoder->line.data + decoder->line.len;
}
