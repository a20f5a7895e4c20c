#include <stdarg.h>
#include <stdio.h>

#include "lint/private.h"

struct position lint_position(const struct lint *lint, uint32_t node)
{
    const struct position *at = diagnostics_marked(lint->diagnostics, node, &lint->at);
    return at ? *at : lint->at;
}

void lint_report(struct lint *lint, const struct position *at, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    diagnostics_error(lint->diagnostics, at, NULL, "rule '" PRI_SPAN "': %s",
                      ARG_SPAN(lint->rule->name), text);
}

static const struct lint_file *file_find(const struct lint_file *files, size_t count, span name)
{
    for (size_t index = 0; index < count; index++)
        if (span_eq(files[index].name, name))
            return &files[index];
    return NULL;
}

void lint_rules(struct rule_program *program, const struct lint_file *files, size_t count,
                struct diagnostics *diagnostics)
{
    const struct lint_file *file = NULL;
    struct lint lint = {.program = program, .diagnostics = diagnostics};
    for (uint32_t index = 0; index < rule_program_count(program); index++) {
        lint.rule = rule_program_rule(program, index);
        lint.at = (struct position){lint.rule->file, lint.rule->line, 1};
        lint.steps = 0;
        if (!file || !span_eq(file->name, lint.rule->file))
            file = file_find(files, count, lint.rule->file);
        if (file) {
            lint_strategy(&lint, file);
            lint_tests(&lint, file);
        }
        if (lint.rule->stage == STAGE_RETIRED) /* its condition was not read */
            continue;
        lint_values(&lint, rule_program_root(program, index), true);
        lint_contradictions(&lint, rule_program_root(program, index));
    }
}
