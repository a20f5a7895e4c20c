/* Loading the rules: at the start, and anew on SIGHUP or when their files change. A new set is
 * compiled beside the running one, offered to the engine, and in force once the engine says so;
 * what fails on the way leaves the old one and is told on stderr, in the status and by a signal. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/hash.h"
#include "core/log.h"
#include "role/supervisor.h"

#define QUIET_NS   300000000ull  /* files at rest for so long are read */
#define PATIENT_NS 5000000000ull /* and after so long, at rest or not */
#define OFFERS_MAX 2             /* engines that may end while they take one set */

static const struct compile_options run_options = {.stages = STAGES_RUN};

static void image_swap(int *place, int *fd)
{
    if (*place >= 0)
        close(*place);
    *place = fd_steal(fd);
}

static err_kind rules_gather(const struct supervisor_options *options, struct bundle *bundle,
                             struct err_ctx *err)
{
    err_kind kind = bundle_open(bundle, err);
    for (size_t index = 0; index < options->pipeline_count && kind == OK; index++)
        kind = bundle_add_pipeline(bundle, options->pipelines[index], err);
    for (size_t index = 0; index < options->rule_count && kind == OK; index++)
        kind = bundle_add(bundle, options->rules[index], err);
    return kind;
}

static void diagnostics_print(const struct compiled *compiled)
{
    size_t len = compiled->error_count ? compiled->diagnostics.len : compiled->note_bytes;
    if (len && len <= compiled->diagnostics.len)
        fwrite(compiled->diagnostics.data, 1, len, stderr);
}

err_kind rules_first(struct supervisor *supervisor, struct err_ctx *err)
{
    struct bundle bundle;
    struct compiled compiled = {.image_fd = -1};
    const struct supervisor_options *options = supervisor->options;
    if (options->is_watching) /* before they are read, so that no change falls in between */
        watch_open(&supervisor->reload.watch, options->rules, options->rule_count);
    err_kind kind = rules_gather(options, &bundle, err);
    if (kind == OK) {
        supervisor->reload.digest = bundle_digest(&bundle);
        kind = rules_compile(&bundle, &run_options, &compiled, err);
    }
    bundle_close(&bundle);
    if (kind != OK)
        return kind;
    diagnostics_print(&compiled);
    if (compiled.error_count)
        kind = err_set(err, ERR_INPUT, "the rules do not load");
    else
        image_swap(&supervisor->image_fd, &compiled.image_fd);
    compiled_close(&compiled);
    supervisor->reload.note.loaded_wall_ns = clock_wall_ns();
    return kind;
}

/* ---- what became of it ---- */

static void refuse(struct supervisor *supervisor, span reason)
{
    struct rules_note *note = &supervisor->reload.note;
    note->refused++;
    reason = span_first(reason, sizeof note->reason - 1);
    memset(note->reason, 0, sizeof note->reason);
    if (reason.len)
        memcpy(note->reason, reason.data, reason.len);
    log_event(LOG_ERROR, "rules_refused", "reason='%s' kept='the set before'", note->reason);
    rules_tell(supervisor);
}

static void offer_drop(struct supervisor *supervisor)
{
    if (supervisor->image_next_fd >= 0)
        close(fd_steal(&supervisor->image_next_fd));
}

bool rules_answered(struct supervisor *supervisor, span body)
{
    struct rules_answer answer;
    struct reload *reload = &supervisor->reload;
    if (body.len < sizeof answer)
        return false;
    memcpy(&answer, body.data, sizeof answer);
    if (supervisor->image_next_fd < 0 || answer.number != reload->number)
        return true; /* about the set that it started with */
    if (answer.kind != OK) {
        offer_drop(supervisor);
        refuse(supervisor, span_after(body, sizeof answer));
        return true;
    }
    image_swap(&supervisor->image_last_fd, &supervisor->image_fd);
    supervisor->image_fd = fd_steal(&supervisor->image_next_fd);
    reload->note.reloaded++;
    reload->note.loaded_wall_ns = clock_wall_ns();
    reload->note.reason[0] = 0;
    log_event(LOG_INFO, "rules_reloaded", "count=%u", reload->note.reloaded);
    rules_tell(supervisor);
    return true;
}

/* An engine that is killed from outside may have been taking a sound set: it is offered once more.
 */
void rules_engine_ended(struct supervisor *supervisor)
{
    if (supervisor->image_next_fd < 0 || supervisor->reload.offers < OFFERS_MAX)
        return;
    offer_drop(supervisor);
    refuse(supervisor, SPAN("the engine ended while it took them"));
}

void rules_restore(struct supervisor *supervisor)
{
    image_swap(&supervisor->image_fd, &supervisor->image_last_fd);
    refuse(supervisor, SPAN("the engine kept ending after the last reload"));
}

/* ---- reading and compiling ---- */

/* The first line of the diagnostics: more is on stderr. */
static void compiled_take(struct supervisor *supervisor, struct compiled *compiled)
{
    span line = {NULL, 0}, text = writer_span(&compiled->diagnostics);
    if (compiled->error_count == 0) {
        image_swap(&supervisor->image_next_fd, &compiled->image_fd);
        supervisor->reload.offers = 0;
        supervisor->reload.number++;
        rules_offer(supervisor);
        return;
    }
    diagnostics_print(compiled);
    while (span_until(&text, '\n', &line) && !span_contains(line, SPAN(": error: "))) {
    }
    refuse(supervisor, line.len ? line : SPAN("they do not load"));
}

void rules_compiled(struct supervisor *supervisor)
{
    struct err_ctx err;
    struct compiled compiled;
    if (rules_compile_finish(&supervisor->reload.compiling, 0, &compiled, &err) != OK) {
        refuse(supervisor, span_str(err.text));
        return;
    }
    compiled_take(supervisor, &compiled);
    compiled_close(&compiled);
}

/* The same files, or the same reason why they cannot be read, are no news, unless it was asked. */
static void look(struct supervisor *supervisor, uint64_t now_ns)
{
    struct err_ctx err;
    struct bundle bundle;
    struct reload *reload = &supervisor->reload;
    const struct supervisor_options *options = supervisor->options;
    bool is_asked = reload->is_asked;
    reload->is_asked = false;
    reload->changed_ns = 0;
    if (options->is_watching)
        watch_open(&reload->watch, options->rules, options->rule_count);
    err_kind kind = rules_gather(options, &bundle, &err);
    uint64_t digest = kind == OK ? bundle_digest(&bundle) : hash_span(span_str(err.text), 1);
    if (is_asked || digest != reload->digest) {
        reload->digest = digest;
        reload->until_ns = now_ns + COMPILE_TIMEOUT_MS * 1000000ull;
        if (kind == OK)
            kind = rules_compile_start(&bundle, &run_options, &reload->compiling, &err);
        if (kind != OK)
            refuse(supervisor, span_str(err.text));
    }
    bundle_close(&bundle);
}

void rules_changed(struct supervisor *supervisor, uint64_t now_ns)
{
    struct reload *reload = &supervisor->reload;
    if (!watch_take(&reload->watch))
        return;
    if (!reload->changed_ns)
        reload->changed_ns = now_ns;
    reload->moved_ns = now_ns;
}

void rules_watch(struct supervisor *supervisor, uint64_t now_ns)
{
    struct reload *reload = &supervisor->reload;
    if (reload->compiling.pid) {
        if (now_ns > reload->until_ns)
            rules_compiled(supervisor); /* it took too long */
        return;
    }
    bool is_settled = reload->changed_ns && (now_ns - reload->moved_ns > QUIET_NS ||
                                             now_ns - reload->changed_ns > PATIENT_NS);
    if (supervisor->image_next_fd < 0 && (reload->is_asked || is_settled))
        look(supervisor, now_ns);
}

void rules_close(struct supervisor *supervisor)
{
    compiling_close(&supervisor->reload.compiling);
    watch_close(&supervisor->reload.watch);
}
