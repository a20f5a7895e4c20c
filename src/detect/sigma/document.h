/* Reading documents. Private to sigma. */
#pragma once

#include "sigma/compile.h"

/* A text under a key; data NULL: none. False: something else, and reported. */
bool document_text(struct compile *compile, const struct document *document, const char *key,
                   span *ret);
/* One of count words; *ret is count when the key is missing. */
bool document_word(struct compile *compile, const struct document *document, const char *key,
                   const char *const *words, size_t count, size_t *ret);
/* A list of texts, or a single one. */
bool document_texts(struct compile *compile, const struct document *document,
                    const struct yaml_node *node, const char *key, struct arena *arena, span **ret,
                    size_t *ret_count);
/* Every part that whole names is equal in part. */
bool logsource_contains(const struct logsource *whole, const struct logsource *part);
/* By id or name; NULL: none. */
struct document *document_find(const struct compile *compile, span reference);
