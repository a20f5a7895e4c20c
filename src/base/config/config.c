#include "config/config.h"

#include <string.h>

struct unit {
    const char *suffix;
    uint64_t factor;
};

static const struct unit duration_units[] = {
    {"ns", 1},          {"us", 1000},         {"ms", 1000000},       {"s", 1000000000},
    {"m", 60000000000}, {"h", 3600000000000}, {"d", 86400000000000},
};

static const struct unit size_units[] = {
    {"", 1}, {"k", 1 << 10}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30},
};

static bool number_parse(const char *text, const struct unit *units, size_t unit_count,
                         uint64_t *ret)
{
    uint64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
            return false;
    if (at == text)
        return false;
    for (size_t index = 0; index < unit_count; index++)
        if (strcmp(at, units[index].suffix) == 0)
            return !__builtin_mul_overflow(number, units[index].factor, ret);
    return false;
}

bool duration_parse(const char *text, uint64_t *ret_ns)
{
    return number_parse(text, duration_units, sizeof duration_units / sizeof *duration_units,
                        ret_ns);
}

bool size_parse(const char *text, uint64_t *ret_bytes)
{
    return number_parse(text, size_units, sizeof size_units / sizeof *size_units, ret_bytes);
}

static bool is_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);
    for (const char *at = choices; *at;) {
        size_t width = strcspn(at, "|");
        if (width == length && memcmp(at, text, length) == 0)
            return true;
        at += width + (at[width] == '|');
    }
    return false;
}

static err_kind list_append(struct option_list *list, const char *text, const char *name,
                            struct err_ctx *err)
{
    if (list->count == OPTION_LIST_MAX)
        return err_set(err, ERR_LIMIT, "option '--%s' given more than %d times", name,
                       OPTION_LIST_MAX);
    list->items[list->count++] = text;
    return OK;
}

static err_kind value_put(const struct option_desc *row, void *options, const char *text,
                          struct err_ctx *err)
{
    void *place = (char *)options + row->offset;
    const char *expected = NULL;
    switch (row->kind) {
    case OPTION_FLAG:
        if (!is_choice("true|false|yes|no", text))
            expected = "true or false";
        else
            *(bool *)place = text[0] == 't' || text[0] == 'y';
        break;
    case OPTION_TEXT:
        *(const char **)place = text;
        break;
    case OPTION_LIST:
        return list_append(place, text, row->name, err);
    case OPTION_CHOICE:
        if (!is_choice(row->choices, text))
            expected = row->choices;
        else
            *(const char **)place = text;
        break;
    case OPTION_DURATION:
        if (!duration_parse(text, place))
            expected = "a duration such as 500ms, 10s, 5m";
        break;
    case OPTION_SIZE:
        if (!size_parse(text, place))
            expected = "a size such as 512k, 64M, 1G";
        break;
    case OPTION_COUNT:
        if (!number_parse(text, size_units, 1, place))
            expected = "a whole number";
        break;
    }
    if (expected)
        return err_set(err, ERR_INPUT, "option '--%s': expected %s, found '%s'", row->name,
                       expected, text);
    return OK;
}

static const struct option_desc *row_find(const struct option_table *table, const char *name,
                                          size_t length)
{
    for (size_t index = 0; index < table->row_count; index++)
        if (strlen(table->rows[index].name) == length &&
            memcmp(table->rows[index].name, name, length) == 0)
            return &table->rows[index];
    return NULL;
}

err_kind options_preset(const struct option_table *table, void *options, struct err_ctx *err)
{
    err_kind kind = OK;
    for (size_t index = 0; index < table->row_count && kind == OK; index++)
        if (table->rows[index].preset)
            kind = value_put(&table->rows[index], options, table->rows[index].preset, err);
    return kind;
}

err_kind option_set(const struct option_table *table, void *options, const char *name,
                    const char *text, struct err_ctx *err)
{
    const struct option_desc *row = row_find(table, name, strlen(name));
    if (!row)
        return err_set(err, ERR_INPUT, "unknown option '%s' of 'picket %s'", name, table->command);
    return value_put(row, options, text, err);
}

err_kind options_parse(const struct option_table *table, int argc, const char *const *argv,
                       void *options, struct option_list *operands, bool *ret_help,
                       struct err_ctx *err)
{
    bool is_over = false;
    *ret_help = false;
    for (int index = 0; index < argc; index++) {
        const char *word = argv[index];
        if (is_over || word[0] != '-' || word[1] == 0) {
            err_kind kind = list_append(operands, word, "FILE", err);
            if (kind != OK)
                return kind;
            continue;
        }
        if (strcmp(word, "--") == 0) {
            is_over = true;
            continue;
        }
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            *ret_help = true;
            return OK;
        }
        const char *name = word[1] == '-' ? word + 2 : word + 1;
        size_t length = strcspn(name, "=");
        const struct option_desc *row = word[1] == '-' ? row_find(table, name, length) : NULL;
        if (!row)
            return err_set(err, ERR_INPUT, "unknown option '%s'; see 'picket %s --help'", word,
                           table->command);
        const char *text = name[length] == '=' ? name + length + 1 : NULL;
        if (!text && row->kind == OPTION_FLAG)
            text = "true";
        if (!text && index + 1 == argc)
            return err_set(err, ERR_INPUT, "option '--%s' needs a value", row->name);
        if (!text)
            text = argv[++index];
        err_kind kind = value_put(row, options, text, err);
        if (kind != OK)
            return kind;
    }
    return OK;
}

static const char *placeholder(const struct option_desc *row)
{
    if (row->choices)
        return row->choices;
    switch (row->kind) {
    case OPTION_FLAG:
        return "";
    case OPTION_DURATION:
        return "DURATION";
    case OPTION_SIZE:
        return "SIZE";
    case OPTION_COUNT:
        return "N";
    case OPTION_TEXT:
    case OPTION_LIST:
    case OPTION_CHOICE:
        return "TEXT";
    }
    return "";
}

void options_help(const struct option_table *table, FILE *out)
{
    fprintf(out, "usage: picket %s %s\n\n%s\n", table->command, table->usage, table->summary);
    if (table->row_count)
        fprintf(out, "\noptions:\n");
    for (size_t index = 0; index < table->row_count; index++) {
        const struct option_desc *row = &table->rows[index];
        char head[80];
        snprintf(head, sizeof head, "--%s %s", row->name, placeholder(row));
        fprintf(out, "  %-26s %s%s", head, row->summary,
                row->kind == OPTION_LIST ? " (may be repeated)" : "");
        if (row->preset)
            fprintf(out, " [%s]", row->preset);
        fputc('\n', out);
    }
    if (table->examples)
        fprintf(out, "\nexamples:\n%s", table->examples);
}
