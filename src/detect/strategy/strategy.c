#include "strategy/strategy.h"

static span trimmed(span text)
{
    while (text.len && text.data[0] == '\n')
        text = span_after(text, 1);
    while (text.len && text.data[text.len - 1] == '\n')
        text.len--;
    return text;
}

static bool line_take(span *text, span *ret)
{
    if (span_until(text, '\n', ret))
        return true;
    *ret = *text;
    *text = span_after(*text, text->len);
    return ret->len > 0;
}

span strategy_section(const struct strategy *strategy, span heading)
{
    span rest = strategy->bytes, line;
    while (line_take(&rest, &line)) {
        if (!span_starts(line, SPAN("## ")) || !span_eq(span_after(line, 3), heading))
            continue;
        span text = {rest.data, 0};
        while (line_take(&rest, &line) && !span_starts(line, SPAN("#")))
            text.len = (size_t)(line.data - text.data) + line.len;
        return trimmed(text);
    }
    return (span){NULL, 0};
}

/* The first document: from the line `---` at the very start up to the next one. */
static span front_matter(span bytes)
{
    span rest = bytes, line;
    if (!line_take(&rest, &line) || !span_eq(line, SPAN("---")))
        return (span){NULL, 0};
    while (line_take(&rest, &line))
        if (span_eq(line, SPAN("---")))
            return span_of(bytes.data, (size_t)(line.data - bytes.data));
    return (span){NULL, 0};
}

/* The same text in `bytes`, which outlives the YAML tree. */
static span borrowed(span bytes, span text)
{
    const uint8_t *found = memmem(bytes.data, bytes.len, text.data, text.len);
    return found ? span_of(found, text.len) : (span){NULL, 0};
}

static void stage_read(struct strategy *ret, const struct yaml_file *file,
                       const struct yaml_node *stage, struct diagnostics *diagnostics)
{
    struct position at = yaml_position(file, stage);
    if (stage->kind != YAML_SCALAR || !rule_stage_parse(stage->text, &ret->stage))
        diagnostics_error(diagnostics, &at, NULL, "stage: expected draft, shadow, live or retired");
}

void strategy_read(struct strategy *ret, span name, span bytes, struct diagnostics *diagnostics)
{
    struct yaml_file file;
    *ret = (struct strategy){.name = name, .bytes = bytes, .stage = STAGE_LIVE};
    ret->response = strategy_section(ret, SPAN("Response"));
    span front = front_matter(bytes);
    if (!front.data)
        return;
    if (yaml_open(&file, name, front, diagnostics) && file.document_count == 1 &&
        file.documents[0]->kind == YAML_MAPPING) {
        const struct yaml_node *owner = yaml_get(file.documents[0], "owner");
        const struct yaml_node *stage = yaml_get(file.documents[0], "stage");
        if (owner && owner->kind == YAML_SCALAR && owner->text.len)
            ret->owner = borrowed(front, owner->text);
        if (stage)
            stage_read(ret, &file, stage, diagnostics);
    }
    yaml_close(&file);
}
