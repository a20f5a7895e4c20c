/* Reading bbolt files, in which containerd and podman keep what they know: a B+ tree of pages with
 * nested buckets, read page by page from a descriptor while the owner may be writing.
 *
 * Writers never change a page that the newest committed tree uses, and give an old one away only
 * after two more commits; a reader that saw at most one commit go by has read one state. */
#pragma once

#include "core/arena.h"
#include "core/error.h"
#include "core/span.h"

struct bolt {
    int fd;              /* borrowed */
    struct arena *pages; /* what is read lives here */
    uint64_t page_count;
    uint64_t root;
    uint64_t transaction;
    uint32_t page_bytes;
};

struct bolt_bucket {
    uint64_t root; /* page, or 0: the bucket is the page in `inlined` */
    span inlined;
};

/* Checks the file's two heads and takes the newer that is whole. */
MUST_USE err_kind bolt_open(struct bolt *bolt, int fd, struct arena *pages, struct err_ctx *err);
/* True when what was read since bolt_open is one state of the file. */
bool bolt_is_unchanged(const struct bolt *bolt);

struct bolt_bucket bolt_root(const struct bolt *bolt);
/* ret borrows from the arena. ERR_INPUT: the file is not well formed. *ret_found false: no such
 * key (or a bucket where a value was asked for, and the other way round). */
MUST_USE err_kind bolt_value(struct bolt *bolt, const struct bolt_bucket *bucket, span key,
                             span *ret, bool *ret_found, struct err_ctx *err);
MUST_USE err_kind bolt_child(struct bolt *bolt, const struct bolt_bucket *bucket, span key,
                             struct bolt_bucket *ret, bool *ret_found, struct err_ctx *err);
/* From `bucket` down through the buckets of these names. */
MUST_USE err_kind bolt_descend(struct bolt *bolt, struct bolt_bucket *bucket, const span *names,
                               size_t count, bool *ret_found, struct err_ctx *err);

/* Each key with a plain value, in order, until `each` returns false. */
typedef bool (*bolt_each_fn)(void *context, span key, span value);
MUST_USE err_kind bolt_each(struct bolt *bolt, const struct bolt_bucket *bucket, bolt_each_fn each,
                            void *context, struct err_ctx *err);
