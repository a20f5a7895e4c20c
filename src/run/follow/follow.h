/* Files that grow, followed line by line, each byte once: through rotation by rename, by
 * copy-and-truncate, by packing what was rotated, and through restarts. See README.md for what is
 * told from what.
 *
 * Two halves. The *finder* runs where paths may be looked at: it says which file a path leads to
 * now, and holds descriptors until they are no longer needed, so that a reader that died can go on
 * in a file that has been deleted since. The *follower* gets descriptors, opens nothing, and may
 * run in a role without rights. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/stat.h>

#include "core/error.h"
#include "core/span.h"

/* ---- follower ---- */

#define FOLLOW_PATH_BYTES_MAX 4096

struct follow_options {
    size_t file_count_max;  /* open at a time; 0: 256 */
    size_t frame_bytes_max; /* of a line or document; 0: 1 MiB */
    bool is_plain;          /* nothing is unpacked */
    bool is_document;       /* a file is one frame, read when it has not changed for settle_ns */
    uint64_t settle_ns;     /* how long a packed file or a document must be unchanged; 0: 1 s */
    uint64_t linger_ns;     /* a file that was rotated is closed when unchanged so long; 0: 60 s */
};

struct follow_frame {
    const char *fault; /* NULL: a frame; else why it is none: `bytes` are its first ones then */
    span bytes;        /* without the newline */
    span path;         /* under which the file was found */
    uint64_t file;     /* its number: never given twice */
    uint64_t offset;   /* of the first byte, in the unpacked file */
    uint64_t end;      /* behind the newline */
};

struct follow_counts {
    uint64_t frames, bytes;
    uint64_t faults;    /* lines over the limit, packed files that are broken */
    uint64_t files;     /* found */
    uint64_t rotations; /* files that no path led to any more, or another one */
    uint64_t truncated; /* files that were cut short in place */
    uint64_t
        lost_bytes;   /* seen before a truncation, in no copy, and not read: the least there was */
    uint64_t copies;  /* files that were the copy of another, and went on where that ended */
    uint64_t refused; /* offers for which there was no room */
    uint64_t forgotten; /* closed files whose end is no longer remembered */
    uint64_t open;      /* now */
    uint64_t lag_bytes; /* now: seen and not yet handed out; of packed files as they lie there */
};

struct follow;
struct finder;
MUST_USE err_kind follow_open(const struct follow_options *options, struct follow **ret,
                              struct err_ctx *err);
void follow_close(struct follow *follow); /* takes NULL */

/* A position as follow_save gave it; before the first offer. A text that is not one: ERR_STATE. */
MUST_USE err_kind follow_restore(struct follow *follow, uint64_t number, span text,
                                 struct err_ctx *err);

/* This path leads to this file now; is_there false: it did, and leads to another or none now. *fd
 * is taken over (and -1 then) whenever OK. *ret_is_taken false: no room for one more, offer it
 * again later. ERR_INPUT: not a regular file. */
MUST_USE err_kind follow_offer(struct follow *follow, const char *path, bool is_there, int *fd,
                               bool *ret_is_taken, struct err_ctx *err);
/* This path leads to no file now. */
void follow_gone(struct follow *follow, const char *path);

/* Looks at all files: what has grown, shrunk or come to its end. Before peeking, and then as often
 * as one wishes to know. O(open files). */
void follow_poll(struct follow *follow, uint64_t now_boot_ns);
/* The next frame, which follow_next takes; false: nothing for now. The frame's bytes live until
 * then. Files that were rotated go first. ERR_SYSTEM: a file could not be read; it is closed. */
bool follow_peek(struct follow *follow, struct follow_frame *ret);
void follow_next(struct follow *follow);

/* Calls put for each file whose position has changed since the last call: behind the frames taken
 * until now. text.data NULL: forget that number. The caller commits what it is given with what the
 * frames yielded, all or nothing. */
typedef err_kind (*follow_put)(void *context, uint64_t number, span text, struct err_ctx *err);
MUST_USE err_kind follow_save(struct follow *follow, follow_put put, void *context,
                              struct err_ctx *err);

/* A file that was closed before the last follow_save, for the finder once that is committed: it
 * lets go of it. False: no more. */
struct follow_closed {
    dev_t dev;
    ino_t ino;
    off_t size;
};
bool follow_closed_next(struct follow *follow, struct follow_closed *ret);
struct follow_counts follow_counts(const struct follow *follow);
/* Of the file that was found last among those that are open; 0: none. */
uint64_t follow_position(const struct follow *follow);

/* ---- finder ---- */

#define FINDER_PATHS_MAX 16384

/* How the file system is reached. */
struct finder_place {
    void *context;
    /* Calls found with every path that matches the pattern now. */
    err_kind (*find)(void *context, const char *pattern,
                     void (*found)(void *context, const char *path, const struct stat *status),
                     void *found_context, struct err_ctx *err);
    int (*open)(void *context, const char *path); /* -1 and errno */
};
extern const struct finder_place finder_host;

struct finder_options {
    const char *const *patterns; /* glob(7), with {a,b}; absolute */
    size_t pattern_count;
    const struct finder_place *place;
    size_t held_max; /* descriptors held; 0: 1024 */
};

struct finder_found {
    const char *path;
    int fd;        /* borrowed: duplicate it or send it; -1: the path leads to nothing any more */
    bool is_there; /* false: the path led to it */
};
/* False: not taken, to be told again at the next look. */
typedef bool (*finder_tell)(void *context, const struct finder_found *found);

struct finder_counts {
    uint64_t held;      /* descriptors, now */
    uint64_t paths;     /* that match, now */
    uint64_t unopened;  /* files that could not be opened, now */
    uint64_t over_room; /* paths over FINDER_PATHS_MAX or held_max, at the last look */
};

struct finder;
MUST_USE err_kind finder_open(const struct finder_options *options, struct finder **ret,
                              struct err_ctx *err);
void finder_close(struct finder *finder); /* takes NULL */
/* Tells what has changed since the last look. */
MUST_USE err_kind finder_look(struct finder *finder, finder_tell tell, void *context,
                              struct err_ctx *err);
/* Tells what the last look could not: of which `tell` was false. */
MUST_USE err_kind finder_tell_rest(struct finder *finder, finder_tell tell, void *context,
                                   struct err_ctx *err);
/* The next look tells every file that is held, also those to which no path leads any more: for a
 * new follower. */
void finder_forget_told(struct finder *finder);
/* The follower has closed it: told again when it has another size. */
void finder_release(struct finder *finder, const struct follow_closed *closed);
/* Calls want for each file that was restored and not offered since: for finder_want, which looks
 * for those that were renamed. */
void follow_each_wanted(const struct follow *follow,
                        void (*want)(void *context, const char *path, dev_t dev, ino_t ino),
                        void *context);
/* A file that was followed until now, found by its place in its old folder if it was renamed since.
 */
void finder_want(struct finder *finder, const char *path, dev_t dev, ino_t ino);
/* Readable when names have changed; -1: the kernel gives no notice, look from time to time. */
int finder_names_fd(const struct finder *finder);
/* Readable when some file in the folders has grown; may be passed on. -1: as above. */
int finder_growth_fd(const struct finder *finder);
/* Empties one of the two. */
void finder_drain(int fd);
struct finder_counts finder_counts(const struct finder *finder);
