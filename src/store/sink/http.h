/* Documents as bodies of HTTP POST, by libcurl. Private to this folder. */
#pragma once

#include <curl/curl.h>

#include "sink/kind.h"

#define HTTP_HEADERS_MAX 4

struct sink_http {
    const struct sink_settings *settings;
    CURL *easy;
    struct curl_slist *headers; /* of every request */
    struct writer request;
    struct writer response;
    char error[CURL_ERROR_SIZE];
};

struct sink_http_answer {
    long status;      /* 0: none came */
    uint64_t wait_ns; /* Retry-After */
    span body;        /* borrowed until the next request */
    const char *text; /* what went wrong, when none came */
};

enum sink_http_outcome {
    HTTP_TAKEN,   /* the verdicts of these documents are set; what is left unsent is for later */
    HTTP_REFUSED, /* some document among these is not acceptable */
    HTTP_LATER,   /* try again */
};

/* scheme: what stands before the token in the header Authorization; NULL: no token is sent. */
MUST_USE err_kind sink_http_open(struct sink_http *http, const struct sink_settings *settings,
                                 const char *scheme, struct err_ctx *err);
void sink_http_close(struct sink_http *http);
/* The same for a sink that keeps nothing else: *ret is a struct sink_http of its own. */
MUST_USE err_kind sink_http_new(const struct sink_settings *settings, const char *scheme,
                                void **ret, struct err_ctx *err);
void sink_http_delete(void *sink);
/* extra: up to HTTP_HEADERS_MAX lines of this request only. body.data NULL: method without one. */
void sink_http_request(struct sink_http *http, const char *method, const char *url, span body,
                       const char *const *extra, size_t extra_count, struct sink_http_answer *ret);

/* How a kind makes and reads requests. */
struct sink_http_dialect {
    /* Writes the body of one request; returns the number of extra header lines, which it prints. */
    size_t (*write)(void *context, struct sink_document *const *documents, size_t count,
                    struct writer *body, char (*extra)[SINK_REASON_BYTES]);
    /* Reads the answer; NULL: the status says it all. */
    enum sink_http_outcome (*read)(void *context, const struct sink_http_answer *answer,
                                   struct sink_document *const *documents, size_t count,
                                   struct sink_trouble *trouble);
};

/* Posts the documents in requests as large as the receiver takes; one that is refused by itself is
 * settled so. */
void sink_http_post(struct sink_http *http, const char *url,
                    const struct sink_http_dialect *dialect, void *context,
                    struct sink_document *const *documents, size_t count,
                    struct sink_trouble *trouble);
/* What a status says of a request as a whole; 2xx settles its documents. */
enum sink_http_outcome sink_http_judge(const struct sink_http_answer *answer,
                                       struct sink_document *const *documents, size_t count,
                                       struct sink_trouble *trouble);
/* "429 from the receiver: text" */
void sink_http_reason(const struct sink_http_answer *answer, char ret[SINK_REASON_BYTES]);
