/* Who else reads a store: the sinks, whose positions lie in files of their own. The parent opens
 * the files, the intake reads them; so nothing that a sink has yet to send is dropped for its age.
 */
#pragma once

#include "intake/intake.h"
#include "ipc/ipc.h"

/* The parent's half: offers the position file of every sink below the folder. `store`: what sinks
 * call the intake's store. */
void readers_offer(struct ipc_channel *intake, const char *sinks_dir, const char *store);

/* The intake's half, of one offer after the other. */
struct readers {
    uint64_t signals, alerts; /* the least position so far; UINT64_MAX: nobody reads */
};
void readers_begin(struct readers *readers);
/* The file's bytes; what cannot be understood holds everything. */
void readers_add(struct readers *readers, span store, span text);
/* A message of the parent's. False: it is malformed, or none of these. */
MUST_USE bool readers_obey(struct readers *readers, struct intake *intake,
                           struct ipc_message *message);
