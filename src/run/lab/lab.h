/* The rules' own events as tests. Two forms:
 *
 *   x.test.ndjson beside x.yml   a line a test: {"rule": name or id, "match": true, "why": "…",
 *                                "event": {…}}
 *   regression_data/…/info.yml   SigmaHQ's: which rule, how many events of the file beside it match
 *
 * A test passes when its rule matches as many of its events as is said, or more; or none, where
 * that is wanted. What cannot be read is a failing test, never a missing one. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"
#include "pipeline/pipeline.h"

#define SUITE_TESTS_MAX 1000000

struct suite;
MUST_USE err_kind suite_open(struct suite **ret, struct err_ctx *err);
void suite_close(struct suite *suite);

/* A file of lines, as above; its content is borrowed for the call. ERR_LIMIT: too many tests. */
MUST_USE err_kind suite_add_lines(struct suite *suite, const char *file, span content,
                                  struct err_ctx *err);
/* The tests of one info.yml, given as JSON (role.h: documents_compile). */
MUST_USE err_kind suite_add_regression(struct suite *suite, const char *info,
                                       const json_t *document, struct err_ctx *err);
/* Reads the event files that regression tests name: beside info.yml lies STEM.json. Needs the file
 * system, so it comes before rights are dropped. */
MUST_USE err_kind suite_read_events(struct suite *suite, struct err_ctx *err);

struct suite_counts {
    uint64_t passed;
    uint64_t failed;
    uint64_t skipped; /* said with a reason: the rule is retired, the events are no JSON */
};
/* Runs all tests, or those of the rule with this name or id; a rule is looked for in each replay in
 * turn. What fails is on `text`, with file:line of the event and why. */
MUST_USE err_kind suite_run(struct suite *suite, struct replay *const *replays, size_t replay_count,
                            const char *only, struct writer *text, struct suite_counts *ret,
                            struct err_ctx *err);
/* How many tests a rule has. */
size_t suite_count_of(const struct suite *suite, const struct rule_info *rule);

/* What was run, in two forms that build servers read. */
void suite_write_junit(const struct suite *suite, struct writer *out);
void suite_write_tap(const struct suite *suite, struct writer *out);

/* An event as evtx_dump writes it (Event.System, Event.EventData) as one flat object with the names
 * that rules use: EventID, Channel, Provider_Name, Computer and the data's own; other objects are
 * returned as they are. A new reference; NULL: out of memory. */
MUST_USE json_t *suite_flatten(json_t *event);

/* ---- two versions of the rules over the same events ---- */

/* A file of events, open for reading and seekable: it is read more than once. */
struct lab_file {
    int fd;
    const char *name;
};

enum diff_status { DIFF_SAME, DIFF_ADDED, DIFF_REMOVED, DIFF_CHANGED };

struct diff_options {
    struct replay_options replay; /* how the events are read; image, visit and context are set */
    int before_fd, after_fd;      /* images */
    const struct lab_file *files;
    size_t file_count;
};

struct diff;
/* Rules are the same rule by id, or by name where one of them has none. ERR_LIMIT: over 20 million
 * matches. */
MUST_USE err_kind diff_run(const struct diff_options *options, struct diff **ret,
                           struct err_ctx *err);
void diff_close(struct diff *diff);
/* Was a rule added, removed or changed, or did any match come or go? */
bool diff_has_changes(const struct diff *diff);
/* Every rule that differs in itself or in its matches, each with samples of the events, and the
 * totals. */
void diff_write_text(const struct diff *diff, struct writer *out);
void diff_write_markdown(const struct diff *diff, struct writer *out);
void diff_write_json(const struct diff *diff, struct writer *out);

/* ---- what each rule costs ---- */

struct cost_options {
    struct replay_options replay; /* how the events are read; image, visit and context are set */
    int image_fd;
    const struct lab_file *files;
    size_t file_count;
    unsigned rounds; /* over all files, each way; the quickest counts. 1 or more */
};

struct cost;
/* Runs the whole set: untimed rounds say what an event costs in all, timed ones what part of that
 * each rule's condition has. */
MUST_USE err_kind cost_run(const struct cost_options *options, struct cost **ret,
                           struct err_ctx *err);
void cost_close(struct cost *cost);
/* Dearest rule first. */
void cost_write_text(const struct cost *cost, struct writer *out);
void cost_write_json(const struct cost *cost, struct writer *out);
