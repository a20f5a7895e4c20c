#include "falco/collection.h"

struct text text_of_node(struct collection *collection, const struct yaml_file *file,
                         const struct yaml_node *scalar)
{
    struct text text = {.bytes = scalar->text, .piece_count = 1};
    text.pieces = arena_alloc(&collection->arena, sizeof *text.pieces);
    if (!text.pieces)
        return (struct text){0};
    *text.pieces = (struct text_piece){.file = file, .node = scalar};
    return text;
}

struct text text_join(struct collection *collection, const struct text *a, const char *between,
                      const struct text *b)
{
    span middle = span_str(between);
    size_t shift = a->bytes.len + middle.len;
    struct text text = {.piece_count = a->piece_count + b->piece_count};
    uint8_t *bytes = arena_alloc_raw(&collection->arena, shift + b->bytes.len + 1);
    text.pieces = arena_alloc(&collection->arena, (text.piece_count + 1) * sizeof *text.pieces);
    if (!bytes || !text.pieces)
        return (struct text){0};
    if (a->bytes.len)
        memcpy(bytes, a->bytes.data, a->bytes.len);
    memcpy(bytes + a->bytes.len, middle.data, middle.len);
    if (b->bytes.len)
        memcpy(bytes + shift, b->bytes.data, b->bytes.len);
    text.bytes = span_of(bytes, shift + b->bytes.len);
    for (size_t index = 0; index < text.piece_count; index++) {
        bool is_second = index >= a->piece_count;
        text.pieces[index] = is_second ? b->pieces[index - a->piece_count] : a->pieces[index];
        text.pieces[index].start += is_second ? shift : 0;
    }
    return text;
}

/* Pieces lie in the order of their starts. */
struct position text_position(const struct text *text, size_t offset)
{
    size_t low = 0;
    size_t high = text->piece_count;
    while (high > low + 1) {
        size_t middle = low + (high - low) / 2;
        if (text->pieces[middle].start <= offset)
            low = middle;
        else
            high = middle;
    }
    if (high == 0)
        return (struct position){.file = SPAN("rules")};
    const struct text_piece *piece = &text->pieces[low];
    if (piece->is_made)
        return yaml_position(piece->file, piece->node);
    size_t inner = offset < piece->start ? 0 : offset - piece->start;
    return yaml_position_in(piece->file, piece->node, piece->node_offset + inner);
}
