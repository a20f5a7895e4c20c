/* The kinds of sinks, by name. */
#include "sink/kind.h"

static const struct sink_kind *const kind_table[] = {
    &sink_kind_falcosidekick, &sink_kind_file,
    &sink_kind_kafka,         &sink_kind_opensearch,
    &sink_kind_otlp,          &sink_kind_splunk_hec,
    &sink_kind_stdout,        &sink_kind_syslog,
    &sink_kind_webhook,       NULL,
};

const struct sink_kind *sink_kind_at(size_t index)
{
    for (size_t place = 0; kind_table[place]; place++)
        if (place == index)
            return kind_table[place];
    return NULL;
}

const struct sink_kind *sink_kind_find(span name)
{
    for (size_t index = 0; kind_table[index]; index++)
        if (span_eq(name, span_str(kind_table[index]->name)))
            return kind_table[index];
    return NULL;
}

/* ---- what kinds need ---- */

void sink_document_key(const struct sink_document *document, char ret[SINK_KEY_BYTES])
{
    int len = (int)(document->id.len < 40 ? document->id.len : 40);
    if (document->is_alert)
        snprintf(ret, SINK_KEY_BYTES, "%.*s.%llu", len, (const char *)document->id.data,
                 (unsigned long long)document->version);
    else
        snprintf(ret, SINK_KEY_BYTES, "%.*s", len, (const char *)document->id.data);
}

void sink_documents_settle(struct sink_document *const *documents, size_t count,
                           enum sink_verdict verdict, const char *reason)
{
    for (size_t index = 0; index < count; index++) {
        if (documents[index]->verdict != SINK_UNSENT)
            continue;
        documents[index]->verdict = verdict;
        if (reason)
            snprintf(documents[index]->reason, SINK_REASON_BYTES, "%.*s", SINK_REASON_BYTES - 1,
                     reason);
    }
}
