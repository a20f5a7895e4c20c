/* The gateway's own state; private to gateway*.c. It holds the network and the secrets: takes
 * requests, unpacks bodies, hands them to the intake, and answers when that has. It looks into no
 * record. */
#pragma once

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/writer.h"
#include "ingest/messages.h"
#include "ipc/ipc.h"

#define CODES_MAX 20

enum request_state {
    REQUEST_READING, /* its body arrives */
    REQUEST_WAITING, /* for room in the shared memory, or for the answer: suspended */
    REQUEST_DONE,    /* code and answer are known */
};

struct request {
    enum request_state state;
    struct MHD_Connection *connection;
    struct writer body;   /* unpacked */
    struct writer answer; /* of the response */
    unsigned code;
    unsigned retry_seconds; /* 0: not said */
    uint64_t number;        /* of its body */
    uint64_t discarded;     /* bytes of a body that is refused */
    size_t counted;         /* bytes of the body in gateway.body_bytes */
    uint32_t at;            /* in the shared memory */
    bool is_sent;
    bool is_refused; /* before its body was read */
    bool is_text;    /* plain text, not JSON */
    int ask;         /* enum intake_ask; -1: a body */
    struct request *next, *previous;
};

/* Requests in the order of their numbers. */
struct request_list {
    struct request *first, *last;
};

struct code_count {
    unsigned code;
    uint64_t count;
};

struct gateway {
    struct ipc_channel *parent;
    struct ipc_channel engine; /* fd -1: none for now */
    struct gateway_start start;
    struct writer tokens; /* one a line */
    int listeners[INTAKE_LISTENERS];
    struct MHD_Daemon *daemon;
    int epoll_fd;
    uint8_t *memory;
    uint32_t memory_head;
    uint64_t number;           /* of the last body */
    size_t request_count;      /* not yet answered to the end */
    size_t body_bytes;         /* held in this process for all requests */
    struct request_list queue; /* bodies in the shared memory */
    struct request_list line;  /* bodies that wait for room there */
    struct request_list asks;
    struct code_count codes[CODES_MAX];
    size_t code_count;
    bool has_resumed; /* the engine has said where it stands */
    bool is_stopping;
};

/* gateway_http.c */
MUST_USE err_kind http_open(struct gateway *gateway, int listener, struct err_ctx *err);
void http_close(struct gateway *gateway);
/* Lets its connection go on with what is known now. */
void gateway_done(struct gateway *gateway, struct request *request, unsigned code);
void gateway_refuse(struct gateway *gateway, struct request *request, unsigned code,
                    unsigned retry_seconds, const char *reason);
void codes_render(const struct gateway *gateway, struct writer *out);

/* gateway_queue.c: between requests and the intake */
void queue_submit(struct gateway *gateway, struct request *request);
/* Gives the intake what it has room for. */
void queue_pump(struct gateway *gateway);
/* Something came from the intake, or its end. */
MUST_USE bool queue_hear(struct gateway *gateway);
void queue_engine_take(struct gateway *gateway, int *channel);
bool queue_is_empty(const struct gateway *gateway);
void queue_add(struct request_list *list, struct request *request);
void queue_drop(struct request_list *list, struct request *request);
