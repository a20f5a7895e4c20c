/* YAML documents, and the way back from each scalar's bytes to the file. */
#include <stdlib.h>

#include "yaml/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Depth is bounded by YAML_DEPTH_MAX. */
static void visit(const struct yaml_file *file, const struct yaml_node *node, unsigned *budget)
{
    if (*budget == 0)
        return;
    --*budget;
    if (node->kind == YAML_SCALAR)
        for (size_t offset = 0; offset <= node->text.len && offset < 64; offset++)
            if (yaml_position_in(file, node, offset).line < node->line)
                abort();
    for (const struct yaml_node *child = node->first; child; child = child->next) {
        visit(file, child, budget);
        if (child->value)
            visit(file, child->value, budget);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diagnostics diagnostics;
    struct yaml_file file;
    unsigned budget = 500;
    diagnostics_init(&diagnostics, 50);
    (void)yaml_open(&file, SPAN("fuzz.yaml"), span_of(data, size), &diagnostics);
    for (size_t index = 0; index < file.document_count; index++)
        visit(&file, file.documents[index], &budget);
    yaml_close(&file);
    diagnostics_free(&diagnostics);
    return 0;
}
