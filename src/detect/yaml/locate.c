/* From a byte of a scalar's text back to the file. YAML changes only white space and escapes on the
 * way, so the n-th byte of the text that is not white space comes from the n-th such piece of the
 * source. */
#include "yaml/yaml.h"

struct walk {
    span rest;
    uint32_t line, column;
};

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static void step(struct walk *walk)
{
    uint8_t byte = walk->rest.data[0];
    walk->rest = span_after(walk->rest, 1);
    if (byte == '\n') {
        walk->line++;
        walk->column = 1;
    } else if (walk->rest.len == 0 || (walk->rest.data[0] & 0xc0) != 0x80) {
        walk->column++; /* after the last byte of a character */
    }
}

static void skip_blanks(struct walk *walk)
{
    while (walk->rest.len && is_blank(walk->rest.data[0]))
        step(walk);
}

static void skip_line(struct walk *walk)
{
    while (walk->rest.len && walk->rest.data[0] != '\n')
        step(walk);
}

/* Past anchors and tags, and into the text of a quoted or block scalar. */
static void enter(struct walk *walk, enum yaml_style style)
{
    while (walk->rest.len && (walk->rest.data[0] == '&' || walk->rest.data[0] == '!')) {
        while (walk->rest.len && !is_blank(walk->rest.data[0]))
            step(walk);
        skip_blanks(walk);
    }
    if (walk->rest.len && (style == YAML_SINGLE || style == YAML_DOUBLE))
        step(walk);
    else if (style == YAML_LITERAL || style == YAML_FOLDED)
        skip_line(walk);
}

static uint32_t hex_of(span digits)
{
    uint32_t code = 0;
    for (size_t index = 0; index < digits.len; index++) {
        uint8_t byte = digits.data[index];
        uint32_t digit = byte <= '9' ? byte - 0x30u : (byte | 0x20u) - 0x61u + 10u;
        code = code << 4 | (digit & 15);
    }
    return code;
}

/* Steps over an escape of a double-quoted scalar; how many bytes that are not white space it gives.
 */
static size_t escape(struct walk *walk)
{
    step(walk);
    if (!walk->rest.len)
        return 0;
    uint8_t letter = walk->rest.data[0];
    step(walk);
    size_t digits = letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
    uint32_t code = hex_of(span_first(walk->rest, digits));
    for (size_t index = 0; index < digits && walk->rest.len; index++)
        step(walk);
    if (digits)
        return code < 0x80 ? !is_blank((uint8_t)code) : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (letter == 'N' || letter == '_')
        return 2;
    if (letter == 'L' || letter == 'P')
        return 3;
    return !is_blank(letter) && letter != 'n' && letter != 't' && letter != 'r';
}

/* One piece of source; how many bytes that are not white space it gives. */
static size_t piece(struct walk *walk, enum yaml_style style)
{
    uint8_t byte = walk->rest.data[0];
    if (style == YAML_DOUBLE && byte == '\\')
        return escape(walk);
    if (style == YAML_SINGLE && span_starts(walk->rest, SPAN("''")))
        step(walk);
    step(walk);
    return !is_blank(byte);
}

struct position yaml_position(const struct yaml_file *file, const struct yaml_node *node)
{
    return (struct position){file->name, node->line, node->column};
}

/* The last marked line that is not behind this one. */
static struct walk line_near(const struct yaml_file *file, uint32_t line)
{
    struct walk walk = {file->bytes, 1, 1};
    size_t mark = line ? (line - 1) / YAML_LINES_A_MARK : 0;
    if (mark >= file->line_mark_count)
        return walk;
    walk.rest = span_after(file->bytes, file->line_marks[mark]);
    walk.line = (uint32_t)(mark * YAML_LINES_A_MARK + 1);
    return walk;
}

struct position yaml_position_in(const struct yaml_file *file, const struct yaml_node *scalar,
                                 size_t offset)
{
    struct walk walk = line_near(file, scalar->line);
    while (walk.rest.len && walk.line < scalar->line) {
        skip_line(&walk);
        if (walk.rest.len)
            step(&walk);
    }
    if (walk.line < scalar->line) /* nothing stands there: an empty value behind the end */
        return yaml_position(file, scalar);
    while (walk.rest.len && walk.column < scalar->column)
        step(&walk);
    enter(&walk, scalar->style);
    span before = span_first(scalar->text, offset);
    size_t wanted = 0;
    for (size_t index = 0; index < before.len; index++)
        wanted += !is_blank(before.data[index]);
    for (size_t seen = 0; seen < wanted && walk.rest.len;)
        seen += piece(&walk, scalar->style);
    bool is_at_blank = offset >= scalar->text.len || is_blank(scalar->text.data[offset]);
    for (struct walk ahead = walk; !is_at_blank && ahead.rest.len; walk = ahead)
        if (piece(&ahead, scalar->style) != 0)
            break;
    return (struct position){file->name, walk.line, walk.column};
}
