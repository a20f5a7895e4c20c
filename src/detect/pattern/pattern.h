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

/* ---- many literals at once ---- */

/* Which of many literals does a text equal, start with, end with or contain? The cost grows with
 * the text and the number of hits, not with the literals. */
struct text_index;
enum text_relation { TEXT_EQUALS, TEXT_STARTS, TEXT_ENDS, TEXT_CONTAINS };

typedef void (*text_hit)(void *context, uint32_t owner);

/* Borrows nothing; memory of its own. */
MUST_USE struct text_index *text_index_new(void);
void text_index_free(struct text_index *index);
/* The text is borrowed for good. False: out of memory. */
MUST_USE bool text_index_add(struct text_index *index, enum text_relation relation,
                             enum text_case mode, span text, uint32_t owner);
/* After the last add. */
MUST_USE bool text_index_finish(struct text_index *index);
/* Calls hit for every literal that holds, perhaps more than once for one. scratch holds the folded
 * text. */
void text_index_scan(const struct text_index *index, span text, struct arena *scratch, text_hit hit,
                     void *context);
