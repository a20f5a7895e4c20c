/* Private to otlp*.c: OTLP's two kinds of requests, which have the same shape.
 *
 *   {resourceSpans: [{resource, schemaUrl, scopeSpans: [{scope, schemaUrl, spans: [span]}]}]}
 *
 * An event is a span, or a log record, with `resource` and `scope` before its own members. Lists of
 * attributes ([{key, value: {stringValue}}]) become objects, so that a rule can name one:
 * `attributes.url.path`, `resource.attributes.service.name`. All else has the names of OTLP's JSON.
 */
#pragma once

#include "source/decoder.h"
#include "wire/wire.h"

struct otlp_request {
    const char *groups;             /* resourceSpans */
    const char *scopes;             /* scopeSpans */
    const char *records;            /* spans */
    const struct wire_field *table; /* of a record */
};

MUST_USE bool otlp_json_decode(struct source_decoder *decoder, const struct otlp_request *request,
                               const struct source_frame *frame, source_put put, void *context);
