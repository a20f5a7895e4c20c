/* The bytes of a batch: records one behind the other, zstd over all of them.
 *
 *   | varint(key length + 1) | key | varint(value length + 1) | value | …      0 stands for NULL
 */
#pragma once

#include <zstd.h>

#include "core/writer.h"

#define BATCH_BYTES_MAX        (1024 * 1024) /* before zstd */
#define BATCH_PACKED_BYTES_MAX ZSTD_COMPRESSBOUND(BATCH_BYTES_MAX)

/* What batch_put adds at most for a record beyond its bytes. */
#define BATCH_RECORD_OVERHEAD 8

void batch_put(struct writer *batch, span key, span value);
/* Takes the first record off the batch. False: the bytes are not a whole record. */
MUST_USE bool batch_take(span *batch, span *ret_key, span *ret_value);

/* Compresses into `buffer` of BATCH_PACKED_BYTES_MAX; ret borrows from it. */
MUST_USE err_kind batch_pack(span batch, ZSTD_CCtx *compressor, uint8_t *buffer, span *ret,
                             struct err_ctx *err);
/* Decompresses into `buffer` of BATCH_BYTES_MAX; ret borrows from it. ERR_STATE: damaged. */
MUST_USE err_kind batch_unpack(span packed, ZSTD_DCtx *decompressor, uint8_t *buffer, span *ret,
                               struct err_ctx *err);
