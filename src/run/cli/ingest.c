#include "ingest/ingest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "core/cleanup.h"
#include "source/source.h"

#define SOURCE_BYTES_MAX 48

struct ingest_words {
    const char *config;
    const char *source;
    const char *listen;
    const char *token_file;
    const char *tls_cert;
    const char *tls_key;
    const char *client_ca;
    struct option_list syslog;
    uint64_t silence_ns;
    struct option_list rules;
    struct option_list pipelines;
    const char *logsource;
    const char *state;
    const char *output;
    bool shadow;
    uint64_t store_bytes;
    uint64_t body_bytes;
    uint64_t request_ns;
    uint64_t period_ns;
};

static const struct option_desc rows[] = {
    {"config", OPTION_TEXT, offsetof(struct ingest_words, config), NULL, "FILE",
     "options as `name: value` lines; the command line wins"},
    {"source", OPTION_TEXT, offsetof(struct ingest_words, source), "json", "NAME",
     "the name in /v1/events/NAME; a source of docs/sources.md is decoded as such, any other name "
     "is of JSON objects, one a line"},
    {"listen", OPTION_TEXT, offsetof(struct ingest_words, listen), "127.0.0.1:8088", "ADDR:PORT",
     "where HTTP is taken; port 0: any that is free; none: nowhere"},
    {"syslog", OPTION_LIST, offsetof(struct ingest_words, syslog), NULL, "URL",
     "take syslog too: tcp://ADDR:PORT, tls://ADDR:PORT, udp://ADDR:PORT or unix:///PATH"},
    {"token-file", OPTION_TEXT, offsetof(struct ingest_words, token_file), NULL, "FILE",
     "a token a line; who posts must show one of them"},
    {"tls-cert", OPTION_TEXT, offsetof(struct ingest_words, tls_cert), NULL, "FILE",
     "certificate and its chain, PEM: HTTPS"},
    {"tls-key", OPTION_TEXT, offsetof(struct ingest_words, tls_key), NULL, "FILE",
     "the certificate's key, PEM"},
    {"client-ca", OPTION_TEXT, offsetof(struct ingest_words, client_ca), NULL, "FILE",
     "issuers, PEM: who posts must have a certificate of one of them"},
    {"rules", OPTION_LIST, offsetof(struct ingest_words, rules), NULL, "PATH",
     "rule file or folder, in place of the shipped set; SIGHUP loads them anew"},
    PIPELINE_OPTION(struct ingest_words),
    {"logsource", OPTION_TEXT, offsetof(struct ingest_words, logsource), NULL, "K=V,...",
     "product, category, service of all events (else each event's own keys)"},
    {"state", OPTION_TEXT, offsetof(struct ingest_words, state), NULL, "DIR",
     "the store: events, signals, alerts, dead letters"},
    {"output", OPTION_CHOICE, offsetof(struct ingest_words, output), "text", "text|json",
     "one line a signal on stdout"},
    {"shadow", OPTION_FLAG, offsetof(struct ingest_words, shadow), NULL, NULL,
     "print the signals of rules in stage shadow too; they are kept in any case"},
    {"store-size", OPTION_SIZE, offsetof(struct ingest_words, store_bytes), "1G", NULL,
     "bound of the store; the oldest goes first, counted"},
    {"body-size", OPTION_SIZE, offsetof(struct ingest_words, body_bytes), "8M", NULL,
     "bound of one request's body, unpacked; at most 16M"},
    {"request-time", OPTION_DURATION, offsetof(struct ingest_words, request_ns), "1m", NULL,
     "for the head of a request to come, and again for its body; who is slower is cut off"},
    {"silence", OPTION_DURATION, offsetof(struct ingest_words, silence_ns), NULL, NULL,
     "a source that says nothing for so long raises a signal of its own"},
    {"for", OPTION_DURATION, offsetof(struct ingest_words, period_ns), NULL, NULL,
     "end after this time"},
};

static const struct option_table table = {
    .command = "ingest",
    .usage = "--state DIR [options]",
    .summary =
        "Takes events over HTTP: POST /v1/events/NAME with a JSON object a line. 202 is answered\n"
        "when they are on the disk; then rules run over them, and signals, dead letters and\n"
        "position are committed together. GET /metrics and /health tell how it goes. Says ready\n"
        "on stderr once it listens; SIGTERM finishes what was accepted and ends.",
    .examples = "  picket ingest --source app --listen 127.0.0.1:8088 --rules ./rules \\\n"
                "    --state ./state --output json\n"
                "  curl --data-binary @events.ndjson http://127.0.0.1:8088/v1/events/app\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

static bool source_check(const char *name)
{
    size_t len = strlen(name);
    bool is_good = len >= 1 && len < SOURCE_BYTES_MAX;
    for (size_t index = 0; index < len; index++)
        is_good &= isalnum((unsigned char)name[index]) || strchr("-_.", name[index]);
    if (!is_good)
        fprintf(stderr,
                "picket: --source '%s': expected letters, digits, '-', '_' and '.', at most %d\n",
                name, SOURCE_BYTES_MAX - 1);
    return is_good;
}

static int compile(void *context, int *ret_image_fd)
{
    const struct ingest_words *words = context;
    return cli_image(&words->rules, &words->pipelines, words->source, ret_image_fd);
}

static bool words_check(const struct ingest_words *words)
{
    if (!words->state) {
        fprintf(stderr, "picket: ingest needs --state DIR\n");
        return false;
    }
    if (words->body_bytes < 1024 || words->body_bytes > 16u << 20) {
        fprintf(stderr, "picket: --body-size: expected 1K to 16M\n");
        return false;
    }
    if (!words->tls_cert != !words->tls_key || (words->client_ca && !words->tls_cert)) {
        fprintf(stderr, "picket: --tls-cert and --tls-key go together; --client-ca needs both\n");
        return false;
    }
    return source_check(words->source);
}

int cli_ingest(int argc, const char *const *argv)
{
    struct ingest_words words = {0};
    struct logsource logsource;
    int code, image_fd;
    if (!cli_options(&table, argc, argv, &words, NULL, &code))
        return code;
    if (!words_check(&words) || !cli_logsource(words.logsource, &logsource))
        return EXIT_USAGE;
    code = compile(&words, &image_fd);
    if (code != EXIT_DONE)
        return code;
    return ingest_run(&(struct ingest_options){
        .name = words.source,
        .source = source_or_json(words.source),
        .listen = strcmp(words.listen, "none") == 0 ? NULL : words.listen,
        .syslog = words.syslog.items,
        .syslog_count = words.syslog.count,
        .silence_ns = words.silence_ns,
        .token_file = words.token_file,
        .tls_cert = words.tls_cert,
        .tls_key = words.tls_key,
        .client_ca = words.client_ca,
        .state_dir = words.state,
        .logsource = logsource,
        .is_text = strcmp(words.output, "text") == 0,
        .shows_shadow = words.shadow,
        .store_bytes_max = words.store_bytes,
        .body_bytes_max = words.body_bytes,
        .request_ns = words.request_ns,
        .period_ns = words.period_ns,
        .image_fd = image_fd,
        .compile = compile,
        .context = &words,
    });
}
