/* The text of one condition, quoted into a rule. */
#include "rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct writer yaml;
    writer_init(&yaml, 1 << 20);
    writer_text(&yaml, "- list: shells\n  items: [bash, sh]\n"
                       "- macro: m\n  condition: evt.num = 1\n"
                       "- rule: r\n  desc: d\n  output: o %proc.name\n  priority: INFO\n"
                       "  condition: '");
    for (size_t index = 0; index < size; index++) {
        writer_byte(&yaml, data[index]);
        if (data[index] == '\'')
            writer_byte(&yaml, '\'');
    }
    writer_text(&yaml, "'\n");
    fuzz_rules(writer_span(&yaml));
    writer_free(&yaml);
    return 0;
}
