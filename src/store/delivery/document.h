/* A stored record made ready to be sent. Private to this folder. */
#pragma once

#include "core/arena.h"
#include "delivery/delivery.h"

/* Filters and renders. *ret's texts lie in the arena. A record that cannot be read is REFUSED, with
 * its own bytes as body. ERR_LIMIT: the arena is full. */
MUST_USE err_kind document_make(const struct sink_settings *settings, span record,
                                struct arena *arena, struct writer *scratch,
                                struct sink_document *ret, struct err_ctx *err);
