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

struct text text_made(struct collection *collection, const struct yaml_file *file,
                      const struct yaml_node *node, span bytes)
{
    struct text text = text_of_node(collection, file, node);
    text.bytes = arena_dup(&collection->arena, bytes);
    if (!text.pieces || !text.bytes.data)
        return (struct text){0};
    text.pieces->is_made = true;
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

struct position text_position(const struct text *text, size_t offset)
{
    const struct text_piece *piece = NULL;
    for (size_t index = 0; index < text->piece_count; index++)
        if (!piece || text->pieces[index].start <= offset)
            piece = &text->pieces[index];
    if (!piece)
        return (struct position){.file = SPAN("rules")};
    if (piece->is_made)
        return yaml_position(piece->file, piece->node);
    size_t inner = offset < piece->start ? 0 : offset - piece->start;
    return yaml_position_in(piece->file, piece->node, piece->node_offset + inner);
}
