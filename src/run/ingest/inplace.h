/* The intake's half of sources that are read in place (collect.h has the parent's): follows the
 * files whose descriptors it is given, and keeps their positions in the transaction of what they
 * yield. Private to inplace.c and intake.c. */
#pragma once

#include "follow/follow.h"
#include "ingest/ingest.h"
#include "ingest/messages.h"
#include "intake/intake.h"
#include "ipc/ipc.h"

struct feed;
/* Reads the positions that were kept, and tells the parent which files they are of. growth_fd:
 * taken over, readable when some file has grown; -1: none. */
MUST_USE err_kind inplace_open(const struct feed_start *start, struct intake *intake,
                               struct ipc_channel *parent, int growth_fd, struct feed **ret,
                               struct err_ctx *err);
void inplace_close(struct feed *feed); /* takes NULL */
/* A message of the parent's. False: it is malformed, or none for a feed. */
MUST_USE bool inplace_obey(struct feed *feed, struct ipc_message *message);
/* Before intake_turn: feeds what there is, for a short while. */
MUST_USE err_kind inplace_turn(struct feed *feed, struct err_ctx *err);
/* After it: what was fed is committed, or is to be fed again. */
MUST_USE err_kind inplace_settle(struct feed *feed, struct err_ctx *err);
/* How long it may be waited before the next turn; 0: there is more to read. */
int inplace_wait_ms(const struct feed *feed);
/* To be polled; -1: none. */
int inplace_fd(const struct feed *feed);
