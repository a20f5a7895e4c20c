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
#include "unpack/unpack.h"

#define CODES_MAX      20
#define TLS_PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

enum request_state {
    REQUEST_READING, /* its body arrives */
    REQUEST_WAITING, /* for room in the shared memory, or for the answer: suspended */
    REQUEST_DONE,    /* code and answer are known */
};

struct request {
    enum request_state state;
    struct MHD_Connection *connection;
    struct writer body;             /* unpacked */
    struct unpack_stream *unpacker; /* NULL: it comes as it is */
    struct writer answer;           /* of the response */
    unsigned code;
    unsigned retry_seconds; /* 0: not said */
    uint64_t number;        /* of its body */
    uint64_t discarded;     /* bytes of a body that is refused */
    size_t counted;         /* bytes of body and unpacker in gateway.body_bytes */
    uint32_t at;            /* in the shared memory */
    bool is_sent;
    bool is_framed;  /* no request of HTTP: messages of syslog, each behind its u32 length */
    bool is_refused; /* before its body was read */
    bool is_text;    /* plain text, not JSON */
    int ask;         /* enum intake_ask; -1: a body */
    struct request *next, *previous;
};

/* Requests in the order of their numbers. */
struct request_list {
    struct request *first, *last;
};

#define PLACE_BYTES 8

/* One that is open; it has until this time to bring a whole request, or to take its answer. */
struct client {
    uint64_t until_ns; /* 0: its request is whole, and it waits for us */
    int fd;
    uint8_t place[PLACE_BYTES]; /* where it comes from */
    bool is_between;            /* it has had an answer, and nothing came since */
    bool is_cut;                /* and the library has not heard yet */
    struct client *next, *previous;
};

/* Why a connection ended without an answer. */
enum cut_reason {
    CUT_SLOW,    /* it did not bring a whole request in time */
    CUT_IDLE,    /* nothing came behind its last request */
    CUT_CROWDED, /* it gave way to a newer one */
    CUT_REFUSED, /* there was no room for it */
    CUT_GONE,    /* the client left before its answer */
    CUT_COUNT
};

struct code_count {
    unsigned code;
    uint64_t count;
};

struct gateway {
    struct ipc_channel *parent;
    struct ipc_channel engine; /* fd -1: none for now */
    struct gateway_start start;
    struct writer tokens;        /* one a line */
    struct writer cert, key, ca; /* PEM, each with a NUL behind it; empty: none */
    struct client *clients;
    int listeners[INTAKE_LISTENERS];
    struct MHD_Daemon *daemon; /* NULL: no HTTP */
    struct syslog *syslog;     /* NULL: none */
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
    uint64_t cuts[CUT_COUNT];
    uint64_t watched_ns;
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

/* gateway_client.c */
#define CONNECTIONS_MAX    512u
#define CONNECTIONS_OF_ONE 256u /* address */
/* Its request has to be whole in so long; 0: it waits for us. */
void http_wait(struct MHD_Connection *connection, uint64_t wait_ns);
void http_between(struct MHD_Connection *connection, bool is_between);
void http_gone(struct gateway *gateway, struct MHD_Connection *connection);
enum MHD_Result http_accept(void *context, const struct sockaddr *address, socklen_t len);
void http_connected(void *context, struct MHD_Connection *connection, void **client_at,
                    enum MHD_ConnectionNotificationCode how);
/* Cuts off those that are too slow. */
void http_watch(struct gateway *gateway, uint64_t now_ns);
void cuts_render(const struct gateway *gateway, struct writer *out);

/* gateway_syslog.c */
MUST_USE err_kind syslog_open(struct gateway *gateway, int fd, enum listener_kind kind,
                              struct err_ctx *err);
void syslog_close(struct gateway *gateway);
/* Reads what is there, gives the intake what was gathered. */
void syslog_turn(struct gateway *gateway);
/* The intake's answer to the body that it has. */
void syslog_answer(struct gateway *gateway, bool is_stored);
int syslog_fd(const struct gateway *gateway); /* to poll; -1: nothing is to be read now */
bool syslog_is_done(const struct gateway *gateway);
/* Datagrams that the kernel has dropped since the last call. */
uint64_t syslog_lost_take(struct gateway *gateway);
void syslog_render(const struct gateway *gateway, struct writer *out);

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
