/* A file's bytes, unpacked where they begin as gzip or zstd do: several members or frames follow
 * one another as one stream. Memory is bounded whatever they unpack to. Private to replay*.c. */
#pragma once

#include "core/error.h"

struct replay_input;
/* The descriptor stays the caller's. */
MUST_USE err_kind replay_input_open(int fd, struct replay_input **ret, struct err_ctx *err);
void replay_input_close(struct replay_input *input);
/* Up to `size` bytes; *ret_count 0 is the end. ERR_INPUT: the packed data is broken or ends early;
 * what came before is right. */
MUST_USE err_kind replay_input_read(struct replay_input *input, void *into, size_t size,
                                    size_t *ret_count, struct err_ctx *err);
