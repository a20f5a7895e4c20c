/* The registry. To add a source: a file with its row, the row's name in decoder.h and, in the order
 * of names, here; unit test, fuzz target, and a section in docs/sources.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/decoder.h"
#include "wire/wire.h"

#define SCRATCH_BYTES_MAX (64u << 20)
#define LIST_BYTES_MAX    512

static const struct row {
    const struct source *source;
} source_table[] = {
    {&source_auditd},
    {&source_cloudtrail},
    {&source_envoy},
    {&source_falco},
    {&source_journald},
    {&source_json},
    {&source_kubernetes_audit},
    {&source_osquery},
    {&source_otlp_logs},
    {&source_otlp_traces},
    {&source_syslog},
    {&source_zipkin},
};
#define SOURCE_COUNT (sizeof source_table / sizeof *source_table)

const char *source_or_json(const char *name)
{
    return source_find(span_str(name)) || strcmp(name, "kernel") == 0 ? name : "json";
}

const struct source *source_at(size_t index)
{
    return index < SOURCE_COUNT ? source_table[index].source : NULL;
}

const struct source *source_find(span name)
{
    for (size_t index = 0; index < SOURCE_COUNT; index++)
        if (span_eq(span_str(source_table[index].source->name), name))
            return source_table[index].source;
    return NULL;
}

err_kind source_unknown(span name, struct err_ctx *err)
{
    struct field_desc names[SOURCE_COUNT + 1] = {{.name = "kernel"}};
    char list[LIST_BYTES_MAX] = "kernel";
    size_t len = strlen(list);
    for (size_t index = 0; index < SOURCE_COUNT; index++) {
        names[index + 1].name = source_table[index].source->name;
        int more =
            snprintf(list + len, sizeof list - len, ", %s", source_table[index].source->name);
        len += (size_t)more < sizeof list - len ? (size_t)more : 0;
    }
    const struct schema schema = {.fields = names, .field_count = SOURCE_COUNT + 1};
    const char *nearest = schema_nearest(&schema, name);
    return err_set(err, ERR_INPUT, "no source '" PRI_SPAN "'%s%s%s there are %s", ARG_SPAN(name),
                   nearest ? "; did you mean '" : ";", nearest ? nearest : "", nearest ? "'?" : "",
                   list);
}

err_kind source_decoder_open(const struct source *source, struct source_decoder **ret,
                             struct err_ctx *err)
{
    struct source_decoder *decoder = calloc(1, sizeof *decoder);
    *ret = NULL;
    if (!decoder)
        return err_set(err, ERR_SYSTEM, "decoder of source '%s'", source->name);
    decoder->source = source;
    writer_init(&decoder->out, EVENT_BYTES_MAX);
    writer_init(&decoder->head, EVENT_BYTES_MAX);
    arena_init(&decoder->arena, SCRATCH_BYTES_MAX);
    *ret = decoder;
    return OK;
}

void source_decoder_close(struct source_decoder *decoder)
{
    if (!decoder)
        return;
    if (decoder->source->close)
        decoder->source->close(decoder);
    writer_free(&decoder->out);
    writer_free(&decoder->head);
    arena_free(&decoder->arena);
    free(decoder);
}

bool source_decode(struct source_decoder *decoder, const struct source_frame *frame, source_put put,
                   void *context)
{
    arena_reset(&decoder->arena);
    writer_reset(&decoder->out);
    writer_reset(&decoder->head);
    decoder->written = 0;
    if (frame->bytes.len > SOURCE_FRAME_MAX)
        return fault_put(frame, span_first(frame->bytes, SOURCE_FRAME_MAX), 0,
                         "the frame is over 64 MiB", put, context);
    return decoder->source->decode(decoder, frame, put, context);
}

bool source_flush(struct source_decoder *decoder, source_put put, void *context)
{
    return !decoder->source->flush || decoder->source->flush(decoder, put, context);
}

void source_save(const struct source_decoder *decoder, struct writer *out)
{
    if (decoder->source->save)
        decoder->source->save(decoder, out);
}

err_kind source_load(struct source_decoder *decoder, span bytes, struct err_ctx *err)
{
    if (decoder->source->load)
        return decoder->source->load(decoder, bytes, err);
    return bytes.len ? err_set(err, ERR_INPUT, "source '%s' keeps nothing", decoder->source->name)
                     : OK;
}

bool fault_put(const struct source_frame *frame, span bytes, size_t at, const char *reason,
               source_put put, void *context)
{
    const struct source_event event = {.json = bytes,
                                       .position = frame->position,
                                       .fault = reason,
                                       .fault_at = at < bytes.len ? at : bytes.len};
    return put(context, &event);
}

bool part_put(const struct source_frame *frame, span part, source_put put, void *context)
{
    const struct source_event event = {.json = part, .position = frame->position};
    return put(context, &event);
}

bool written_begin(struct source_decoder *decoder)
{
    writer_reset(&decoder->out);
    if (decoder->written > WRITTEN_BYTES_MAX)
        return false;
    writer_put(&decoder->out, writer_span(&decoder->head));
    decoder->out.is_full |= decoder->head.is_full;
    return true;
}

bool written_put(struct source_decoder *decoder, const struct source_frame *frame, span bytes,
                 source_put put, void *context)
{
    const struct source_event event = {.json = writer_span(&decoder->out),
                                       .position = frame->position};
    if (decoder->out.is_full)
        return fault_put(frame, bytes, 0, "the event is over 16 MiB", put, context);
    decoder->written += decoder->out.len;
    if (!put(context, &event))
        return false;
    return decoder->written <= WRITTEN_BYTES_MAX ||
           fault_put(frame, bytes, 0,
                     "the events of the frame are over 256 MiB: those behind are not read", put,
                     context);
}

bool text_take(struct source_decoder *decoder, span value, span *ret)
{
    struct json_fault fault;
    size_t len;
    if (!split_is(value, '"') || !json_first(value, &len, &fault))
        return false;
    span inside = span_of(value.data + 1, value.len - 2);
    if (inside.len && memchr(inside.data, '\\', inside.len)) {
        uint8_t *text = arena_alloc_raw(&decoder->arena, inside.len + 8);
        if (!text)
            return false;
        inside = span_of(text, json_unescape(inside, text));
    }
    *ret = inside;
    return true;
}

bool list_put(const struct source_frame *frame, span *rest, source_put put, void *context)
{
    span inside = span_after(*rest, 1), element;
    bool is_first = true;
    for (;;) {
        switch (split_element(&inside, &is_first, &element)) {
        case SPLIT_ITEM:
            if (!part_put(frame, element, put, context))
                return false;
            break;
        case SPLIT_END:
            *rest = inside;
            return true;
        case SPLIT_BAD:
            *rest = span_after(*rest, rest->len);
            return fault_put(frame, inside, 0, "expected ',' or ']' behind a whole value", put,
                             context);
        }
    }
}

bool body_is_protobuf(span body)
{
    span text = body;
    if (wire_is_list(body))
        return true;
    split_blanks(&text);
    return body.len && body.data[0] == 0x0a && !split_is(text, '{') && !split_is(text, '[');
}
