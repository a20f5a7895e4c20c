#include "topic/batch.h"

#define PACK_LEVEL 1

static void varint_put(struct writer *out, size_t value)
{
    while (value >= 0x80) {
        writer_byte(out, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    writer_byte(out, (uint8_t)value);
}

/* At most 4 bytes: more than BATCH_BYTES_MAX needs. */
static bool varint_take(span *s, size_t *ret)
{
    size_t value = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
        uint8_t byte;
        if (!span_u8(s, &byte))
            return false;
        value |= (size_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static void bytes_put(struct writer *out, span bytes)
{
    varint_put(out, bytes.data ? bytes.len + 1 : 0);
    writer_put(out, bytes);
}

static bool bytes_take(span *s, span *ret)
{
    size_t length;
    if (!varint_take(s, &length))
        return false;
    if (length)
        return span_take(s, length - 1, ret);
    *ret = (span){NULL, 0};
    return true;
}

void batch_put(struct writer *batch, span key, span value)
{
    bytes_put(batch, key);
    bytes_put(batch, value);
}

bool batch_take(span *batch, span *ret_key, span *ret_value)
{
    span rest = *batch, key, value;
    if (!bytes_take(&rest, &key) || !bytes_take(&rest, &value))
        return false;
    *batch = rest;
    *ret_key = key;
    *ret_value = value;
    return true;
}

err_kind batch_pack(span batch, ZSTD_CCtx *compressor, uint8_t *buffer, span *ret,
                    struct err_ctx *err)
{
    ZSTD_CCtx_reset(compressor, ZSTD_reset_session_and_parameters);
    ZSTD_CCtx_setParameter(compressor, ZSTD_c_compressionLevel, PACK_LEVEL);
    ZSTD_CCtx_setParameter(compressor, ZSTD_c_checksumFlag, 1);
    size_t size = ZSTD_compress2(compressor, buffer, BATCH_PACKED_BYTES_MAX, batch.data, batch.len);
    if (ZSTD_isError(size))
        return err_set(err, ERR_STATE, "zstd: %s", ZSTD_getErrorName(size));
    *ret = span_of(buffer, size);
    return OK;
}

err_kind batch_unpack(span packed, ZSTD_DCtx *decompressor, uint8_t *buffer, span *ret,
                      struct err_ctx *err)
{
    size_t size =
        ZSTD_decompressDCtx(decompressor, buffer, BATCH_BYTES_MAX, packed.data, packed.len);
    if (ZSTD_isError(size))
        return err_set(err, ERR_STATE, "damaged batch: zstd: %s", ZSTD_getErrorName(size));
    *ret = span_of(buffer, size);
    return OK;
}
