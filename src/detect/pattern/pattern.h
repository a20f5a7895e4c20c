/* Texts against patterns: folding of case, globs, regexes, path prefixes, and many literals against
 * one text at once. Knows neither events nor rules. */
#pragma once

#include "core/arena.h"
#include "core/error.h"
#include "core/map.h"
#include "core/span.h"
#include "core/writer.h"

/* ---- case ---- */

enum text_case {
    TEXT_CASE_EXACT,
    TEXT_CASE_ASCII,
    TEXT_CASE_UNICODE, /* simple folding, Unicode 14.0 */
};

/* The code point that stands for all of those that differ from it in case only. */
uint32_t fold_code(uint32_t code, enum text_case mode);
/* Two texts are equal but for case when their folded forms are equal. EXACT gives the text itself.
 * Bytes that are not UTF-8 stay. data NULL: no room. */
span fold_text(span text, enum text_case mode, struct arena *arena);

/* ---- glob ---- */

/* `*` is any run, `?` any one character, `[...]` one of a class as in fnmatch(3), a backslash takes
 * the next character as it is; all of them match / and a newline too. A character is a code point,
 * or a byte where the text is not UTF-8. Time is at most pattern length times text length. */
bool glob_match(span pattern, span text, enum text_case mode);

/* ---- regex ---- */

struct regex;
struct regex_options {
    bool is_whole;    /* matches the whole text, ^ and $ hold at lines; else somewhere in it */
    bool is_caseless; /* by Unicode */
};
enum regex_answer { REGEX_NO, REGEX_YES, REGEX_UNDECIDED };

/* Does it compile? */
err_kind regex_check(span pattern, struct regex_options options, struct err_ctx *err);
MUST_USE err_kind regex_open(span pattern, struct regex_options options, struct regex **ret,
                             struct err_ctx *err);
void regex_close(struct regex *regex);
/* UNDECIDED: the match limit was hit. scratch holds a copy of a text that is not UTF-8. */
enum regex_answer regex_match(const struct regex *regex, span text, struct arena *scratch);

/* ---- path prefixes ---- */

/* A set of paths: does one of them equal the text or name a folder above it? */
struct path_set {
    struct map exact; /* without globs, normalised ("/usr/lib") */
    span *globs;      /* normalised */
    size_t glob_count;
    size_t glob_count_max;
    bool has_root; /* "/": every path */
};
MUST_USE bool path_set_init(struct path_set *set, size_t count_max, struct arena *arena);
/* At most count_max times; the path is borrowed. */
MUST_USE bool path_set_add(struct path_set *set, span path, struct arena *arena);
void path_set_free(struct path_set *set);
/* Needs scratch only for texts with empty components. */
bool path_set_match(const struct path_set *set, span text, struct arena *scratch);

/* ---- what a text must contain ---- */

/* A glob or a regex matches no text without one of these literals in it. */
struct factors {
    span *texts;
    size_t count; /* 0: none is known */
    bool is_caseless;
};
/* The texts are in the arena. False: no room. */
MUST_USE bool factor_of_glob(span pattern, struct arena *arena, struct factors *ret);
MUST_USE bool factor_of_regex(span pattern, bool is_caseless, struct arena *arena,
                              struct factors *ret);

/* ---- many networks at once ---- */

/* Which of many networks is an address in? A binary trie by family. */
struct networks;
typedef void (*pattern_hit)(void *context, uint32_t owner);

MUST_USE struct networks *networks_new(void);
void networks_free(struct networks *networks);
/* byte_count: 4 or 16. False: out of memory, or over a limit. */
MUST_USE bool networks_add(struct networks *networks, const uint8_t *bytes, size_t byte_count,
                           unsigned prefix_bits, uint32_t owner);
void networks_find(const struct networks *networks, const uint8_t *bytes, size_t byte_count,
                   pattern_hit hit, void *context);

/* ---- many literals at once ---- */

/* Which of many literals does a text equal, start with, end with or contain? The cost grows with
 * the text and the number of hits, not with the literals. */
struct text_index;
enum text_relation { TEXT_EQUALS, TEXT_STARTS, TEXT_ENDS, TEXT_CONTAINS };

/* Borrows nothing; memory of its own. */
MUST_USE struct text_index *text_index_new(void);
void text_index_free(struct text_index *index);
/* The text is borrowed for good. False: out of memory. */
MUST_USE bool text_index_add(struct text_index *index, enum text_relation relation,
                             enum text_case mode, span text, uint32_t owner);
enum text_engine {
    TEXT_ENGINE_BEST,   /* Vectorscan for sets that are worth it, if it passes its check */
    TEXT_ENGINE_SCALAR, /* our own search alone */
};
/* After the last add. */
MUST_USE bool text_index_finish(struct text_index *index, enum text_engine engine);
bool text_index_uses_vectorscan(const struct text_index *index);
/* Calls hit for every literal that holds, perhaps more than once for one. scratch holds the folded
 * text. False: no room for that, the answer is not whole. */
MUST_USE bool text_index_scan(struct text_index *index, span text, struct arena *scratch,
                              pattern_hit hit, void *context);

/* ---- whole records ---- */

/* Can any of some literals, but for case, be in a text of a JSON record that escapes no character
 * as \uXXXX? */
struct gate;
/* NULL: out of memory. */
MUST_USE struct gate *gate_new(void);
void gate_free(struct gate *gate);
/* The literal is borrowed. False: it cannot be told from raw bytes. */
MUST_USE bool gate_add(struct gate *gate, span literal);
/* After the last add. False: memory or the processor does not do. */
MUST_USE bool gate_finish(struct gate *gate);
/* False: surely not. has_wide: raw may have bytes over 0x7f. */
bool gate_passes(struct gate *gate, span raw, bool has_wide);

/* ---- what is known of values ---- */

/* Which predicates hold for a value, remembered: (expression, bytes) -> numbers. A bounded table of
 * pairs of slots over a ring of bytes: what is written last overwrites what is oldest, so nothing
 * is allocated and nothing freed. A value is kept when it is seen a second time: a stream of values
 * that never come again leaves the memo alone. */
#define MEMO_KEY_MAX 16384 /* bytes; longer values are looked up each time */

struct memo;

struct memo_hits {
    const uint32_t *items;
    size_t count;
};

/* ring_size: bytes, a power of two; a quarter of it is taken besides. NULL: out of memory. */
MUST_USE struct memo *memo_new(size_t ring_size);
void memo_free(struct memo *memo);
/* Before each event: what memo_get returned ends here. */
void memo_begin(struct memo *memo);
uint64_t memo_hash(uint32_t expression, span key);
/* Memory that memo_get will want, asked for early: first what it knows of the hash, then the entry
 * itself. */
void memo_expect(const struct memo *memo, uint64_t hash);
void memo_expect_entry(const struct memo *memo, uint64_t hash);
/* What was put for this key; false: not known. *ret_wants: memo_put is worth its while. */
MUST_USE bool memo_get(struct memo *memo, uint64_t hash, uint32_t expression, span key,
                       struct memo_hits *ret, bool *ret_wants);
void memo_put(struct memo *memo, uint64_t hash, uint32_t expression, span key,
              struct memo_hits hits);
