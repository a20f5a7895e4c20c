/* Events as lines of JSON whose keys are Falco's field names, flat: {"evt.type": "open", "fd.name":
 * "/etc/shadow", "proc.aname[2]": "sshd"}. Numbers and booleans are JSON's, null is absent, indexed
 * keys are literal, addresses are text. A key is the value: nothing is derived from other keys but
 * a bare proc.aname, which is made of its indexed ones. */
#pragma once

#include "core/error.h"
#include "core/span.h"
#include "event/event.h"

struct flat_decoder;
MUST_USE err_kind flat_decoder_open(struct flat_decoder **ret, struct err_ctx *err);
void flat_decoder_close(struct flat_decoder *decoder);
/* Makes the line the current event; it is borrowed until the next. ERR_INPUT with the column: it is
 * not a JSON object. */
MUST_USE err_kind flat_decode(struct flat_decoder *decoder, span line, uint64_t number,
                              struct err_ctx *err);
/* event_fetch; decoder is a struct flat_decoder. */
void flat_fetch(void *decoder, const struct field_ref *ref, struct arena *arena, struct value *ret);
/* The event's own time, from evt.time: RFC 3339 text or ns since 1970; 0 when it has none. */
uint64_t flat_time_ns(const struct flat_decoder *decoder);
span flat_line(const struct flat_decoder *decoder);
