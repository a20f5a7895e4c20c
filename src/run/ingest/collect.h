/* The parent's half of sources that are read in place: looks which files there are, and holds them
 * for an intake that is started anew; or runs what writes into a pipe (journalctl, or whoever is at
 * stdin), and keeps what it wrote in memory until that is committed. */
#pragma once

#include <sys/types.h>

#include "follow/follow.h"
#include "ingest/ingest.h"
#include "ingest/messages.h"
#include "ipc/ipc.h"

struct collect {
    const struct ingest_feed *options; /* NULL: nothing is read in place */
    struct finder *finder;
    uint64_t looked_ns;
    bool is_offering; /* an intake is there that asked for what there is */
    bool is_owing;    /* there are files that it had no room to be told of */
    bool owes_end;    /* and is to be told when that was all */
    /* a pipe's bytes */
    int pipe_fd, spool_fd, spool_read_fd;
    char spool_name[40];
    uint64_t written, reached, punched;
    uint8_t last; /* byte */
    bool is_ended;
    pid_t journal_pid;
    uint64_t journal_ns; /* when it is started again */
    char *cursor;
};

MUST_USE err_kind collect_open(struct collect *collect, const struct ingest_feed *options,
                               struct err_ctx *err);
void collect_close(struct collect *collect);
/* Of the intake's start: what it is told, and the descriptor that goes with it (-1: none). */
void collect_start(const struct collect *collect, struct feed_start *ret, int *ret_growth_fd);
void collect_intake_gone(struct collect *collect);
/* A message of the intake's; false: it is none for this, or malformed. */
MUST_USE bool collect_hear(struct collect *collect, struct ipc_channel *intake, uint32_t type,
                           span body);
/* To be polled for reading; -1: none. */
int collect_fd(const struct collect *collect);
/* From time to time, and when collect_fd is readable. */
void collect_turn(struct collect *collect, struct ipc_channel *intake, uint64_t now_ns);
/* A last look, so that the intake finishes all that is there now. */
void collect_last(struct collect *collect, struct ipc_channel *intake);
/* The pipe has ended, and all of it is committed. */
bool collect_is_ended(const struct collect *collect);
/* A child has ended; false: it was none of this. */
bool collect_reaped(struct collect *collect, pid_t pid, int status, uint64_t now_ns);
