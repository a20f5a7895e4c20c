/* Errors as values: a kind for the program, a text of causes (outermost first) for people.
 * Functions that can fail return err_kind and take a struct err_ctx * last. The place that detects
 * calls err_set, each layer that knows more err_wrap; the role's loop logs once. Nobody matches on
 * the text. */
#pragma once

#include <stdarg.h>

typedef enum {
    OK = 0,
    ERR_INPUT,  /* the input is wrong: its author must mend it */
    ERR_LIMIT,  /* the input is well formed, but over a stated limit */
    ERR_STATE,  /* called at the wrong time, or a stored state does not fit */
    ERR_SYSTEM, /* a system or library call failed; err_ctx.sys holds errno */
    ERR_DENIED, /* refused: missing right or policy */
} err_kind;

#define ERR_TEXT_MAX 1024

struct err_ctx {
    err_kind kind;
    int sys;
    char text[ERR_TEXT_MAX];
};

#define MUST_USE __attribute__((warn_unused_result))

/* Records a failure and returns its kind. For ERR_SYSTEM the current errno is kept and its name
 * appended. */
__attribute__((format(printf, 3, 4))) err_kind err_set(struct err_ctx *ctx, err_kind kind,
                                                       const char *format, ...);

/* The kind once more, in sight of the caller, so that static checks know a failure from OK. */
static inline err_kind err_told(err_kind told, err_kind kind)
{
    (void)told;
    return kind;
}
#define err_set(ctx, kind, ...) err_told(err_set(ctx, kind, __VA_ARGS__), kind)

/* Puts "<prefix>: " before the text of a recorded failure; returns its kind. A text that grows over
 * ERR_TEXT_MAX loses its innermost end. */
__attribute__((format(printf, 2, 3))) err_kind err_wrap(struct err_ctx *ctx, const char *format,
                                                        ...);
