/* One pipeline in this process: each type of source by the module that serves it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "core/cleanup.h"
#include "fleet/pipelines.h"
#include "ingest/ingest.h"
#include "source/source.h"
#include "worker/worker.h"

#define STORE_BYTES_DEFAULT (1ull << 30)
#define BODY_BYTES_MAX      (8ull << 20)
#define COMMIT_NS           100000000ull

static int compile(void *context, int *ret_image_fd)
{
    return fleet_compile(context, ret_image_fd);
}

static void *borrowed(const struct declare_pipeline *pipeline)
{
    return (void *)(uintptr_t)pipeline;
}

static int serve_ingest(const struct declare_pipeline *pipeline, const struct pipeline_place *place,
                        const char *folder, int image_fd)
{
    static const enum feed_kind kinds[DECLARE_TYPES] = {[DECLARE_FILE] = FEED_FILES,
                                                        [DECLARE_STDIN] = FEED_STDIN,
                                                        [DECLARE_JOURNAL] = FEED_JOURNAL};
    const struct source *source = source_find(span_str(pipeline->decoder));
    const struct declare_list *patterns =
        pipeline->type == DECLARE_FILE ? &pipeline->paths : &pipeline->units;
    const struct ingest_feed feed = {.kind = kinds[pipeline->type],
                                     .patterns = patterns->items,
                                     .pattern_count = patterns->count,
                                     .line_bytes_max = pipeline->line_bytes,
                                     .files_max = pipeline->files_max,
                                     .is_document = pipeline->type == DECLARE_FILE && source &&
                                                    source->framing == SOURCE_DOCUMENT};
    char sinks[PATH_MAX], store[DECLARE_NAME_MAX + sizeof PIPELINES_FOLDER + 1];
    snprintf(sinks, sizeof sinks, "%s/sinks", place->state); /* shorter than `folder`, which fits */
    snprintf(store, sizeof store, "%s/%s", PIPELINES_FOLDER, pipeline->name);
    return ingest_run(&(struct ingest_options){
        .name = pipeline->name,
        .source = pipeline->decoder,
        .feed = feed.kind == FEED_NONE ? NULL : &feed,
        .syslog = pipeline->addresses.items,
        .syslog_count = pipeline->addresses.count,
        .silence_ns = pipeline->silence_ns,
        .listen = pipeline->listen,
        .token_file = pipeline->token_file,
        .tls_cert = pipeline->tls_cert,
        .tls_key = pipeline->tls_key,
        .client_ca = pipeline->client_ca,
        .state_dir = folder,
        .logsource = pipeline->logsource,
        .is_text = place->is_text,
        .store_bytes_max = pipeline->store_bytes ? pipeline->store_bytes : STORE_BYTES_DEFAULT,
        .retention_ns = pipeline->age_ns,
        .sinks_dir = sinks,
        .store_name = store,
        .body_bytes_max = BODY_BYTES_MAX,
        .period_ns = place->period_ns,
        .image_fd = image_fd,
        .compile = compile,
        .context = borrowed(pipeline),
    });
}

static int serve_kafka(const struct declare_pipeline *pipeline, const struct pipeline_place *place,
                       const char *folder, int image_fd)
{
    char dlq[256], group[128];
    AUTO(auto_close) int state_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (state_fd < 0) {
        fprintf(stderr, "picket: state folder '%s': %s\n", folder, strerror(errno));
        close(image_fd);
        return EXIT_WRONG;
    }
    snprintf(dlq, sizeof dlq, "%s.dlq", pipeline->output);
    snprintf(group, sizeof group, "picket-%s", pipeline->name);
    return worker_run(&(struct worker_options){
        .brokers = pipeline->brokers,
        .group = pipeline->group ? pipeline->group : group,
        .source = pipeline->decoder,
        .input = pipeline->topic,
        .output = pipeline->output,
        .dlq = pipeline->dlq ? pipeline->dlq : dlq,
        .properties = pipeline->properties.items,
        .property_count = pipeline->properties.count,
        .logsource = pipeline->logsource,
        .partitions = pipeline->partitions,
        .is_at_least_once =
            pipeline->guarantee && strcmp(pipeline->guarantee, "at-least-once") == 0,
        .commit_ns = COMMIT_NS,
        .period_ns = place->period_ns,
        .jobs = 1,
        .state_fd = state_fd,
        .image_fd = image_fd,
        .compile = compile,
        .context = borrowed(pipeline),
    });
}

int fleet_serve(const struct declare_pipeline *pipeline, const struct pipeline_place *place)
{
    char folder[PATH_MAX];
    struct err_ctx err;
    int image_fd, folder_fd;
    int len =
        snprintf(folder, sizeof folder, "%s/%s/%s", place->state, PIPELINES_FOLDER, pipeline->name);
    if (len >= (int)sizeof folder) {
        fprintf(stderr, "picket: --state: the path is too long\n");
        return EXIT_USAGE;
    }
    if (folder_open(folder, &folder_fd, &err) != OK)
        return cli_fail(&err);
    close(folder_fd);
    int code = fleet_compile(pipeline, &image_fd);
    if (code != EXIT_DONE)
        return code;
    return pipeline->type == DECLARE_KAFKA ? serve_kafka(pipeline, place, folder, image_fd)
                                           : serve_ingest(pipeline, place, folder, image_fd);
}
