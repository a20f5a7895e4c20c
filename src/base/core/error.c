#include "core/error.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#undef err_set
err_kind err_set(struct err_ctx *ctx, err_kind kind, const char *format, ...)
{
    assert(kind != OK);
    int sys = errno;
    ctx->kind = kind;
    ctx->sys = kind == ERR_SYSTEM ? sys : 0;
    va_list args;
    va_start(args, format);
    int length = vsnprintf(ctx->text, sizeof ctx->text, format, args);
    va_end(args);
    if (kind == ERR_SYSTEM && sys != 0 && length >= 0 && (size_t)length < sizeof ctx->text)
        snprintf(ctx->text + length, sizeof ctx->text - (size_t)length, ": %s", strerror(sys));
    return kind;
}

err_kind err_wrap(struct err_ctx *ctx, const char *format, ...)
{
    char prefix[ERR_TEXT_MAX / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    size_t head = strlen(prefix) + 2;
    size_t body = strlen(ctx->text);
    if (head + body >= sizeof ctx->text)
        body = sizeof ctx->text - head - 1;
    memmove(ctx->text + head, ctx->text, body);
    memcpy(ctx->text, prefix, head - 2);
    memcpy(ctx->text + head - 2, ": ", 2);
    ctx->text[head + body] = 0;
    return ctx->kind;
}
