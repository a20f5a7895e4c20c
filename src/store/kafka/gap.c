/* Positions that are no longer there: retention took the records before they were read, or a broker
 * lost the end of its log, or the topic was made anew. The library then goes on at the earliest
 * record and says nothing; here it is seen, said and counted. */
#include <stdio.h>

#include "kafka/exchange.h"

#define POSITIONS_WAIT_MS 10000

/* Asked once a record has come: the group has told the library the same by then. */
static void begins_ask(struct exchange *exchange)
{
    rd_kafka_topic_partition_list_t *list = partitions_list(exchange);
    rd_kafka_resp_err_t code = rd_kafka_committed(exchange->consumer, list, POSITIONS_WAIT_MS);
    for (int index = 0; index < list->cnt; index++) {
        const rd_kafka_topic_partition_t *place = &list->elems[index];
        struct partition *partition = &exchange->partitions[place->partition];
        if (partition->is_placed)
            continue;
        partition->is_placed = true;
        partition->begin = code || place->err || place->offset < 0 ? -1 : place->offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (code)
        exchange->options.warn(exchange->options.context, "positions", rd_kafka_err2str(code));
}

/* Where the partition was to be gone on with; -1: anywhere. */
static int64_t position_wanted(struct exchange *exchange, struct partition *partition)
{
    if (!partition->is_placed && partition->taken < 0)
        begins_ask(exchange);
    int64_t next = partition->taken < 0 ? -1 : partition->taken + 1;
    return next > partition->begin ? next : partition->begin;
}

static void records_lost(struct exchange *exchange, int32_t number, int64_t wanted, int64_t begin)
{
    char text[512];
    struct partition *partition = &exchange->partitions[number];
    int64_t from = wanted > partition->lost_to ? wanted : partition->lost_to;
    if (partition->done < 0 ? partition->taken < 0 : partition->taken < partition->done) {
        partition->done = begin; /* nothing is under way: they are not to be counted again */
        partition->is_dirty = exchange->is_dirty = true;
    }
    partition->begin = begin;
    if (from >= begin)
        return;
    partition->lost_to = begin;
    exchange->counts.lost += (uint64_t)(begin - from);
    snprintf(
        text, sizeof text,
        "%s/%d: the records from %lld to before %lld went by the topic's retention before they "
        "were taken",
        exchange->options.input, (int)number, (long long)from, (long long)begin);
    exchange->options.warn(exchange->options.context, "records_lost", text);
}

void gap_look(struct exchange *exchange, int32_t number, int64_t offset)
{
    char text[512];
    int64_t low = -1, high = -1;
    struct partition *partition = &exchange->partitions[number];
    int64_t wanted = position_wanted(exchange, partition);
    if (wanted < 0 || offset == wanted ||
        rd_kafka_get_watermark_offsets(exchange->consumer, exchange->options.input, number, &low,
                                       &high))
        return;
    if (offset > wanted && low > wanted) {
        records_lost(exchange, number, wanted, low < offset ? low : offset);
    } else if (offset < wanted && high >= 0 && high < wanted) {
        snprintf(
            text, sizeof text,
            "%s/%d ends at %lld, before %lld, where it was to be gone on with: it is read from "
            "its beginning",
            exchange->options.input, (int)number, (long long)high, (long long)wanted);
        exchange->options.warn(exchange->options.context, "partition_cut", text);
        partition->taken = -1;
        partition->begin = partition->lost_to = offset;
        partition->end = -1;
    }
}
