#include "lab/suite_state.h"

/* XML 1.0 takes no control characters but these three, and no text that is not UTF-8. */
static void xml_put(struct writer *out, const char *text)
{
    span rest = span_str(text ? text : "");
    while (rest.len) {
        uint32_t code = 0;
        size_t len = utf8_length(rest, &code);
        uint8_t byte = rest.data[0];
        if (len == 0 || code == 0xfffe || code == 0xffff ||
            (code < ' ' && code != '\n' && code != '\t'))
            writer_format(out, "\\x%02x", byte);
        else if (byte == '<')
            writer_text(out, "&lt;");
        else if (byte == '>')
            writer_text(out, "&gt;");
        else if (byte == '&')
            writer_text(out, "&amp;");
        else if (byte == '"')
            writer_text(out, "&quot;");
        else if (byte == '\n')
            writer_text(out, "&#10;");
        else
            writer_put(out, span_first(rest, len));
        rest = span_after(rest, len ? len : 1);
    }
}

static const char *title_of(const struct suite_test *test)
{
    return test->why ? test->why : test->expected ? "must match" : "must not match";
}

static void case_write(const struct suite_test *test, struct writer *out)
{
    writer_text(out, "    <testcase classname=\"");
    xml_put(out, test->rule ? test->rule : "?");
    writer_text(out, "\" name=\"");
    xml_put(out, title_of(test));
    writer_text(out, "\" file=\"");
    xml_put(out, test->file);
    writer_format(out, "\" line=\"%llu\" time=\"%.6f\"", (unsigned long long)test->line,
                  (double)test->ns / 1e9);
    if (test->status == TEST_PASSED) {
        writer_text(out, "/>\n");
        return;
    }
    const char *element = test->status == TEST_FAILED ? "failure" : "skipped";
    writer_format(out, ">\n      <%s message=\"", element);
    xml_put(out, test->message);
    writer_text(out, "\"/>\n    </testcase>\n");
}

void suite_write_junit(const struct suite *suite, struct writer *out)
{
    size_t counts[TEST_SKIPPED + 1] = {0};
    uint64_t ns = 0;
    for (size_t index = 0; index < suite->count; index++) {
        counts[suite->tests[index].status]++;
        ns += suite->tests[index].ns;
    }
    writer_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    writer_format(out,
                  "  <testsuite name=\"picket\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" "
                  "skipped=\"%zu\" time=\"%.6f\">\n",
                  suite->count - counts[TEST_WAITING], counts[TEST_FAILED], counts[TEST_SKIPPED],
                  (double)ns / 1e9);
    for (size_t index = 0; index < suite->count; index++)
        if (suite->tests[index].status != TEST_WAITING)
            case_write(&suite->tests[index], out);
    writer_text(out, "  </testsuite>\n</testsuites>\n");
}

/* A description in TAP holds no line end and no unescaped hash. */
static void tap_put(struct writer *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '#' || *text == '\\')
            writer_byte(out, '\\');
        writer_byte(out, (uint8_t)*text < ' ' ? ' ' : (uint8_t)*text);
    }
}

static void tap_comment(struct writer *out, const char *text)
{
    span rest = span_str(text), line;
    while (span_until(&rest, '\n', &line))
        writer_format(out, "# %.*s\n", (int)line.len, (const char *)line.data);
    if (rest.len)
        writer_format(out, "# %.*s\n", (int)rest.len, (const char *)rest.data);
}

void suite_write_tap(const struct suite *suite, struct writer *out)
{
    size_t number = 0;
    writer_text(out, "TAP version 13\n");
    for (size_t index = 0; index < suite->count; index++) {
        const struct suite_test *test = &suite->tests[index];
        if (test->status == TEST_WAITING)
            continue;
        writer_format(out, "%s %zu - ", test->status == TEST_FAILED ? "not ok" : "ok", ++number);
        tap_put(out, test->rule ? test->rule : "?");
        writer_text(out, ": ");
        tap_put(out, title_of(test));
        if (test->status == TEST_SKIPPED) {
            writer_text(out, " # SKIP ");
            tap_put(out, test->message ? test->message : "");
        }
        writer_byte(out, '\n');
        if (test->status == TEST_FAILED)
            tap_comment(out, test->message ? test->message : "out of memory");
    }
    writer_format(out, "1..%zu\n", number);
}
