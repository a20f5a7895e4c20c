/* YAML documents as trees whose nodes know where they stand, and the errors and warnings that front
 * ends report about them. Scalars stay text: what `yes` or `0777` mean is for the reader to say.
 *
 * All input is hostile: bytes, nodes (aliases are expanded and count), depth and length of scalars
 * are limited; only UTF-8 is read; a mapping with two equal keys is an error. Tags say nothing
 * here. A merge key (`<<: *base`, YAML 1.1) puts in what the mapping lacks. Runs in the compiler
 * role. */
#pragma once

#include "core/arena.h"
#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"

#define YAML_BYTES_MAX  ((size_t)8 << 20)
#define YAML_NODES_MAX  500000u
#define YAML_DEPTH_MAX  64u
#define YAML_SCALAR_MAX ((size_t)1 << 20)

/* ---- diagnostics ---- */

struct position {
    span file;
    uint32_t line;   /* from 1; 0: the file as a whole */
    uint32_t column; /* characters, from 1 */
};

struct diagnostic {
    struct position at;
    bool is_error;
    span text;
    span hint; /* what was meant; data NULL: none */
};

/* Where a front end read what it made a number of (a node of the rules' logic), so that what is
 * found out later can say where. */
struct mark {
    uint32_t number;
    struct position at;
};

struct diagnostics {
    struct arena arena;
    struct diagnostic *items;
    size_t count, size;
    size_t error_count; /* all that were reported, kept or not */
    size_t warning_count;
    size_t count_max; /* to keep */
    bool is_strict;   /* asks front ends for marks, and for warnings that only an author wants */
    struct mark *marks;
    size_t mark_count, marks_size;
};

void diagnostics_init(struct diagnostics *diagnostics, size_t count_max);
void diagnostics_free(struct diagnostics *diagnostics);
/* hint: the name that was probably meant, or NULL. */
__attribute__((format(printf, 4, 5))) void diagnostics_error(struct diagnostics *diagnostics,
                                                             const struct position *at,
                                                             const char *hint, const char *format,
                                                             ...);
__attribute__((format(printf, 3, 4))) void diagnostics_warning(struct diagnostics *diagnostics,
                                                               const struct position *at,
                                                               const char *format, ...);
/* A warning with the name that was probably meant, or NULL. */
__attribute__((format(printf, 4, 5))) void diagnostics_warning_hint(struct diagnostics *diagnostics,
                                                                    const struct position *at,
                                                                    const char *hint,
                                                                    const char *format, ...);
/* Lines `file:line:col: error: text; did you mean 'hint'?`, in the order they were reported. */
void diagnostics_write(const struct diagnostics *diagnostics, struct writer *out);

/* Nothing unless is_strict. */
void diagnostics_mark(struct diagnostics *diagnostics, uint32_t number, const struct position *at);
/* The mark of that number in the file of `near` that stands next behind it, else any, or NULL.
 * O(marks). */
const struct position *diagnostics_marked(const struct diagnostics *diagnostics, uint32_t number,
                                          const struct position *near);

/* ---- documents ---- */

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };
enum yaml_style { YAML_PLAIN, YAML_SINGLE, YAML_DOUBLE, YAML_LITERAL, YAML_FOLDED };

struct yaml_node {
    enum yaml_kind kind;
    enum yaml_style style;   /* of a scalar */
    uint32_t line, column;   /* from 1 */
    span text;               /* scalar; ends with a NUL that is not counted */
    struct yaml_node *first; /* sequence: items; mapping: keys */
    struct yaml_node *last;
    struct yaml_node *next;  /* sibling */
    struct yaml_node *value; /* of a key */
    size_t count;
};

struct yaml_file {
    span name;
    span bytes; /* borrowed */
    struct arena arena;
    struct yaml_node **documents;
    size_t document_count, documents_size;
    /* Where every YAML_LINES_A_MARK-th line begins, so that a place is found without reading the
     * file from its start; NULL: not known. */
    uint32_t *line_marks;
    size_t line_mark_count;
};
#define YAML_LINES_A_MARK 16

/* Reads all documents. The bytes and the name are borrowed until yaml_close. False when something
 * was wrong, which is in the diagnostics; documents before it are there. */
bool yaml_open(struct yaml_file *file, span name, span bytes, struct diagnostics *diagnostics);
void yaml_close(struct yaml_file *file);

/* The key's value in a mapping, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key);
/* A plain scalar that says nothing: empty, ~ or null. */
bool yaml_is_null(const struct yaml_node *node);
struct position yaml_position(const struct yaml_file *file, const struct yaml_node *node);
/* Where byte `offset` of a scalar's text stands in the file: right for every style, through folding
 * and escapes. Linear in the scalar. */
struct position yaml_position_in(const struct yaml_file *file, const struct yaml_node *scalar,
                                 size_t offset);
