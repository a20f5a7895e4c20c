#include <string.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/random.h>

#include "core/clock.h"
#include "stage/detect_state.h"

#define WORLD_BYTES_MAX  (64u << 20)
#define ENTITY_NAMES_MAX (64u << 10)

/* ---- facts: what fields ask for beyond the records ---- */

static const struct container_info *fact_container(void *context, const struct container_key *key,
                                                   int32_t pid, uint64_t start_boot_ns,
                                                   uint64_t now_boot_ns)
{
    struct detect *detect = context;
    const struct container_info *info;
    enum container_state state =
        container_lookup(detect->containers, key, pid, start_boot_ns, now_boot_ns, &info);
    /* a group two levels deep may be anybody's: a container only where a runtime's files say so */
    return key->is_type_sure || state == CONTAINER_FOUND ? info : NULL;
}

static bool fact_user_name(void *context, const struct user_scope *scope, uint32_t uid, span *ret)
{
    return user_name(((struct detect *)context)->users, scope, uid, ret);
}

static bool fact_group_name(void *context, const struct user_scope *scope, uint32_t gid, span *ret)
{
    return group_name(((struct detect *)context)->users, scope, gid, ret);
}

static bool fact_user_home(void *context, const struct user_scope *scope, uint32_t uid, span *ret)
{
    return user_home(((struct detect *)context)->users, scope, uid, ret);
}

static bool fact_user_shell(void *context, const struct user_scope *scope, uint32_t uid, span *ret)
{
    return user_shell(((struct detect *)context)->users, scope, uid, ret);
}

/* ---- life ---- */

void detect_clock(struct detect *detect, uint64_t boot_to_wall_ns, const char *hostname)
{
    struct kernel_facts facts = {.context = detect,
                                 .container = fact_container,
                                 .user_name = fact_user_name,
                                 .group_name = fact_group_name,
                                 .user_home = fact_user_home,
                                 .user_shell = fact_user_shell};
    snprintf(detect->hostname, sizeof detect->hostname, "%s", hostname);
    kernel_decoder_init(&detect->decoder, detect->processes, &facts, boot_to_wall_ns,
                        span_str(detect->hostname));
}

static int open_nothing(void *context, const struct open_request *request)
{
    (void)context;
    (void)request;
    return -1;
}

err_kind detect_open(const struct detect_options *options, struct detect **ret, struct err_ctx *err)
{
    struct detect *detect = calloc(1, sizeof *detect);
    uint64_t seed = 0;
    if (!detect || getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        free(detect);
        return err_set(err, ERR_SYSTEM, "detect stage");
    }
    detect->options = *options;
    writer_init(&detect->part, WORLD_BYTES_MAX);
    writer_init(&detect->entity_names, ENTITY_NAMES_MAX);
    struct container_options containers = {.open = options->open ? options->open : open_nothing,
                                           .context = options->context,
                                           .seed = seed};
    struct process_options processes = {.seed = seed};
    err_kind kind = process_table_open(&processes, &detect->processes, err);
    if (kind == OK)
        kind = container_cache_open(&containers, &detect->containers, err);
    if (kind == OK)
        kind = user_cache_open(&containers, &detect->users, err);
    if (kind == OK)
        kind = flat_decoder_open(&detect->flat, err);
    if (kind != OK) {
        detect_close(detect);
        return kind;
    }
    detect_clock(detect, clock_wall_ns() - clock_boot_ns(), options->hostname);
    *ret = detect;
    return OK;
}

static void program_close(struct detect *detect)
{
    if (detect->json)
        detect->counts.undecided += json_over_limit(detect->json);
    event_close(&detect->event);
    event_close(&detect->line_event);
    json_decoder_close(detect->json);
    detect->json = NULL;
    signal_renderer_close(detect->renderer);
    detect->renderer = NULL;
    rule_program_close(detect->program);
    if (detect->image.data)
        munmap((void *)(uintptr_t)detect->image.data, detect->image.len);
    detect->program = NULL;
    detect->image = (span){NULL, 0};
}

void detect_close(struct detect *detect)
{
    if (!detect)
        return;
    program_close(detect);
    flat_decoder_close(detect->flat);
    user_cache_close(detect->users);
    container_cache_close(detect->containers);
    process_table_close(detect->processes);
    writer_free(&detect->part);
    writer_free(&detect->entity_names);
    free(detect);
}

static err_kind image_map(int fd, span *ret, struct err_ctx *err)
{
    off_t size = lseek(fd, 0, SEEK_END); /* a role without files may not fstat */
    void *data = size > 0 ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (data == MAP_FAILED)
        return err_set(err, ERR_SYSTEM, "rule image");
    *ret = span_of(data, (size_t)size);
    return OK;
}

static err_kind line_event_open(struct detect *detect, const struct projection *projection,
                                struct json_decoder **ret_json, struct event *ret,
                                struct err_ctx *err)
{
    if (!detect->options.source)
        return event_open(ret, projection, flat_fetch, detect->flat, err);
    err_kind kind = json_decoder_open(projection, ret_json, err);
    if (kind == OK)
        kind = event_open(ret, projection, json_fetch, *ret_json, err);
    if (kind == OK) {
        json_decoder_time(*ret_json, &detect->options.time);
        ret->raw = json_raw(*ret_json);
        ret->raw_traits = json_raw_traits(*ret_json);
    }
    return kind;
}

err_kind detect_rules(struct detect *detect, int image_fd, struct err_ctx *err)
{
    span image;
    const struct schema *schema = detect->options.source ? &json_schema : &kernel_schema;
    struct rule_program *program = NULL;
    struct signal_renderer *renderer = NULL;
    struct json_decoder *json = NULL;
    struct event event = {0}, line_event = {0};
    err_kind kind = image_map(image_fd, &image, err);
    if (kind != OK)
        return kind;
    kind = rule_program_open(image, schema, &program, err);
    if (kind == OK && !detect->options.source)
        kind = event_open(&event, rule_program_projection(program), kernel_fetch, &detect->decoder,
                          err);
    if (kind == OK)
        kind = line_event_open(detect, rule_program_projection(program), &json, &line_event, err);
    if (kind == OK)
        kind = signal_renderer_open(program, &renderer, err);
    if (kind != OK) {
        event_close(&event);
        event_close(&line_event);
        json_decoder_close(json);
        rule_program_close(program);
        munmap((void *)(uintptr_t)image.data, image.len);
        return kind;
    }
    program_close(detect);
    detect->image = image;
    detect->program = program;
    detect->renderer = renderer;
    detect->json = json;
    detect->event = event;
    detect->line_event = line_event;
    return OK;
}

struct rule_program *detect_program(const struct detect *detect)
{
    return detect->program;
}

struct detect_counts detect_counts(const struct detect *detect)
{
    struct detect_counts counts = detect->counts;
    if (detect->json)
        counts.undecided += json_over_limit(detect->json);
    return counts;
}

/* ---- events ---- */

static void match(struct detect *detect, struct event *event, const uint32_t **ret_matches,
                  size_t *ret_count)
{
    uint32_t undecided = 0;
    event_begin(event);
    size_t count =
        rule_program_match(detect->program, event, detect->matches, MATCHES_MAX, &undecided);
    detect->counts.undecided += undecided;
    if (count > MATCHES_MAX) {
        detect->counts.over_matches += count - MATCHES_MAX;
        count = MATCHES_MAX;
    }
    *ret_matches = detect->matches;
    *ret_count = count;
}

/* A runtime's daemon, run by root on the host, tells by its command line where its files lie. */
static void daemon_look(struct detect *detect)
{
    const struct process *process = detect->decoder.process;
    uint16_t type = detect->decoder.record.head.type;
    struct container_key key;
    bool has_program = type == EVENT_EXECVE || type == EVENT_EXECVEAT || type == EVENT_TASK;
    if (!has_program || !process || process->uid != 0 ||
        (process_container(detect->processes, process, &key) && key.is_type_sure))
        return;
    container_daemon_seen(detect->containers, process_text(detect->processes, process->exe_path),
                          process_text(detect->processes, process->argv),
                          process_text(detect->processes, process->cwd));
}

/* A container that lives for 50 ms is read when its control group is made, before its first
 * program: later its runtime's files may be gone. */
static void container_look(struct detect *detect)
{
    const struct record *record = &detect->decoder.record;
    struct container_key key;
    const struct container_info *info;
    if (record->head.type == EVENT_CGROUP_MKDIR && record->params[PARAM_PATH].data &&
        container_from_cgroup(record->params[PARAM_PATH], &key))
        container_lookup(detect->containers, &key, 0, 0, record->head.time_boot_ns, &info);
    const struct process *process = detect->decoder.process;
    bool is_entry = record->head.type == EVENT_EXECVE || record->head.type == EVENT_CGROUP_ATTACH;
    if (is_entry && process && process_container(detect->processes, process, &key))
        container_lookup(detect->containers, &key, process->pid, process->start_boot_ns,
                         record->head.time_boot_ns, &info);
}

err_kind detect_record(struct detect *detect, span record, uint64_t number,
                       const uint32_t **ret_matches, size_t *ret_count, struct err_ctx *err)
{
    *ret_count = 0;
    detect->is_line = false;
    detect->number = number;
    detect->position = (span){NULL, 0};
    err_kind kind = kernel_decode(&detect->decoder, record, number, err);
    if (kind != OK)
        return kind;
    daemon_look(detect);
    container_look(detect);
    if (detect->program && kernel_is_event(&detect->decoder))
        match(detect, &detect->event, ret_matches, ret_count);
    return OK;
}

/* Lines with flat keys are read by another parser, whose words for errors differ. */
static err_kind flat_run(struct detect *detect, span line, size_t *ret_fault_at,
                         struct err_ctx *err)
{
    struct json_fault fault = {0};
    err_kind kind = flat_decode(detect->flat, line, detect->number, err);
    if (kind != OK && !json_check(line, &fault))
        kind = err_set(err, ERR_INPUT, "%s", fault.reason);
    *ret_fault_at = fault.at;
    return kind;
}

static err_kind json_run(struct detect *detect, span line, bool is_padded, size_t *ret_fault_at,
                         struct err_ctx *err)
{
    struct json_fault fault;
    const struct logsource *given = &detect->options.logsource;
    bool is_given = logsource_is_said(given);
    if (!detect->json)
        return err_set(err, ERR_STATE, "no rules");
    if (is_padded ? !json_decode_padded(detect->json, line, &fault)
                  : !json_decode(detect->json, line, &fault)) {
        *ret_fault_at = fault.at;
        return err_set(err, ERR_INPUT, "%s", fault.reason);
    }
    detect->line_event.logsource = is_given ? given : json_logsource(detect->json);
    return OK;
}

static err_kind line_run(struct detect *detect, span line, bool is_padded, uint64_t number,
                         const uint32_t **ret_matches, size_t *ret_count, size_t *ret_fault_at,
                         struct err_ctx *err)
{
    *ret_count = 0;
    *ret_fault_at = 0;
    detect->is_line = true;
    detect->number = number;
    detect->position = (span){NULL, 0};
    err_kind kind = detect->options.source ? json_run(detect, line, is_padded, ret_fault_at, err)
                                           : flat_run(detect, line, ret_fault_at, err);
    if (kind == OK && detect->program)
        match(detect, &detect->line_event, ret_matches, ret_count);
    return kind;
}

err_kind detect_line(struct detect *detect, span line, uint64_t number,
                     const uint32_t **ret_matches, size_t *ret_count, size_t *ret_fault_at,
                     struct err_ctx *err)
{
    return line_run(detect, line, false, number, ret_matches, ret_count, ret_fault_at, err);
}

err_kind detect_padded_line(struct detect *detect, span line, uint64_t number,
                            const uint32_t **ret_matches, size_t *ret_count, size_t *ret_fault_at,
                            struct err_ctx *err)
{
    return line_run(detect, line, true, number, ret_matches, ret_count, ret_fault_at, err);
}

void detect_position(struct detect *detect, span position)
{
    detect->position = position;
}

void detect_explain(struct detect *detect, uint32_t rule, struct writer *out)
{
    struct event *event = detect->is_line ? &detect->line_event : &detect->event;
    rule_explain_event(detect->program, rule, event, out);
}
