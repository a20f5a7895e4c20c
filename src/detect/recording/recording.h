/* Kernel records in a file: what `picket record` writes and `picket replay` reads. A header, then
 * frames, little endian, each compressed and checked by itself:
 *
 *   "PICKREC1" | u32 abi | u32 hostname_len | u64 boot_to_wall_ns | hostname
 *   frame:  u32 kind | u32 raw_len | u32 packed_len | u32 checksum | zstd bytes
 *
 * Kinds: WORLD (processes, containers and users at the start), FACTS (containers and users that are
 * new; before the records that need them), RECORDS (records as in bpf/abi.h, one after the other),
 * END. A file without END was cut off: what is whole is used. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"

enum recording_frame {
    RECORDING_WORLD = 1,
    RECORDING_FACTS,
    RECORDING_RECORDS,
    RECORDING_END,
};

struct recording_info {
    uint64_t boot_to_wall_ns;
    char hostname[72];
};

struct recording_writer;
/* The descriptor is borrowed and must outlive the writer. A file that holds something already is
 * gone on with, without a second header. */
MUST_USE err_kind recording_writer_open(int fd, const struct recording_info *info,
                                        struct recording_writer **ret, struct err_ctx *err);
/* One frame, written at once; bytes may be empty only for END. */
MUST_USE err_kind recording_write(struct recording_writer *writer, enum recording_frame kind,
                                  span bytes, struct err_ctx *err);
void recording_writer_close(struct recording_writer *writer);

struct recording_reader;
/* Does the file at this descriptor begin as a recording? Reads nothing from it. */
bool recording_is(int fd);
MUST_USE err_kind recording_open(int fd, struct recording_reader **ret, struct recording_info *info,
                                 struct err_ctx *err);
/* The next frame, borrowed until the next call. RECORDING_END at the end. ERR_INPUT with the
 * offset: a frame is cut off or damaged; nothing behind it can be read. */
MUST_USE err_kind recording_next(struct recording_reader *reader, enum recording_frame *ret_kind,
                                 span *ret_bytes, struct err_ctx *err);
void recording_close(struct recording_reader *reader);
