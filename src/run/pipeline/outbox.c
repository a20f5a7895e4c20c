#include "pipeline/outbox.h"

#include "core/vector.h"

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){0};
    writer_init(&outbox->bytes, OUTBOX_BYTES_MAX);
}

void outbox_free(struct outbox *outbox)
{
    writer_free(&outbox->bytes);
    free(outbox->entries);
    outbox_init(outbox);
}

void outbox_reset(struct outbox *outbox)
{
    writer_reset(&outbox->bytes);
    outbox->count = 0;
    outbox->signal_count = 0;
}

bool outbox_put(struct outbox *outbox, enum outbox_kind kind, span key, span value,
                const struct state_signal *row)
{
    size_t at = outbox->bytes.len;
    if (!vector_grow(&outbox->entries, &outbox->size, outbox->count, OUTBOX_COUNT_MAX,
                     sizeof *outbox->entries))
        return false;
    writer_put(&outbox->bytes, key);
    writer_put(&outbox->bytes, value);
    if (row) {
        writer_put(&outbox->bytes, row->rule);
        writer_put(&outbox->bytes, row->container);
        writer_put(&outbox->bytes, row->container_name);
    }
    if (outbox->bytes.is_full) { /* undo: an entry is whole or not there */
        outbox->bytes.len = at;
        outbox->bytes.is_full = false;
        return false;
    }
    outbox->entries[outbox->count++] =
        (struct outbox_entry){.kind = kind,
                              .at = at,
                              .key_len = key.len,
                              .value_len = value.len,
                              .row = row ? *row : (struct state_signal){0}};
    outbox->signal_count += kind == OUTBOX_SIGNAL;
    return true;
}

bool outbox_is_full(const struct outbox *outbox)
{
    return outbox->bytes.len > OUTBOX_BYTES_FULL || outbox->count > OUTBOX_COUNT_MAX / 2;
}

span outbox_key(const struct outbox *outbox, size_t index)
{
    const struct outbox_entry *entry = &outbox->entries[index];
    return span_of(outbox->bytes.data + entry->at, entry->key_len);
}

span outbox_value(const struct outbox *outbox, size_t index)
{
    const struct outbox_entry *entry = &outbox->entries[index];
    return span_of(outbox->bytes.data + entry->at + entry->key_len, entry->value_len);
}

struct state_signal outbox_row(const struct outbox *outbox, size_t index)
{
    const struct outbox_entry *entry = &outbox->entries[index];
    struct state_signal row = entry->row;
    const uint8_t *at = outbox->bytes.data + entry->at + entry->key_len + entry->value_len;
    row.rule.data = at;
    if (row.container.data)
        row.container.data = at + row.rule.len;
    if (row.container_name.data)
        row.container_name.data = at + row.rule.len + row.container.len;
    return row;
}
