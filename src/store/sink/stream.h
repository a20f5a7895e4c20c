/* A connection for syslog: TCP, TLS or a unix socket; or UDP, which is none. Private to this
 * folder. */
#pragma once

#include "sink/kind.h"
#include "sink/openssl.h"

enum stream_form { STREAM_UDP, STREAM_TCP, STREAM_TLS, STREAM_UNIX };

struct stream {
    const struct sink_settings *settings;
    enum stream_form form;
    char host[256], port[8]; /* STREAM_UNIX: the path in `host` */
    int fd;                  /* -1: not connected */
    bool is_datagram;
    SSL_CTX *context;
    SSL *tls;
};

/* Reads the URL: udp://HOST:PORT, tcp://…, tls://…, unix:///PATH; an address of IPv6 in brackets.
 */
MUST_USE err_kind stream_open(struct stream *stream, const struct sink_settings *settings,
                              struct err_ctx *err);
void stream_close(struct stream *stream);
/* Connects unless there is a connection that the peer has not ended. */
MUST_USE bool stream_connect(struct stream *stream, struct sink_trouble *trouble);
/* All of it, or one datagram; false: the connection is closed then. *ret_is_too_large: a datagram
 * that no way takes. */
MUST_USE bool stream_write(struct stream *stream, span bytes, bool *ret_is_too_large,
                           struct sink_trouble *trouble);
/* Waits until the peer's host has acknowledged all that was written. */
MUST_USE bool stream_flush(struct stream *stream, struct sink_trouble *trouble);
