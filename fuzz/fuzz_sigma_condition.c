/* The text of one condition, quoted into a rule. */
#include "sigma_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct writer yaml;
    writer_init(&yaml, 1 << 20);
    writer_text(&yaml, "title: t\nlogsource: {category: c}\ndetection:\n"
                       "  a: {A: 1}\n  sel_b: [x, y]\n  sel_c: {C|re: d}\n  _h: {H: null}\n"
                       "  condition: '");
    for (size_t index = 0; index < size; index++) {
        writer_byte(&yaml, data[index]);
        if (data[index] == '\'')
            writer_byte(&yaml, '\'');
    }
    writer_text(&yaml, "'\n");
    fuzz_sigma(writer_span(&yaml), SPAN(""));
    writer_free(&yaml);
    return 0;
}
