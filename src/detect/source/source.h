/* Where events come from, and how their bytes become JSON objects with the source's own names.
 *
 * A source's decoder takes frames (a line, a datagram, the body of a request, a record of a topic)
 * and gives 0 to n events for each. JSON sources hand parts of the frame on as they stand; others
 * write an object. Nothing is renamed. What cannot be read is a fault, with reason and place, and
 * counts as an event: nothing is lost in silence. */
#pragma once

#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"
#include "event/event.h"
#include "json/json.h"

#define SOURCE_FRAME_MAX (64u << 20) /* bytes of one frame; a longer one is a fault */

enum source_framing {
    SOURCE_LINES,    /* a frame is a line, or holds one event */
    SOURCE_DOCUMENT, /* a frame is a whole body or file with any number of events */
};

struct source_frame {
    span bytes;
    span position; /* the caller's; comes back with the events that began in this frame */
};

struct source_event {
    span json; /* the event; of a fault: the bytes it lies in, as they came. Borrowed */
    span position;
    const char *fault; /* NULL: none. Static */
    size_t fault_at;   /* bytes of json before the fault */
};

/* False: no room for it now. */
typedef bool (*source_put)(void *context, const struct source_event *event);

struct source_decoder;

/* A row of the registry: a file each, which registry.c lists. */
struct source {
    const char *name;
    const char *summary;
    enum source_framing framing;
    struct logsource logsource; /* of all its events; every part NULL: what each says itself */
    struct json_time time;      /* where its events have theirs; else as in json/json.h */
    bool is_plain;              /* a frame is an event as it stands */
    bool is_joining;            /* an event may come in several frames: the decoder keeps some */
    /* Private to the folder. */
    bool (*decode)(struct source_decoder *, const struct source_frame *, source_put, void *);
    bool (*flush)(struct source_decoder *, source_put, void *);
    void (*close)(struct source_decoder *);
    void (*save)(const struct source_decoder *, struct writer *);
    err_kind (*load)(struct source_decoder *, span, struct err_ctx *);
};

/* NULL: there is none of this name. */
const struct source *source_find(span name);
/* In the order of their names; NULL behind the last. */
const struct source *source_at(size_t index);
/* The decoder of a name that users gave: itself where it is a source's, kernel's too; else json. */
const char *source_or_json(const char *name);
/* ERR_INPUT: which sources there are, kernel among them, and which one may have been meant. */
err_kind source_unknown(span name, struct err_ctx *err);

MUST_USE err_kind source_decoder_open(const struct source *source, struct source_decoder **ret,
                                      struct err_ctx *err);
void source_decoder_close(struct source_decoder *decoder); /* takes NULL */

/* False: put had no room; what it took of this frame is void, and the decoder is as if the frame
 * had not been given. */
MUST_USE bool source_decode(struct source_decoder *decoder, const struct source_frame *frame,
                            source_put put, void *context);
/* Gives what is kept of events that may not be whole; false as above. */
MUST_USE bool source_flush(struct source_decoder *decoder, source_put put, void *context);
/* What is kept, to be stored in one transaction with the position behind it (appended); nothing
 * for sources that keep nothing. */
void source_save(const struct source_decoder *decoder, struct writer *out);
/* Takes the place of what is kept. ERR_INPUT: not what source_save wrote; nothing is kept then. */
MUST_USE err_kind source_load(struct source_decoder *decoder, span bytes, struct err_ctx *err);

/* Takes lines off the front up to the first that is not blank: without its end, CR LF as well.
 * False: there is none. */
bool source_line_take(span *rest, span *ret);

/* ---- syslog over a stream (RFC 6587) ---- */

#define SYSLOG_BYTES_MAX (64u << 10)

enum syslog_framing {
    SYSLOG_WHOLE, /* a message was taken from the stream */
    SYSLOG_MORE,  /* the stream ends within a message: give it again with what follows */
    SYSLOG_BAD,   /* the count is wrong, or the message too long: the connection is of no use */
};
/* Takes a message off the front: octet counted, or up to a newline. */
enum syslog_framing syslog_frame(span *stream, span *ret_message);
