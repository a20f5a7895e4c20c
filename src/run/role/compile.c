/* The client of the compiler role. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/cleanup.h"
#include "role/protocol.h"
#include "role/role.h"

#define DIAGNOSTICS_BYTES_MAX (64u << 20)

static err_kind diagnostics_read(int fd, struct writer *out, struct err_ctx *err)
{
    struct stat status;
    if (fd < 0 || fstat(fd, &status))
        return err_set(err, ERR_STATE, "the compiler sent no diagnostics");
    char chunk[16384];
    for (off_t at = 0; at < status.st_size;) {
        ssize_t count = pread(fd, chunk, sizeof chunk, at);
        if (count <= 0)
            return err_set(err, ERR_SYSTEM, "reading diagnostics");
        writer_put(out, span_of(chunk, (size_t)count));
        at += count;
    }
    return out->is_full ? err_set(err, ERR_LIMIT, "too many diagnostics") : OK;
}

/* The image must be sealed: nobody may change it under the engine. */
static err_kind image_check(int fd, struct err_ctx *err)
{
    int wanted = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
    int seals = fcntl(fd, F_GET_SEALS);
    if (fd < 0 || seals < 0 || (seals & wanted) != wanted)
        return err_set(err, ERR_STATE, "the compiler's image is not sealed");
    return OK;
}

static err_kind rules_take(struct ipc_message *message, void *into, struct err_ctx *err)
{
    struct compiled *ret = into;
    struct compile_result result;
    if (message->type != MESSAGE_COMPILED || message->body.len != sizeof result)
        return err_set(err, ERR_STATE, "the compiler sent an unknown message");
    memcpy(&result, message->body.data, sizeof result);
    ret->error_count = result.error_count;
    ret->warning_count = result.warning_count;
    ret->falco_files = result.falco_files;
    ret->sigma_files = result.sigma_files;
    ret->note_bytes = result.note_bytes;
    AUTO(auto_close) int diagnostics = ipc_take_fd(message, 0);
    err_kind kind = diagnostics_read(diagnostics, &ret->diagnostics, err);
    if (kind == OK && result.has_image) {
        ret->image_fd = ipc_take_fd(message, 1);
        kind = image_check(ret->image_fd, err);
    }
    return kind;
}

/* ---- one question to a fresh compiler, one answer ---- */

static err_kind ask(uint32_t type, span body, const struct bundle *bundle, struct compiling *ret,
                    struct err_ctx *err)
{
    err_kind kind = role_spawn(ROLE_COMPILER, &ret->pid, &ret->channel, err);
    /* one that ended already is found out by the missing answer */
    if (kind == OK)
        ipc_send(&ret->channel, type, body, &bundle->fd, 1, false);
    return kind;
}

static err_kind hear(struct compiling *compiling, int timeout_ms,
                     err_kind (*take)(struct ipc_message *message, void *into, struct err_ctx *err),
                     void *into, struct err_ctx *err)
{
    struct ipc_message message;
    err_kind kind;
    enum ipc_outcome outcome = ipc_receive(&compiling->channel, timeout_ms, &message);
    if (outcome == IPC_DONE) {
        kind = take(&message, into, err);
        ipc_release(&message);
    } else {
        kind = err_set(err, ERR_LIMIT, "the rule compiler %s",
                       outcome == IPC_AGAIN ? "took too long" : "ended early (time or memory)");
    }
    compiling_close(compiling);
    return kind;
}

void compiling_close(struct compiling *compiling)
{
    if (!compiling->pid)
        return;
    ipc_close(&compiling->channel);
    kill(compiling->pid, SIGKILL); /* it has nothing more to say */
    while (waitpid(compiling->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    compiling->pid = 0;
}

err_kind rules_compile_start(const struct bundle *bundle, const struct compile_options *options,
                             struct compiling *ret, struct err_ctx *err)
{
    struct compile_options own = *options;
    own.pipeline_count = (uint32_t)bundle->pipeline_count;
    return ask(MESSAGE_COMPILE, span_of(&own, sizeof own), bundle, ret, err);
}

err_kind rules_compile_finish(struct compiling *compiling, int timeout_ms, struct compiled *ret,
                              struct err_ctx *err)
{
    *ret = (struct compiled){.image_fd = -1};
    writer_init(&ret->diagnostics, DIAGNOSTICS_BYTES_MAX);
    err_kind kind = hear(compiling, timeout_ms, rules_take, ret, err);
    if (kind != OK)
        compiled_close(ret);
    return kind;
}

err_kind rules_compile(const struct bundle *bundle, const struct compile_options *options,
                       struct compiled *ret, struct err_ctx *err)
{
    struct compiling compiling;
    err_kind kind = rules_compile_start(bundle, options, &compiling, err);
    return kind == OK ? rules_compile_finish(&compiling, COMPILE_TIMEOUT_MS, ret, err) : kind;
}

err_kind documents_compile(const struct bundle *bundle, struct compiled *ret, struct err_ctx *err)
{
    struct compiling compiling;
    err_kind kind = ask(MESSAGE_DOCUMENTS, SPAN(""), bundle, &compiling, err);
    return kind == OK ? rules_compile_finish(&compiling, COMPILE_TIMEOUT_MS, ret, err) : kind;
}

err_kind sinks_compile(const struct bundle *bundle, struct compiled *ret, struct err_ctx *err)
{
    struct compiling compiling;
    err_kind kind = ask(MESSAGE_SINKS, SPAN(""), bundle, &compiling, err);
    return kind == OK ? rules_compile_finish(&compiling, COMPILE_TIMEOUT_MS, ret, err) : kind;
}

err_kind declare_compile(const struct bundle *bundle, struct compiled *ret, struct err_ctx *err)
{
    struct compiling compiling;
    err_kind kind = ask(MESSAGE_DECLARE, SPAN(""), bundle, &compiling, err);
    return kind == OK ? rules_compile_finish(&compiling, COMPILE_TIMEOUT_MS, ret, err) : kind;
}

void compiled_close(struct compiled *compiled)
{
    if (compiled->image_fd >= 0)
        close(compiled->image_fd);
    compiled->image_fd = -1;
    writer_free(&compiled->diagnostics);
}

static err_kind config_take(struct ipc_message *message, void *into, struct err_ctx *err)
{
    span text = message->body;
    if (message->type == MESSAGE_REFUSED) {
        while (text.len && text.data[text.len - 1] == '\n')
            text.len--;
        return err_set(err, ERR_INPUT, PRI_SPAN, ARG_SPAN(text));
    }
    if (message->type != MESSAGE_CONFIGURED)
        return err_set(err, ERR_STATE, "the compiler sent an unknown message");
    writer_put(into, message->body);
    return OK;
}

err_kind config_compile(const char *path, struct writer *ret, struct err_ctx *err)
{
    struct bundle bundle;
    struct compiling compiling;
    writer_init(ret, IPC_BODY_BYTES_MAX);
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return err_set(err, ERR_INPUT, "%s: expected a file, found a folder", path);
    err_kind kind = bundle_open(&bundle, err);
    if (kind == OK)
        kind = bundle_add(&bundle, path, err);
    if (kind == OK)
        kind = ask(MESSAGE_CONFIG, SPAN(""), &bundle, &compiling, err);
    if (kind == OK)
        kind = hear(&compiling, COMPILE_TIMEOUT_MS, config_take, ret, err);
    bundle_close(&bundle);
    return kind;
}
