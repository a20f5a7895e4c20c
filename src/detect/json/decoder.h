/* Private to this folder: the decoder, and the second pass over a line. */
#pragma once

#include "json/index.h"
#include "json/json.h"
#include "json/keys.h"

/* A slot's value in the current record, valid where record is the decoder's. */
struct json_slot {
    uint64_t record;
    uint64_t null_record; /* where its key stood with null last, outside arrays */
    uint32_t split;       /* of the way to it: json_node.split of each node that it went through */
    uint32_t fan;         /* number of the array that it was found in; 0: in none */
    uint32_t name_at;     /* of the field's name, what is to be found in that array */
    const uint8_t *array; /* where that begins; NULL: it may be anywhere in the line */
};

struct json_decoder {
    const struct projection *projection;
    struct json_keys keys;
    json_index index;
    uint32_t *quotes;
    size_t quotes_size;
    uint8_t *key_text; /* an unescaped key */
    uint8_t *copy;     /* of a line that has no padding */
    size_t copy_size;

    span line;
    uint64_t record;
    span *raw; /* by slot; see struct event */
    struct raw_traits traits;
    struct json_slot *slots; /* by slot */
    size_t slot_count;       /* the projection's, then the three parts of a logsource */
    uint32_t *touched;       /* slots with a value in this record, each once */
    size_t touched_count;
    uint32_t *nulls; /* slots whose key stands with null, outside arrays, each once */
    size_t null_count;

    /* of the second pass */
    const uint32_t *quote; /* the next one */
    uint64_t object;       /* counts objects, over all records */
    const uint8_t *member; /* the key at the top that is being read */
    uint32_t fan_count;
    uint32_t fan; /* the array on the way to wanted fields that is being read, or 0 */
    uint32_t fan_name_at;
    const uint8_t *fan_start;
    bool has_conflict; /* a key stands twice in one object, and the first had given values */

    uint32_t parts[3]; /* slots of the logsource's */
    uint32_t whole_slot;
    struct logsource logsource;
    struct arena logsource_text;
    struct arena scratch;
    uint64_t over_limit;
    struct json_time time; /* where this source has it */
};

/* Reads the object: the grammar outside strings is checked. False: it is not one, or nested too
 * deeply. */
bool json_walk(struct json_decoder *decoder);

/* What a value's bytes say, which are known to be JSON and no array; an object is there, but has no
 * items. VALUE_ABSENT for what is not null: it does not fit into the arena. */
void json_value(span raw, struct arena *arena, struct value *ret);

/* The slow way to a field, by its name: in a line that is known to be an object. False: the value
 * does not fit into the arena. */
bool json_collect(span line, span name, struct arena *arena, struct value *ret);
/* The list of all items of an array and of the arrays in it; name: of what its elements have under
 * that name, perhaps the empty key. */
bool json_array_value(span array, const span *name, struct arena *arena, struct value *ret);
