/* A file's bytes, unpacked where they begin as gzip or zstd do: several members or frames follow
 * one another as one stream. Memory is bounded whatever they unpack to. */
#pragma once

#include <stdbool.h>

#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"

struct unpack;
/* The descriptor stays the caller's. */
MUST_USE err_kind unpack_open(int fd, struct unpack **ret, struct err_ctx *err);
void unpack_close(struct unpack *input);
/* Up to `size` bytes; *ret_count 0 is the end. ERR_INPUT: the packed data is broken or ends early;
 * what came before is right. */
MUST_USE err_kind unpack_read(struct unpack *input, void *into, size_t size, size_t *ret_count,
                              struct err_ctx *err);

/* ---- the same of bytes that arrive in pieces ---- */

struct unpack_stream;
/* encoding: as in HTTP's Content-Encoding: gzip or zstd. False: neither, or no memory. */
MUST_USE bool unpack_stream_open(const char *encoding, struct unpack_stream **ret);
void unpack_stream_close(struct unpack_stream *stream); /* takes NULL */
/* Appends what the bytes unpack to, up to out's ceiling. False: they are broken. */
MUST_USE bool unpack_stream_put(struct unpack_stream *stream, span bytes, struct writer *out);
/* All members or frames that began have ended, and there was at least one. */
bool unpack_stream_is_whole(const struct unpack_stream *stream);
/* Memory that it holds: a frame of zstd may ask for 8 MiB. */
size_t unpack_stream_bytes(const struct unpack_stream *stream);
