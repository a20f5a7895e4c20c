/* passwd(5), group(5) and /proc/PID/uid_map as tables. A line that does not fit is left out, as the
 * C library does; nothing a line holds can make another line wrong. */
#include "container/internal.h"
#include "core/vector.h"

static bool take_until(span *s, uint8_t end, span *ret)
{
    if (span_until(s, end, ret))
        return true;
    *ret = *s;
    *s = span_after(*s, s->len);
    return ret->data != NULL;
}

/* A number of at most 32 bits, nothing else. */
static bool number_of(span s, uint32_t *ret)
{
    uint64_t value = 0;
    if (s.len == 0 || s.len > 10)
        return false;
    for (size_t index = 0; index < s.len; index++) {
        if (s.data[index] < '0' || s.data[index] > '9')
            return false;
        value = value * 10 + (s.data[index] - '0');
    }
    *ret = (uint32_t)value;
    return value <= UINT32_MAX;
}

static bool line_parse(span line, bool is_group, struct user_row *ret)
{
    span password, id, field;
    if (memchr(line.data, 0, line.len))
        return false;
    if (!span_until(&line, ':', &ret->name) || !span_until(&line, ':', &password))
        return false;
    /* '+' and '-' begin NIS's special lines */
    if (ret->name.len == 0 || ret->name.len > NAME_BYTES_MAX || ret->name.data[0] == '#' ||
        ret->name.data[0] == '+' || ret->name.data[0] == '-')
        return false;
    ret->home = ret->shell = (span){0};
    if (!take_until(&line, ':', &id) || !number_of(id, &ret->id))
        return false;
    if (is_group)
        return true;
    /* gid, comment, home, shell: what is behind the uid may be missing */
    for (int skipped = 0; skipped < 2; skipped++) {
        if (!span_until(&line, ':', &field))
            return true;
    }
    if (span_until(&line, ':', &ret->home))
        ret->shell = line;
    else
        ret->home = line;
    return true;
}

static int row_order(const void *a, const void *b)
{
    const struct user_row *left = a, *right = b;
    if (left->id != right->id)
        return left->id < right->id ? -1 : 1;
    return (left->name.data > right->name.data) - (left->name.data < right->name.data);
}

bool user_table_parse(struct user_table *table, bool is_group)
{
    size_t size = 0;
    span rest = span_of(table->text.data, table->text.len), line;
    while (rest.len && take_until(&rest, '\n', &line)) {
        struct user_row row;
        if (!line.len || !line_parse(line, is_group, &row))
            continue;
        if (!vector_grow(&table->rows, &size, table->count, USER_ROWS_MAX, sizeof row))
            break;
        table->rows[table->count++] = row;
    }
    if (table->count)
        qsort(table->rows, table->count, sizeof *table->rows, row_order);
    return table->count > 0;
}

void user_table_free(struct user_table *table)
{
    free(table->rows);
    free(table->text.data);
    *table = (struct user_table){0};
}

/* The first line with the id counts, as in getpwuid(3). */
const struct user_row *user_table_find(const struct user_table *table, uint32_t id)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->rows[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < table->count && table->rows[low].id == id ? &table->rows[low] : NULL;
}

/* ---- user namespaces ---- */

static bool take_word(span *s, uint32_t *ret)
{
    while (s->len && s->data[0] == ' ')
        *s = span_after(*s, 1);
    size_t length = 0;
    while (length < s->len && s->data[length] != ' ')
        length++;
    span word = span_first(*s, length);
    *s = span_after(*s, length);
    return number_of(word, ret);
}

bool id_map_parse(span bytes, struct id_map *ret)
{
    ret->count = 0;
    span line;
    while (bytes.len && take_until(&bytes, '\n', &line)) {
        struct id_range range;
        if (ret->count == ID_RANGES_MAX || !take_word(&line, &range.inside) ||
            !take_word(&line, &range.outside) || !take_word(&line, &range.count) || line.len)
            return false;
        ret->ranges[ret->count++] = range;
    }
    return ret->count > 0;
}

bool id_map_inside(const struct id_map *map, uint32_t outside, uint32_t *ret)
{
    for (size_t index = 0; index < map->count; index++) {
        const struct id_range *range = &map->ranges[index];
        if (outside >= range->outside && outside - range->outside < range->count) {
            *ret = range->inside + (outside - range->outside);
            return true;
        }
    }
    return false;
}
