/* Layout after go.etcd.io/bbolt (page.go, bucket.go, meta in db.go), all little endian:
 *
 *   page     | id u64 | flags u16 | count u16 | overflow u32 | elements … | keys and values … |
 *   meta     | magic u32 | version u32 | page size u32 | flags u32 | root u64 | sequence u64 |
 *            | free list u64 | page count u64 | transaction u64 | checksum u64 |
 *   branch   | position u32 | key length u32 | page u64 |          position: from the element's own
 *   leaf     | flags u32 | position u32 | key length u32 | value length u32 |          first byte
 *   bucket   | root u64 | sequence u64 | then, when root is 0, a page |    as the value of a leaf
 */
#include "container/bolt.h"

#include <errno.h>
#include <unistd.h>

#define PAGE_HEAD_BYTES 16
#define META_BYTES      64
#define ELEMENT_BYTES   16
#define MAGIC           0xed0cdaedu
#define VERSION         2
#define FLAG_BRANCH     1
#define FLAG_LEAF       2
#define LEAF_BUCKET     1
#define BRANCH_MAX      16                   /* levels; a tree of four holds billions */
#define PAGE_RUN_MAX    (8u * 1024u * 1024u) /* of a page with its overflow */

struct page {
    span bytes; /* with its head */
    uint16_t flags;
    uint16_t count;
};

struct element {
    span key;
    span value;     /* leaf */
    uint64_t page;  /* branch */
    uint32_t flags; /* leaf */
};

/* ---- heads ---- */

struct meta {
    uint32_t page_bytes;
    uint64_t root, page_count, transaction;
};

static uint64_t checksum(span bytes)
{
    uint64_t sum = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t index = 0; index < bytes.len; index++)
        sum = (sum ^ bytes.data[index]) * 0x100000001b3u;
    return sum;
}

static bool read_exact(int fd, uint8_t *data, size_t length, uint64_t offset)
{
    while (length) {
        ssize_t count = pread(fd, data, length, (off_t)offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        data += count;
        length -= (size_t)count;
        offset += (uint64_t)count;
    }
    return true;
}

static bool meta_read(int fd, uint64_t offset, struct meta *ret)
{
    uint8_t bytes[PAGE_HEAD_BYTES + META_BYTES];
    if (!read_exact(fd, bytes, sizeof bytes, offset))
        return false;
    span s = span_of(bytes + PAGE_HEAD_BYTES, META_BYTES);
    uint64_t sum = checksum(span_first(s, META_BYTES - 8));
    uint32_t magic, version, flags;
    uint64_t sequence, free_list, stored_sum;
    if (!span_u32le(&s, &magic) || !span_u32le(&s, &version) || !span_u32le(&s, &ret->page_bytes) ||
        !span_u32le(&s, &flags) || !span_u64le(&s, &ret->root) || !span_u64le(&s, &sequence) ||
        !span_u64le(&s, &free_list) || !span_u64le(&s, &ret->page_count) ||
        !span_u64le(&s, &ret->transaction) || !span_u64le(&s, &stored_sum))
        return false;
    uint32_t page_bytes = ret->page_bytes;
    return magic == MAGIC && version == VERSION && sum == stored_sum && page_bytes >= 1024 &&
           page_bytes <= 65536 && (page_bytes & (page_bytes - 1)) == 0 && ret->root >= 2 &&
           ret->root < ret->page_count && ret->page_count < UINT64_MAX / 65536 / 2;
}

/* The newer of the two heads. The first may be half written: the second is then looked for at every
 * page size there is. */
static bool meta_newest(int fd, struct meta *ret)
{
    struct meta first, second;
    bool has_first = meta_read(fd, 0, &first), has_second = false;
    for (uint32_t size = 1024; size <= 65536 && !has_second; size *= 2) {
        if (!has_first || first.page_bytes == size)
            has_second = meta_read(fd, size, &second) && second.page_bytes == size;
    }
    if (!has_first && !has_second)
        return false;
    *ret = has_second && (!has_first || second.transaction > first.transaction) ? second : first;
    return true;
}

err_kind bolt_open(struct bolt *bolt, int fd, struct arena *pages, struct err_ctx *err)
{
    struct meta meta;
    if (!meta_newest(fd, &meta))
        return err_set(err, ERR_INPUT, "no whole head: not a bbolt file, version 2");
    *bolt = (struct bolt){.fd = fd,
                          .pages = pages,
                          .page_count = meta.page_count,
                          .root = meta.root,
                          .transaction = meta.transaction,
                          .page_bytes = meta.page_bytes};
    return OK;
}

bool bolt_is_unchanged(const struct bolt *bolt)
{
    struct meta meta;
    return meta_newest(bolt->fd, &meta) && meta.transaction - bolt->transaction <= 1;
}

struct bolt_bucket bolt_root(const struct bolt *bolt)
{
    return (struct bolt_bucket){.root = bolt->root};
}

/* ---- pages ---- */

static bool page_head(span bytes, struct page *ret, uint32_t *ret_overflow)
{
    uint64_t id;
    ret->bytes = bytes;
    return span_u64le(&bytes, &id) && span_u16le(&bytes, &ret->flags) &&
           span_u16le(&bytes, &ret->count) && span_u32le(&bytes, ret_overflow);
}

static err_kind page_read(struct bolt *bolt, uint64_t id, struct page *ret, struct err_ctx *err)
{
    if (id < 2 || id >= bolt->page_count)
        return err_set(err, ERR_INPUT, "page %llu of %llu", (unsigned long long)id,
                       (unsigned long long)bolt->page_count);
    uint8_t bytes_of_head[PAGE_HEAD_BYTES];
    struct page head;
    uint64_t offset = id * bolt->page_bytes;
    uint32_t overflow = 0;
    if (!read_exact(bolt->fd, bytes_of_head, sizeof bytes_of_head, offset) ||
        !page_head(span_of(bytes_of_head, sizeof bytes_of_head), &head, &overflow))
        return err_set(err, ERR_INPUT, "page %llu: behind the end", (unsigned long long)id);
    uint64_t length = ((uint64_t)overflow + 1) * bolt->page_bytes;
    if (length > PAGE_RUN_MAX)
        return err_set(err, ERR_LIMIT, "page %llu: %llu bytes", (unsigned long long)id,
                       (unsigned long long)length);
    uint8_t *bytes = arena_alloc_raw(bolt->pages, length);
    if (!bytes)
        return err_set(err, ERR_LIMIT, "page %llu: no room", (unsigned long long)id);
    if (!read_exact(bolt->fd, bytes, length, offset) ||
        !page_head(span_of(bytes, length), ret, &overflow))
        return err_set(err, ERR_INPUT, "page %llu: behind the end", (unsigned long long)id);
    return OK;
}

/* The page where a bucket's tree begins. */
static err_kind bucket_page(struct bolt *bolt, const struct bolt_bucket *bucket, struct page *ret,
                            struct err_ctx *err)
{
    if (bucket->root)
        return page_read(bolt, bucket->root, ret, err);
    uint32_t overflow;
    if (!page_head(bucket->inlined, ret, &overflow) || ret->flags != FLAG_LEAF)
        return err_set(err, ERR_INPUT, "an inlined bucket is not a leaf");
    return OK;
}

/* `length` bytes at `position` behind the element's first byte. */
static bool element_bytes(span page, size_t element, uint64_t position, uint64_t length, span *ret)
{
    uint64_t begin = element + position;
    if (begin > page.len || length > page.len - begin)
        return false;
    *ret = span_first(span_after(page, begin), length);
    return true;
}

static bool element_read(const struct page *page, size_t index, struct element *ret)
{
    size_t at = PAGE_HEAD_BYTES + index * ELEMENT_BYTES;
    span s = span_after(page->bytes, at);
    uint32_t position, key_length, value_length;
    if (page->flags & FLAG_BRANCH)
        return span_u32le(&s, &position) && span_u32le(&s, &key_length) &&
               span_u64le(&s, &ret->page) &&
               element_bytes(page->bytes, at, position, key_length, &ret->key);
    return span_u32le(&s, &ret->flags) && span_u32le(&s, &position) &&
           span_u32le(&s, &key_length) && span_u32le(&s, &value_length) &&
           element_bytes(page->bytes, at, position, key_length, &ret->key) &&
           element_bytes(page->bytes, at, (uint64_t)position + key_length, value_length,
                         &ret->value);
}

static err_kind bad_element(size_t index, struct err_ctx *err)
{
    return err_set(err, ERR_INPUT, "element %zu leads out of its page", index);
}

/* ---- search ---- */

/* The child of a branch page under which the key is: the last whose first key is not greater. */
static err_kind branch_child(const struct page *page, span key, uint64_t *ret, struct err_ctx *err)
{
    struct element element;
    for (size_t index = 0; index < page->count; index++) {
        if (!element_read(page, index, &element))
            return bad_element(index, err);
        if (index > 0 && span_cmp(element.key, key) > 0)
            return OK;
        *ret = element.page;
    }
    return page->count ? OK : err_set(err, ERR_INPUT, "an empty branch page");
}

static err_kind leaf_find(const struct page *page, span key, struct element *ret, bool *ret_found,
                          struct err_ctx *err)
{
    *ret_found = false;
    for (size_t index = 0; index < page->count; index++) {
        if (!element_read(page, index, ret))
            return bad_element(index, err);
        if (span_eq(ret->key, key)) {
            *ret_found = true;
            return OK;
        }
    }
    return OK;
}

static err_kind find(struct bolt *bolt, const struct bolt_bucket *bucket, span key,
                     struct element *ret, bool *ret_found, struct err_ctx *err)
{
    struct page page = {0};
    if (bucket_page(bolt, bucket, &page, err))
        return err->kind;
    for (int level = 0; page.flags & FLAG_BRANCH; level++) {
        uint64_t child = 0;
        if (level == BRANCH_MAX)
            return err_set(err, ERR_INPUT, "deeper than %d pages", BRANCH_MAX);
        if (branch_child(&page, key, &child, err) || page_read(bolt, child, &page, err))
            return err->kind;
    }
    if (!(page.flags & FLAG_LEAF))
        return err_set(err, ERR_INPUT, "a page of kind %u in a tree", page.flags);
    return leaf_find(&page, key, ret, ret_found, err);
}

err_kind bolt_value(struct bolt *bolt, const struct bolt_bucket *bucket, span key, span *ret,
                    bool *ret_found, struct err_ctx *err)
{
    struct element element = {0};
    if (find(bolt, bucket, key, &element, ret_found, err))
        return err->kind;
    *ret_found = *ret_found && !(element.flags & LEAF_BUCKET);
    if (*ret_found)
        *ret = element.value;
    return OK;
}

err_kind bolt_child(struct bolt *bolt, const struct bolt_bucket *bucket, span key,
                    struct bolt_bucket *ret, bool *ret_found, struct err_ctx *err)
{
    struct element element = {0};
    if (find(bolt, bucket, key, &element, ret_found, err))
        return err->kind;
    *ret_found = *ret_found && (element.flags & LEAF_BUCKET);
    if (!*ret_found)
        return OK;
    uint64_t root, sequence;
    if (!span_u64le(&element.value, &root) || !span_u64le(&element.value, &sequence))
        return err_set(err, ERR_INPUT, "a bucket of %zu bytes", element.value.len);
    *ret = (struct bolt_bucket){.root = root, .inlined = element.value};
    return OK;
}

err_kind bolt_descend(struct bolt *bolt, struct bolt_bucket *bucket, const span *names,
                      size_t count, bool *ret_found, struct err_ctx *err)
{
    *ret_found = true;
    for (size_t index = 0; index < count && *ret_found; index++) {
        struct bolt_bucket child = {0};
        if (bolt_child(bolt, bucket, names[index], &child, ret_found, err))
            return err->kind;
        *bucket = child;
    }
    return OK;
}

/* ---- walk ---- */

static err_kind walk(struct bolt *bolt, const struct page *page, bolt_each_fn each, void *context,
                     int levels_left, bool *ret_stop, struct err_ctx *err)
{
    if (levels_left == 0)
        return err_set(err, ERR_INPUT, "deeper than %d pages", BRANCH_MAX);
    for (size_t index = 0; index < page->count && !*ret_stop; index++) {
        struct element element;
        if (!element_read(page, index, &element))
            return bad_element(index, err);
        if (page->flags & FLAG_BRANCH) {
            struct page child = {0};
            if (page_read(bolt, element.page, &child, err) ||
                walk(bolt, &child, each, context, levels_left - 1, ret_stop, err))
                return err->kind;
        } else if (!(element.flags & LEAF_BUCKET)) {
            *ret_stop = !each(context, element.key, element.value);
        }
    }
    return OK;
}

err_kind bolt_each(struct bolt *bolt, const struct bolt_bucket *bucket, bolt_each_fn each,
                   void *context, struct err_ctx *err)
{
    struct page page = {0};
    bool stop = false;
    if (bucket_page(bolt, bucket, &page, err))
        return err->kind;
    return walk(bolt, &page, each, context, BRANCH_MAX, &stop, err);
}
