/* The compiler: reads YAML, of which all is hostile, and makes rules of it. One question, one
 * answer, and it ends. YAML is parsed nowhere else. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>

#include "core/cleanup.h"
#include "core/log.h"
#include "core/vector.h"
#include "declare/declare.h"
#include "falco/falco.h"
#include "json/json.h"
#include "kernel/kernel.h"
#include "lint/lint.h"
#include "role/documents.h"
#include "role/protocol.h"
#include "role/role.h"
#include "role/roles.h"
#include "sigma/sigma.h"

#define FILES_MAX          200000
#define DIAGNOSTICS_MAX    10000
#define IMAGE_BYTES_MAX    (1u << 30)
#define DIAGNOSTICS_BYTES  (64u << 20)
#define STRATEGY_BYTES_MAX ((size_t)64 << 20)

struct sources {
    struct falco_input *falco;
    size_t falco_count, falco_size;
    struct sigma_input *sigma;
    size_t sigma_count, sigma_size;
    struct sigma_input *pipelines;
    size_t pipeline_count, pipeline_size;
    span last;                             /* name of the file that was read last */
    const struct strategy **last_strategy; /* where its strategy goes */
    struct lint_file *files;               /* all of them, with what lies beside each */
    size_t file_count, file_size;
    struct arena arena; /* strategies */
};

static void sources_free(struct sources *sources)
{
    free(sources->falco);
    free(sources->sigma);
    free(sources->pipelines);
    free(sources->files);
    arena_free(&sources->arena);
}

static err_kind bundle_map(int fd, span *ret, struct err_ctx *err)
{
    *ret = (span){NULL, 0};
    off_t size = lseek(fd, 0, SEEK_END); /* stat is not among this role's calls */
    if (size < 0)
        return err_set(err, ERR_SYSTEM, "bundle");
    if (size == 0)
        return OK;
    void *data = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return err_set(err, ERR_SYSTEM, "bundle");
    *ret = span_of(data, (size_t)size);
    return OK;
}

/* Is this rules/x.SUFFIX, and the file that was read last rules/x.yml? */
static bool is_beside(const struct sources *sources, span name, span suffix)
{
    size_t stem = name.len - suffix.len;
    return sources->last.len > stem && sources->last.data[stem] == '.' &&
           span_eq(span_first(sources->last, stem), span_first(name, stem));
}

/* rules/x.yml takes the strategy rules/x.md, which follows it in the bundle. */
static void strategy_give(struct sources *sources, span name, span bytes,
                          struct diagnostics *diagnostics)
{
    if (!sources->last_strategy || !is_beside(sources, name, SPAN(".md")))
        return;
    struct strategy *strategy = arena_alloc(&sources->arena, sizeof *strategy);
    if (!strategy)
        return;
    strategy_read(strategy, name, bytes, diagnostics);
    *sources->last_strategy = strategy;
    sources->files[sources->file_count - 1].strategy = strategy;
}

/* The language is told by the content. */
static bool source_add(struct sources *sources, span name, span bytes)
{
    if (!vector_grow(&sources->files, &sources->file_size, sources->file_count, FILES_MAX,
                     sizeof *sources->files))
        return false;
    sources->files[sources->file_count++] = (struct lint_file){.name = name};
    sources->last = name;
    if (sigma_is_source(bytes)) {
        if (!vector_grow(&sources->sigma, &sources->sigma_size, sources->sigma_count, FILES_MAX,
                         sizeof *sources->sigma))
            return false;
        struct sigma_input *input = &sources->sigma[sources->sigma_count++];
        *input = (struct sigma_input){.name = name, .bytes = bytes};
        sources->last_strategy = &input->strategy;
        return true;
    }
    if (!vector_grow(&sources->falco, &sources->falco_size, sources->falco_count, FILES_MAX,
                     sizeof *sources->falco))
        return false;
    struct falco_input *input = &sources->falco[sources->falco_count++];
    *input = (struct falco_input){.name = name, .bytes = bytes};
    sources->last_strategy = &input->strategy;
    return true;
}

static bool pipeline_add(struct sources *sources, span name, span bytes)
{
    if (!vector_grow(&sources->pipelines, &sources->pipeline_size, sources->pipeline_count,
                     FILES_MAX, sizeof *sources->pipelines))
        return false;
    sources->pipelines[sources->pipeline_count++] =
        (struct sigma_input){.name = name, .bytes = bytes};
    return true;
}

static err_kind sources_read(span bundle, size_t pipeline_count, struct sources *ret,
                             struct diagnostics *diagnostics, struct err_ctx *err)
{
    for (;;) {
        bool is_end;
        span name, bytes;
        err_kind kind = bundle_next(&bundle, &name, &bytes, &is_end, err);
        if (kind != OK || is_end)
            return kind;
        if (ret->pipeline_count < pipeline_count) {
            if (!pipeline_add(ret, name, bytes))
                return err_set(err, ERR_LIMIT, "more than %d files", FILES_MAX);
        } else if (span_ends(name, SPAN(".md"))) {
            strategy_give(ret, name, bytes, diagnostics);
        } else if (span_ends(name, SPAN(BUNDLE_TESTS))) {
            if (ret->file_count && is_beside(ret, name, SPAN(BUNDLE_TESTS)))
                ret->files[ret->file_count - 1].tests = bytes;
        } else if (!source_add(ret, name, bytes)) {
            return err_set(err, ERR_LIMIT, "more than %d files", FILES_MAX);
        }
    }
}

/* A sealed memfd that holds the bytes. */
static err_kind memfd_seal(const char *name, span bytes, int *ret_fd, struct err_ctx *err)
{
    AUTO(auto_close) int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "%s", name);
    while (bytes.len) {
        ssize_t count = write(fd, bytes.data, bytes.len);
        if (count < 0 && errno != EINTR)
            return err_set(err, ERR_SYSTEM, "%s", name);
        if (count > 0)
            bytes = span_after(bytes, (size_t)count);
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        return err_set(err, ERR_SYSTEM, "%s: seals", name);
    *ret_fd = fd_steal(&fd);
    return OK;
}

/* ---- rules ---- */

/* The strict check of what was built, as an engine would open it. */
static err_kind rules_lint(const struct sources *sources, const struct schema *schema,
                           struct rule_builder *builder, struct diagnostics *diagnostics,
                           struct err_ctx *err)
{
    AUTO(writer_free) struct writer image;
    struct rule_program *program;
    writer_init(&image, IMAGE_BYTES_MAX);
    err_kind kind = rule_image_write(builder, &image, err);
    if (kind == OK)
        kind = rule_program_open(writer_span(&image), schema, &program, err);
    if (kind != OK)
        return kind;
    lint_rules(program, sources->files, sources->file_count, diagnostics);
    rule_program_close(program);
    diagnostics->mark_count = 0; /* they are of this builder's nodes */
    return OK;
}

/* Loads Sigma rules; says how many are for events that this source does not have. */
static bool sigma_make(const struct sources *sources, const struct schema *schema,
                       struct rule_builder *builder, struct diagnostics *diagnostics,
                       struct writer *notes)
{
    struct sigma_counts counts = {0};
    bool is_good = sigma_load(sources->sigma, sources->sigma_count, sources->pipelines,
                              sources->pipeline_count, schema, builder, diagnostics, &counts);
    if (counts.other_source)
        writer_format(notes,
                      "note: %zu of %zu Sigma rules are for other logsources than those of source "
                      "'%s': left out\n",
                      counts.other_source, counts.other_source + counts.rules, schema->source);
    return is_good;
}

/* Where there are no events, any name is a field of a Sigma rule. */
static err_kind sigma_check(const struct sources *sources, uint32_t stages,
                            struct diagnostics *diagnostics, struct writer *notes,
                            bool *ret_is_good, struct err_ctx *err)
{
    struct rule_builder *builder;
    err_kind kind = rule_builder_open(&json_schema, &builder, err);
    if (kind != OK)
        return kind;
    rule_builder_stages(builder, stages);
    *ret_is_good = sigma_make(sources, &json_schema, builder, diagnostics, notes);
    if (*ret_is_good && diagnostics->is_strict)
        kind = rules_lint(sources, &json_schema, builder, diagnostics, err);
    rule_builder_close(builder);
    return kind;
}

static err_kind image_make(const struct sources *sources, const struct compile_options *options,
                           struct diagnostics *diagnostics, struct writer *notes,
                           struct writer *image, struct err_ctx *err)
{
    const struct schema *schema = options->is_json ? &json_schema : &kernel_schema;
    struct rule_builder *builder;
    bool is_sigma_good = true;
    err_kind kind = rule_builder_open(schema, &builder, err);
    if (kind != OK)
        return kind;
    rule_builder_stages(builder, options->stages);
    bool is_good = falco_load(sources->falco, sources->falco_count, schema, builder, diagnostics);
    if (!options->is_check)
        is_good &= sigma_make(sources, schema, builder, diagnostics, notes);
    if (is_good && diagnostics->is_strict)
        kind = rules_lint(sources, schema, builder, diagnostics, err);
    if (kind == OK && options->is_check)
        kind = sigma_check(sources, options->stages, diagnostics, notes, &is_sigma_good, err);
    if (kind == OK && is_good && is_sigma_good)
        kind = rule_image_write(builder, image, err);
    rule_builder_close(builder);
    return kind;
}

static err_kind rules_make(const struct compile_options *options, span bundle,
                           struct diagnostics *diagnostics, struct writer *notes,
                           struct writer *image, struct compile_result *result, struct err_ctx *err)
{
    struct sources sources = {0};
    arena_init(&sources.arena, STRATEGY_BYTES_MAX);
    err_kind kind = sources_read(bundle, options->pipeline_count, &sources, diagnostics, err);
    if (kind == OK && !sources.falco_count && !sources.sigma_count)
        writer_text(notes, "note: no rule file (*.yml, *.yaml) was found: nothing can match\n");
    if (kind == OK)
        kind = image_make(&sources, options, diagnostics, notes, image, err);
    result->falco_files = (uint32_t)sources.falco_count;
    result->sigma_files = (uint32_t)sources.sigma_count;
    sources_free(&sources);
    return kind;
}

/* ---- pipelines ---- */

static err_kind pipelines_make(span bundle, struct diagnostics *diagnostics, struct writer *out,
                               struct err_ctx *err)
{
    for (;;) {
        span name, content;
        bool is_end;
        err_kind kind = bundle_next(&bundle, &name, &content, &is_end, err);
        if (kind != OK || is_end)
            return kind;
        if (!span_ends(name, SPAN(".md")))
            declare_read(name, content, diagnostics, out);
    }
}

/* What was made, unless it has errors, and what was wrong. */
static err_kind answer(struct ipc_channel *parent, const struct ipc_message *question, span bundle,
                       struct err_ctx *err)
{
    struct compile_options options = {0};
    struct compile_result result = {0};
    struct diagnostics diagnostics;
    struct writer image, text;
    int fds[2] = {-1, -1};
    if (question->body.len != (question->type == MESSAGE_COMPILE ? sizeof options : 0))
        return err_set(err, ERR_STATE, "a question of another version");
    memcpy(&options, question->body.data, question->body.len);
    diagnostics_init(&diagnostics, DIAGNOSTICS_MAX);
    diagnostics.is_strict = options.is_strict;
    writer_init(&image, IMAGE_BYTES_MAX);
    writer_init(&text, DIAGNOSTICS_BYTES);
    err_kind kind =
        question->type == MESSAGE_COMPILE
            ? rules_make(&options, bundle, &diagnostics, &text, &image, &result, err)
        : question->type == MESSAGE_SINKS ? documents_make_sinks(bundle, &diagnostics, &image, err)
        : question->type == MESSAGE_DECLARE ? pipelines_make(bundle, &diagnostics, &image, err)
                                            : documents_make(bundle, &diagnostics, &image, err);
    result.note_bytes = (uint32_t)text.len;
    diagnostics_write(&diagnostics, &text);
    if (kind == OK)
        kind = memfd_seal("picket-diagnostics", writer_span(&text), &fds[0], err);
    bool has_image = kind == OK && diagnostics.error_count == 0;
    if (has_image)
        kind = memfd_seal("picket-image", writer_span(&image), &fds[1], err);
    result.error_count = (uint32_t)diagnostics.error_count;
    result.warning_count = (uint32_t)diagnostics.warning_count;
    result.has_image = has_image;
    if (kind == OK)
        ipc_send(parent, MESSAGE_COMPILED, span_of(&result, sizeof result), fds, has_image ? 2 : 1,
                 true);
    for (size_t index = 0; index < 2; index++)
        if (fds[index] >= 0)
            close(fds[index]);
    writer_free(&image);
    writer_free(&text);
    diagnostics_free(&diagnostics);
    return kind;
}

/* ---- configuration ---- */

static void pair_put(struct writer *out, span name, span value)
{
    writer_put(out, name);
    writer_byte(out, 0);
    writer_put(out, value);
    writer_byte(out, 0);
}

/* Pairs are told apart by NUL: a text that holds one is refused. */
static void option_put(const struct yaml_file *file, const struct yaml_node *key,
                       const struct yaml_node *value, struct diagnostics *diagnostics,
                       struct writer *out)
{
    struct position at = yaml_position(file, value);
    if (memchr(key->text.data, 0, key->text.len) || memchr(value->text.data, 0, value->text.len))
        diagnostics_error(diagnostics, &at, NULL, "a NUL byte in an option");
    else
        pair_put(out, key->text, value->text);
}

static void option_read(const struct yaml_file *file, const struct yaml_node *key,
                        struct diagnostics *diagnostics, struct writer *out)
{
    const struct yaml_node *value = key->value;
    struct position at = yaml_position(file, value);
    if (value->kind == YAML_SCALAR) {
        option_put(file, key, value, diagnostics, out);
        return;
    }
    if (value->kind == YAML_MAPPING) {
        diagnostics_error(diagnostics, &at, NULL, "expected a value or a list, found a mapping");
        return;
    }
    for (const struct yaml_node *item = value->first; item; item = item->next) {
        struct position item_at = yaml_position(file, item);
        if (item->kind == YAML_SCALAR)
            option_put(file, key, item, diagnostics, out);
        else
            diagnostics_error(diagnostics, &item_at, NULL, "expected a value");
    }
}

static void config_read(const struct yaml_file *file, struct diagnostics *diagnostics,
                        struct writer *out)
{
    if (file->document_count == 0)
        return; /* an empty file sets nothing */
    const struct yaml_node *root = file->documents[0];
    if (root->kind != YAML_MAPPING || file->document_count > 1) {
        struct position at = yaml_position(file, root);
        diagnostics_error(diagnostics, &at, NULL, "expected one mapping of option names");
        return;
    }
    for (const struct yaml_node *key = root->first; key; key = key->next)
        option_read(file, key, diagnostics, out);
}

static err_kind answer_config(struct ipc_channel *parent, span bundle, struct err_ctx *err)
{
    span name, content;
    bool is_end;
    struct yaml_file file;
    struct diagnostics diagnostics;
    struct writer pairs, text;
    err_kind kind = bundle_next(&bundle, &name, &content, &is_end, err);
    if (kind != OK || is_end)
        return kind == OK ? err_set(err, ERR_STATE, "no file to read") : kind;
    diagnostics_init(&diagnostics, DIAGNOSTICS_MAX);
    writer_init(&pairs, IPC_BODY_BYTES_MAX);
    writer_init(&text, IPC_BODY_BYTES_MAX);
    if (yaml_open(&file, name, content, &diagnostics))
        config_read(&file, &diagnostics, &pairs);
    yaml_close(&file);
    diagnostics_write(&diagnostics, &text);
    bool is_good = diagnostics.error_count == 0 && !pairs.is_full;
    ipc_send(parent, is_good ? MESSAGE_CONFIGURED : MESSAGE_REFUSED,
             is_good ? writer_span(&pairs) : writer_span(&text), NULL, 0, true);
    writer_free(&pairs);
    writer_free(&text);
    diagnostics_free(&diagnostics);
    return OK;
}

int compiler_run(struct ipc_channel *parent)
{
    struct err_ctx err;
    struct ipc_message message;
    span bundle = {NULL, 0};
    err_kind kind = role_confine(ROLE_COMPILER, -1, &err);
    if (kind == OK && ipc_receive(parent, -1, &message) != IPC_DONE)
        kind = err_set(&err, ERR_STATE, "no question came");
    if (kind == OK)
        kind = bundle_map(message.fd_count ? message.fds[0] : -1, &bundle, &err);
    if (kind == OK && (message.type == MESSAGE_COMPILE || message.type == MESSAGE_DOCUMENTS ||
                       message.type == MESSAGE_SINKS || message.type == MESSAGE_DECLARE))
        kind = answer(parent, &message, bundle, &err);
    if (kind == OK && message.type == MESSAGE_CONFIG)
        kind = answer_config(parent, bundle, &err);
    if (kind != OK)
        log_event(LOG_ERROR, "compiler_ended", "reason='%s'", err.text);
    return kind == OK ? 0 : 1;
}
