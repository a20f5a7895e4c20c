/* Many literals against one text at once: which of them does it equal, start with, end with or
 * contain? The cost grows with the text and the number of hits, not with the literals.
 *
 *   equal     a hash of the text
 *   starts    a hash of its first n bytes for each length n that occurs; ends likewise
 *   contains  each literal hangs at its rarest 4 bytes; a bitmap of those grams turns away nearly
 *             every position of the text, a hash finds the literals of the others, each compared in
 *             full. Literals under 4 bytes are looked for one by one.
 *
 * Case is folded (ASCII) by folding the text once and keeping folded literals apart. Private to
 * rule. */
#pragma once

#include "core/arena.h"
#include "core/map.h"
#include "rule/rule.h"

struct text_index;

typedef void (*text_hit)(void *context, uint32_t owner);

/* Borrows nothing; memory of its own. */
MUST_USE struct text_index *text_index_new(void);
void text_index_free(struct text_index *index);
/* op: EQUAL, STARTS, ENDS or CONTAINS. The text is borrowed for good. False: out of memory. */
MUST_USE bool text_index_add(struct text_index *index, enum rule_operator op,
                             enum rule_case case_mode, span text, uint32_t owner);
/* After the last add. */
MUST_USE bool text_index_finish(struct text_index *index);
/* Calls hit for every literal that holds, perhaps more than once for one. scratch holds the folded
 * text. */
void text_index_scan(const struct text_index *index, span text, struct arena *scratch, text_hit hit,
                     void *context);
