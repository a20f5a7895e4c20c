/* passwd, group and uid_map. */
#include "container/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int is_group = 0; is_group < 2; is_group++) {
        struct user_table table = {.text = {malloc(size), size}};
        if (!table.text.data)
            return 0;
        if (size)
            memcpy(table.text.data, data, size);
        user_table_parse(&table, is_group);
        for (size_t index = 0; index < table.count; index++) {
            const struct user_row *row = user_table_find(&table, table.rows[index].id);
            if (!row || row->name.len == 0)
                abort();
        }
        user_table_free(&table);
    }
    struct id_map map;
    uint32_t inside;
    if (id_map_parse(span_of(data, size), &map))
        (void)!id_map_inside(&map, 0, &inside);
    return 0;
}
