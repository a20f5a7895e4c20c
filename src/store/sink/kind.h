/* The kinds, and what several of them need. Private to this folder. */
#pragma once

#include "sink/sink.h"

extern const struct sink_kind sink_kind_falcosidekick;
extern const struct sink_kind sink_kind_file;
extern const struct sink_kind sink_kind_kafka;
extern const struct sink_kind sink_kind_opensearch;
extern const struct sink_kind sink_kind_otlp;
extern const struct sink_kind sink_kind_splunk_hec;
extern const struct sink_kind sink_kind_stdout;
extern const struct sink_kind sink_kind_syslog;
extern const struct sink_kind sink_kind_webhook;

/* Gives all unsent ones of these documents that verdict. */
void sink_documents_settle(struct sink_document *const *documents, size_t count,
                           enum sink_verdict verdict, const char *reason);
/* The content of a secret's file, from its start; trailing white space of a text goes.
 * ret_content is NUL-terminated behind its length. */
MUST_USE err_kind secret_read(const struct sink_file *file, struct writer *ret,
                              struct err_ctx *err);
