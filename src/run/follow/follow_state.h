/* What a follower knows of its files; private to follow/. */
#pragma once

#include "core/writer.h"
#include "follow/follow.h"
#include "unpack/unpack.h"

#define PRINT_BYTES     1024 /* of a file's begin and of what was read last, to know it again */
#define KNOWN_MAX       4096 /* files, open or remembered */
#define CLOSED_MAX      KNOWN_MAX
#define FAULT_SHOWN     4096u /* bytes of a line over the limit that are handed out */
#define READ_BYTES      ((size_t)256 << 10)
#define FOLLOW_PATIENCE 10 /* times settle_ns: then a packed file that ends early is broken */
#define ENTRY_BYTES     (FOLLOW_PATH_BYTES_MAX + 256)

enum packing { PACKING_UNKNOWN, PACKING_NONE, PACKING_PACKED };

/* Bytes kept to be compared: while a file is open as they are, when it was restored as a hash. */
struct print {
    uint16_t len;
    uint64_t hash;
    uint8_t bytes[PRINT_BYTES];
};

struct file {
    uint64_t number;
    char *path;     /* under which it was found */
    char *path_now; /* that leads to it; NULL: none */
    dev_t dev;
    ino_t ino;
    int fd;            /* -1: closed, remembered */
    uint64_t position; /* the next byte to hand out */
    uint64_t size;     /* as it lies there, seen last */
    int64_t mtime_ns;
    uint64_t changed_ns; /* when size or mtime were last seen to have changed; 0: not looked at */
    uint64_t read_end;   /* where the last reading met the end */
    uint64_t lost;       /* what a truncation took unread, until a copy is found */
    struct print head;   /* the first bytes */
    struct print tail;   /* those before `position` */
    enum packing packing;
    uint64_t original; /* number of the open file that this may be a copy of; 0: not known */
    bool is_judged;    /* it is known whether this is a copy, and so where to begin */
    bool is_skipping;  /* inside a line over the limit */
    bool is_changed;   /* since it was saved */
    bool has_more;     /* there may be something to read */
    bool is_ended;     /* packed: read to its end; plain: close it */
    bool is_broken;    /* packed: reading failed, until it changes */
    bool was_rotated;
};

/* Bytes of one file: data[at..len) are to be handed out, data[at] stands at file->position. */
struct buffer {
    struct file *file; /* NULL: free */
    uint8_t *data;
    size_t size, at, len;
    size_t print_at; /* up to here the prints have seen it */
    bool is_end;     /* nothing more for now */
    struct unpack *unpack;
    uint64_t unpacked; /* where in the unpacked stream data[len] would stand */
};

struct follow {
    struct follow_options options;
    struct file **files;
    size_t file_count, file_size;
    size_t open_count;
    uint64_t number_next;
    size_t turn; /* file that was read last */
    struct buffer plain, packed;
    struct buffer *active; /* from which frames come */
    struct follow_frame frame;
    bool has_frame;
    bool skips; /* the frame is the begin of a line over the limit */
    uint64_t now_ns;
    uint64_t *forgotten;
    size_t forgotten_count, forgotten_size;
    struct follow_closed *closed;
    size_t closed_count, closed_size;
    size_t closed_saved; /* of these: closed before the last follow_save */
    struct follow_counts counts;
};

/* file.c: which files there are */
MUST_USE struct file *file_add(struct follow *follow, const char *path, const struct stat *status);
struct file *file_of_number(struct follow *follow, uint64_t number);
struct file *file_of_inode(struct follow *follow, dev_t dev, ino_t ino);
void file_look(struct follow *follow, struct file *file, const struct stat *status);
/* Closes it; what is known of it stays. */
void file_shut(struct follow *follow, struct file *file);
/* It was cut short in place: it is another file from now on, to which the descriptor goes. */
void file_cut(struct follow *follow, struct file *file, const struct stat *status);
void file_closed_note(struct follow *follow, const struct file *file);
void file_unpath(struct follow *follow, struct file *file);
void file_free(struct file *file);
bool file_is_settled(const struct follow *follow, const struct file *file);

/* print.c: what a file is known by */
void print_extend_head(struct file *file, const uint8_t *bytes, size_t len);
void print_extend_tail(struct file *file, const uint8_t *bytes, size_t len);
/* Does the file behind fd begin so? Fills in the bytes of a print that has only its hash. */
bool print_is_begin(int fd, struct print *print);
/* Do these bytes stand in it before `position`? */
bool print_is_before(int fd, struct print *print, uint64_t position);
bool print_matches(struct print *print, const uint8_t *bytes);
uint64_t print_hash(const uint8_t *bytes, size_t len);
/* Are these two names of one log, one of them rotated: app.log and app.log-20260101.gz? */
bool print_is_family(const char *path, const char *other);
MUST_USE err_kind print_write(const struct file *file, struct writer *out, struct err_ctx *err);
MUST_USE bool print_read(span text, struct file *file, span *ret_path);

/* copy.c: which file is the copy of another. False: not to be read yet. */
bool copy_judge(struct follow *follow, struct file *file);

/* read.c */
/* Reads on. False: the file cannot be read, or was cut short: it is to be left. */
bool buffer_fill(struct follow *follow, struct buffer *buffer);
/* Brings the prints up to what was taken, and gives the buffer up. */
void buffer_leave(struct buffer *buffer);
void buffer_prints(struct buffer *buffer);
void buffer_free(struct buffer *buffer);
/* The next frame in it, which stays; false: none that is whole. */
bool buffer_frame(struct follow *follow, struct buffer *buffer);
void buffer_take(struct follow *follow, struct buffer *buffer);
