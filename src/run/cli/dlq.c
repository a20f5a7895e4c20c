/* Dead letters: looked through, shown, given back to where they came from. */
#include "dlq/dlq.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "signal/signal.h"

struct dlq_words {
    const char *brokers;
    const char *dlq;
    struct option_list kafka;
    const char *state;
    const char *reason;
    const char *source;
    const char *position;
    const char *to;
    const char *output;
};

static const struct option_desc rows[] = {
    {"brokers", OPTION_TEXT, offsetof(struct dlq_words, brokers), NULL, "HOST:PORT,...",
     "letters of a Kafka topic: where the cluster is met first"},
    {"dlq", OPTION_TEXT, offsetof(struct dlq_words, dlq), NULL, "TOPIC", "that topic"},
    {"kafka", OPTION_LIST, offsetof(struct dlq_words, kafka), NULL, "NAME=VALUE",
     "property of librdkafka: security.protocol=ssl, sasl.username=..."},
    {"state", OPTION_TEXT, offsetof(struct dlq_words, state), NULL, "DIR",
     "letters of this machine: the state folder of run, ingest or a pipeline"},
    {"reason", OPTION_TEXT, offsetof(struct dlq_words, reason), NULL, "TEXT",
     "only letters whose reason holds this"},
    {"source", OPTION_TEXT, offsetof(struct dlq_words, source), NULL, "NAME",
     "only letters of this source"},
    {"position", OPTION_TEXT, offsetof(struct dlq_words, position), NULL, "TEXT",
     "only letters whose position begins so: app/3@"},
    {"to", OPTION_TEXT, offsetof(struct dlq_words, to), NULL, "TOPIC",
     "replay into this topic, not into the one that the record came from"},
    {"output", OPTION_CHOICE, offsetof(struct dlq_words, output), "text", "text|json", "form"},
};

static const struct option_table table = {
    .command = "dlq",
    .usage = "list|show ID|replay [ID] (--brokers HOST:PORT --dlq TOPIC | --state DIR) [options]",
    .summary =
        "Dead letters: records that no rule could look at. list shows them, show one of them with\n"
        "its payload, replay gives the records' own bytes back to their topic, each once: what "
        "was\n"
        "replayed is marked in the same transaction. In text, secrets of payloads are masked.",
    .examples = "  picket dlq list --brokers k1:9092 --dlq dead --reason 'expected a value'\n"
                "  picket dlq show 2@17 --brokers k1:9092 --dlq dead --output json\n"
                "  picket dlq replay --state /var/lib/picket-app --source app\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

/* ---- printing ---- */

struct printing {
    bool is_json;
    bool is_whole; /* with the payload, as text */
    uint64_t count;
    struct writer line, scratch;
};

static void json_put(struct printing *printing, const struct dlq_letter *letter)
{
    const struct dead_letter *content = &letter->content;
    writer_reset(&printing->scratch);
    dead_letter_write(&printing->scratch, (const char *)content->reason.data,
                      (const char *)content->stage.data, (const char *)content->source.data,
                      content->position, content->payload);
    writer_text(&printing->line, "{\"id\":");
    writer_json_string(&printing->line, letter->id);
    writer_format(&printing->line, ",\"replayed\":%s,", letter->is_replayed ? "true" : "false");
    writer_put(&printing->line, span_after(writer_span(&printing->scratch), 1));
    printing->line.is_full |= printing->scratch.is_full;
}

static void text_put(struct printing *printing, const struct dlq_letter *letter)
{
    const struct dead_letter *content = &letter->content;
    struct writer *line = &printing->line;
    writer_terminal(line, letter->id);
    writer_text(line, letter->is_replayed ? "  replayed  " : "  ");
    writer_terminal(line, content->source);
    writer_text(line, "  ");
    writer_terminal(line, content->position);
    writer_text(line, "  ");
    writer_terminal(line, content->stage);
    writer_text(line, ": ");
    writer_terminal(line, content->reason);
    if (!printing->is_whole)
        return;
    writer_reset(&printing->scratch);
    mask_text(&printing->scratch, content->payload);
    writer_text(line, content->payload.data ? "\n" : "\n(no payload)");
    writer_terminal(line, writer_span(&printing->scratch));
}

static err_kind letter_print(void *context, const struct dlq_letter *letter, struct err_ctx *err)
{
    struct printing *printing = context;
    writer_reset(&printing->line);
    if (printing->is_json)
        json_put(printing, letter);
    else
        text_put(printing, letter);
    writer_byte(&printing->line, '\n');
    printing->count++;
    if (printing->line.is_full)
        return err_set(err, ERR_LIMIT, "letter " PRI_SPAN " is too large", ARG_SPAN(letter->id));
    if (fwrite(printing->line.data, 1, printing->line.len, stdout) != printing->line.len)
        return err_set(err, ERR_SYSTEM, "stdout");
    return OK;
}

/* ---- the command ---- */

static int print(const struct dlq_words *words, const struct dlq_topic *topic,
                 const struct dlq_filter *filter)
{
    struct err_ctx err;
    struct printing printing = {.is_json = words->output[0] == 'j', .is_whole = filter->id};
    writer_init(&printing.line, DLQ_LETTER_BYTES_MAX);
    writer_init(&printing.scratch, DLQ_LETTER_BYTES_MAX);
    err_kind kind = words->state
                        ? dlq_local_visit(words->state, filter, letter_print, &printing, &err)
                        : dlq_topic_visit(topic, filter, letter_print, &printing, &err);
    if (kind == OK && filter->id && printing.count == 0)
        kind = err_set(&err, ERR_INPUT, "there is no letter '%s'; `picket dlq list` shows the ids",
                       filter->id);
    writer_free(&printing.line);
    writer_free(&printing.scratch);
    return kind == OK ? EXIT_DONE : cli_fail(&err);
}

static int replay(const struct dlq_words *words, const struct dlq_topic *topic,
                  const struct dlq_filter *filter)
{
    struct err_ctx err;
    struct dlq_replayed counts = {0};
    err_kind kind = words->state ? dlq_local_replay(words->state, words->to, filter, &counts, &err)
                                 : dlq_topic_replay(topic, filter, &counts, &err);
    printf(words->output[0] == 'j' ? "{\"replayed\":%llu,\"replayed_before\":%llu,\"unfit\":%llu}\n"
                                   : "replayed=%llu replayed_before=%llu unfit=%llu\n",
           (unsigned long long)counts.replayed, (unsigned long long)counts.before,
           (unsigned long long)counts.unfit);
    if (kind != OK)
        return cli_fail(&err);
    if (filter->id && counts.replayed + counts.before + counts.unfit == 0) {
        fprintf(stderr, "picket: there is no letter '%s'\n", filter->id);
        return EXIT_WRONG;
    }
    return EXIT_DONE;
}

static bool words_check(const struct dlq_words *words, const struct option_list *operands)
{
    const char *verb = operands->count ? operands->items[0] : "";
    size_t count_min = strcmp(verb, "show") == 0 ? 2 : 1;
    size_t count_max = strcmp(verb, "list") == 0 ? 1 : 2;
    if ((strcmp(verb, "list") != 0 && strcmp(verb, "show") != 0 && strcmp(verb, "replay") != 0) ||
        operands->count < count_min || operands->count > count_max) {
        fprintf(stderr, "picket: dlq: expected list, show ID or replay [ID]\n");
        return false;
    }
    if (!words->state == !words->brokers || !words->brokers != !words->dlq) {
        fprintf(stderr, "picket: dlq: expected --brokers with --dlq, or --state\n");
        return false;
    }
    if (words->to && strcmp(verb, "replay") != 0) {
        fprintf(stderr, "picket: dlq: --to is for replay\n");
        return false;
    }
    return true;
}

int cli_dlq(int argc, const char *const *argv)
{
    struct dlq_words words = {0};
    struct option_list operands = {0};
    int code;
    if (!cli_options(&table, argc, argv, &words, &operands, &code))
        return code;
    if (!words_check(&words, &operands))
        return EXIT_USAGE;
    const struct dlq_filter filter = {.id = operands.count > 1 ? operands.items[1] : NULL,
                                      .reason = words.reason,
                                      .source = words.source,
                                      .position = words.position};
    const struct dlq_topic topic = {.cluster = {.brokers = words.brokers,
                                                .properties = words.kafka.items,
                                                .property_count = words.kafka.count},
                                    .topic = words.dlq,
                                    .to = words.to};
    return operands.items[0][0] == 'r' ? replay(&words, &topic, &filter)
                                       : print(&words, &topic, &filter);
}
