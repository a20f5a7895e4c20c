/* The audit log of kube-apiserver: an Event a line as it writes them into a file, or an EventList,
 * as its webhook sends them. */
#include "source/decoder.h"

static bool decode(struct source_decoder *decoder, const struct source_frame *frame, source_put put,
                   void *context)
{
    (void)decoder;
    span text = frame->bytes, kind, items;
    split_blanks(&text);
    if (!split_find(text, "kind", &kind) || !span_eq(kind, SPAN("\"EventList\"")))
        return part_put(frame, frame->bytes, put, context);
    if (!split_find(text, "items", &items) || !split_is(items, '['))
        return fault_put(frame, frame->bytes, 0, "an EventList without a whole list of items", put,
                         context);
    return list_put(frame, &items, put, context);
}

const struct source source_kubernetes_audit = {
    .name = "kubernetes-audit",
    .summary = "kube-apiserver's audit events: lines of a file, or the webhook's lists",
    .framing = SOURCE_LINES,
    .logsource = {.product = {(const uint8_t *)"kubernetes", 10},
                  .category = {(const uint8_t *)"application", 11},
                  .service = {(const uint8_t *)"audit", 5}},
    .time = {{"stageTimestamp", "requestReceivedTimestamp"}, 0},
    .decode = decode,
};
