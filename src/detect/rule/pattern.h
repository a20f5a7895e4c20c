/* Patterns on one value: globs, regexes, path prefixes. Private to rule. */
#pragma once

#include "core/arena.h"
#include "core/map.h"
#include "rule/rule.h"

/* fnmatch(3) without flags: * ? [...] and backslash; all of them match / and a leading dot. Bytes.
 * Time is at most pattern length times text length. */
bool glob_match(span pattern, span text, bool is_caseless);

struct regex;
enum regex_answer { REGEX_NO, REGEX_YES, REGEX_UNDECIDED };

/* Does it compile? */
err_kind regex_check(span pattern, const struct rule_compare *compare, struct err_ctx *err);
MUST_USE err_kind regex_open(span pattern, const struct rule_compare *compare, struct regex **ret,
                             struct err_ctx *err);
void regex_close(struct regex *regex);
/* UNDECIDED: the match limit was hit. scratch holds a copy of a text that is not UTF-8. */
enum regex_answer regex_match(const struct regex *regex, span text, struct arena *scratch);

/* A set of paths: does one of them equal the text or name a folder above it? */
struct path_set {
    struct map exact; /* without globs, normalised ("/usr/lib") */
    span *globs;      /* normalised */
    size_t glob_count;
    bool has_root; /* "/": every path */
};
MUST_USE bool path_set_init(struct path_set *set, const struct rule_literal *literals, size_t count,
                            struct arena *arena);
void path_set_free(struct path_set *set);
/* Needs scratch only for texts with empty components. */
bool path_set_match(const struct path_set *set, span text, struct arena *scratch);
