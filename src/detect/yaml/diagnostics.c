#include <stdio.h>
#include <stdlib.h>

#include "core/vector.h"
#include "yaml/yaml.h"

#define TEXT_MAX  512
#define ARENA_MAX ((size_t)8 << 20)
#define MARKS_MAX 4000000u

void diagnostics_init(struct diagnostics *diagnostics, size_t count_max)
{
    *diagnostics = (struct diagnostics){.count_max = count_max};
    arena_init(&diagnostics->arena, ARENA_MAX);
}

void diagnostics_free(struct diagnostics *diagnostics)
{
    arena_free(&diagnostics->arena);
    free(diagnostics->items);
    free(diagnostics->marks);
    diagnostics_init(diagnostics, diagnostics->count_max);
}

__attribute__((format(printf, 5, 0))) static void report(struct diagnostics *diagnostics,
                                                         const struct position *at, bool is_error,
                                                         const char *hint, const char *format,
                                                         va_list args)
{
    char text[TEXT_MAX];
    int length = vsnprintf(text, sizeof text, format, args);
    if (length < 0)
        length = 0;
    if ((size_t)length >= sizeof text)
        length = (int)sizeof text - 1;
    diagnostics->error_count += is_error;
    diagnostics->warning_count += !is_error;
    if (!vector_grow(&diagnostics->items, &diagnostics->size, diagnostics->count,
                     diagnostics->count_max, sizeof *diagnostics->items))
        return;
    struct diagnostic *item = &diagnostics->items[diagnostics->count];
    *item = (struct diagnostic){.at = *at, .is_error = is_error};
    item->at.file = arena_dup(&diagnostics->arena, at->file);
    item->text = arena_dup(&diagnostics->arena, span_of(text, (size_t)length));
    if (hint)
        item->hint = arena_dup(&diagnostics->arena, span_str(hint));
    if (item->text.data && item->at.file.data)
        diagnostics->count++;
}

void diagnostics_error(struct diagnostics *diagnostics, const struct position *at, const char *hint,
                       const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report(diagnostics, at, true, hint, format, args);
    va_end(args);
}

void diagnostics_warning(struct diagnostics *diagnostics, const struct position *at,
                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report(diagnostics, at, false, NULL, format, args);
    va_end(args);
}

void diagnostics_warning_hint(struct diagnostics *diagnostics, const struct position *at,
                              const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report(diagnostics, at, false, hint, format, args);
    va_end(args);
}

void diagnostics_mark(struct diagnostics *diagnostics, uint32_t number, const struct position *at)
{
    if (diagnostics->is_strict &&
        vector_grow(&diagnostics->marks, &diagnostics->marks_size, diagnostics->mark_count,
                    MARKS_MAX, sizeof *diagnostics->marks))
        diagnostics->marks[diagnostics->mark_count++] = (struct mark){number, *at};
}

const struct position *diagnostics_marked(const struct diagnostics *diagnostics, uint32_t number,
                                          const struct position *near)
{
    const struct position *any = NULL;
    const struct position *best = NULL;
    for (size_t index = 0; index < diagnostics->mark_count; index++) {
        const struct position *at = &diagnostics->marks[index].at;
        if (diagnostics->marks[index].number != number)
            continue;
        any = at;
        if (at->line >= near->line && span_eq(at->file, near->file) &&
            (!best || at->line < best->line))
            best = at;
    }
    return best ? best : any;
}

void diagnostics_write(const struct diagnostics *diagnostics, struct writer *out)
{
    for (size_t index = 0; index < diagnostics->count; index++) {
        const struct diagnostic *item = &diagnostics->items[index];
        writer_terminal(out, item->at.file);
        if (item->at.line)
            writer_format(out, ":%u:%u", item->at.line, item->at.column);
        writer_text(out, item->is_error ? ": error: " : ": warning: ");
        writer_terminal(out, item->text);
        if (item->hint.data) {
            writer_text(out, "; did you mean '");
            writer_terminal(out, item->hint);
            writer_text(out, "'?");
        }
        writer_byte(out, '\n');
    }
    size_t left_out = diagnostics->error_count + diagnostics->warning_count - diagnostics->count;
    if (left_out)
        writer_format(out, "%zu more errors and warnings\n", left_out);
}
