/* A stored letter, taken apart and held against a filter. */
#include "dlq/dlq.h"

static bool is_wanted(const struct dlq_filter *filter, const struct dlq_letter *letter)
{
    const struct dead_letter *content = &letter->content;
    if (filter->id)
        return span_eq(letter->id, span_str(filter->id));
    return (!filter->reason || span_contains(content->reason, span_str(filter->reason))) &&
           (!filter->source || span_eq(content->source, span_str(filter->source))) &&
           (!filter->position || span_starts(content->position, span_str(filter->position)));
}

bool dlq_letter_make(const struct dlq_filter *filter, span id, span json, struct arena *arena,
                     struct dlq_letter *ret)
{
    struct err_ctx why;
    arena_reset(arena);
    *ret = (struct dlq_letter){.id = id};
    if (dead_letter_read(json, arena, &ret->content, &why) != OK) {
        span reason = arena_dup(arena, span_str(why.text));
        ret->content = (struct dead_letter){.reason = reason.data ? reason : SPAN("too large"),
                                            .stage = SPAN("dlq"),
                                            .source = SPAN(""),
                                            .position = SPAN("")};
    }
    if (!ret->content.source.data)
        ret->content.source = SPAN("");
    if (!ret->content.position.data)
        ret->content.position = SPAN("");
    return is_wanted(filter, ret);
}
