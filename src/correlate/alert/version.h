/* Private to correlate/alert: signals as they are read, alerts as they are written. */
#pragma once

#include <jansson.h>

#include "alert/table.h"

/* What the stage needs of a signal. */
struct signal_view {
    json_t *json;
    char id[ALERT_ID_BYTES];
    uint64_t time_wall_ns;
    bool is_time_ours; /* its event said none: when it was written */
    bool is_shadow;    /* its rule is not for people yet */
    span key;          /* rule, NUL, entity, in key_bytes */
    uint8_t key_bytes[ALERT_KEY_BYTES_MAX];
};

/* NULL, or why the record is not a signal (static). Close it in both cases. */
MUST_USE const char *signal_view_open(struct signal_view *view, span record,
                                      uint64_t written_wall_ns);
void signal_view_close(struct signal_view *view);

/* A version from the numbers of the alert and the texts of its latest signal; the caller frees it.
 * NULL: out of memory. */
MUST_USE char *version_make(const struct alert *alert, const struct signal_view *latest);
/* The last version, from the one before it. NULL: that is damaged, or out of memory. */
MUST_USE char *version_end(const struct alert *alert, span before);

/* RFC 3339 in UTC ("2023-11-14T22:13:20.123456789Z", up to nine digits of a second). */
MUST_USE bool alert_time_parse(span text, uint64_t *ret_wall_ns);
