/* A file's bytes, unpacked where they begin as gzip or zstd do: several members or frames follow
 * one another as one stream. Memory is bounded whatever they unpack to. */
#pragma once

#include "core/error.h"

struct unpack;
/* The descriptor stays the caller's. */
MUST_USE err_kind unpack_open(int fd, struct unpack **ret, struct err_ctx *err);
void unpack_close(struct unpack *input);
/* Up to `size` bytes; *ret_count 0 is the end. ERR_INPUT: the packed data is broken or ends early;
 * what came before is right. */
MUST_USE err_kind unpack_read(struct unpack *input, void *into, size_t size, size_t *ret_count,
                              struct err_ctx *err);
