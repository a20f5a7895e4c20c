/* Reading pipelines: files of transformations, in order of their priority. */
#include "sigma/pipeline.h"

#include <stdlib.h>

#include "core/vector.h"
#include "pattern/pattern.h"

#define TRANSFORMATIONS_MAX 10000u

bool pipeline_complain(struct compile *compile, const struct yaml_file *file,
                       const struct yaml_node *node, const char *hint, const char *text)
{
    struct position at = yaml_position(file, node);
    diagnostics_error(compile->diagnostics, &at, hint, "%s", text);
    return false;
}

uint64_t pipelines_bit(const struct pipelines *pipelines, span id)
{
    for (size_t index = 0; index < pipelines->id_count; index++)
        if (span_eq(pipelines->ids[index], id))
            return (uint64_t)1 << index;
    return 0;
}

/* ---- one transformation ---- */

static const char *const common_keys[] = {
    "id",
    "type",
    "rule_conditions",
    "rule_cond_op",
    "rule_cond_not",
    "detection_item_conditions",
    "detection_item_cond_op",
    "detection_item_cond_not",
    "field_name_conditions",
    "field_name_cond_op",
    "field_name_cond_not",
};
#define COMMON_COUNT (sizeof common_keys / sizeof common_keys[0])
#define KEYS_MAX     (COMMON_COUNT + 8)

static bool keys_check(struct compile *compile, const struct transformation *transformation)
{
    const char *names[KEYS_MAX];
    size_t count = COMMON_COUNT;
    bool is_good = true;
    memcpy(names, common_keys, sizeof common_keys);
    for (const char *const *key = transformation->desc->keys; *key && count < KEYS_MAX; key++)
        names[count++] = *key;
    for (const struct yaml_node *key = transformation->node->first; key; key = key->next) {
        bool is_known = false;
        for (size_t index = 0; index < count; index++)
            is_known |= span_eq(key->text, span_str(names[index]));
        if (!is_known)
            is_good = pipeline_complain(compile, transformation->file, key,
                                        sigma_hint(names, count, key->text),
                                        "unknown key of a transformation");
    }
    return is_good;
}

static bool id_add(struct compile *compile, struct transformation *transformation)
{
    struct pipelines *pipelines = compile->pipelines;
    const struct yaml_node *id = yaml_get(transformation->node, "id");
    if (!id || id->kind != YAML_SCALAR)
        return true;
    transformation->bit = pipelines_bit(pipelines, id->text);
    if (transformation->bit)
        return true; /* several may share one: any of them was applied */
    if (pipelines->id_count == sizeof pipelines->ids / sizeof pipelines->ids[0])
        return pipeline_complain(compile, transformation->file, id, NULL,
                                 "more ids of transformations than there is room for");
    transformation->bit = (uint64_t)1 << pipelines->id_count;
    pipelines->ids[pipelines->id_count++] = id->text;
    return true;
}

static bool transformation_read(struct compile *compile, const struct yaml_file *file,
                                const struct yaml_node *node)
{
    struct pipelines *pipelines = compile->pipelines;
    const struct yaml_node *type = node->kind == YAML_MAPPING ? yaml_get(node, "type") : NULL;
    struct transformation transformation = {.file = file, .node = node};
    if (!type || type->kind != YAML_SCALAR)
        return pipeline_complain(compile, file, node, NULL,
                                 "expected a transformation with a 'type'");
    transformation.desc = transformation_find(type->text);
    if (!transformation.desc) {
        struct position at = yaml_position(file, type);
        diagnostics_error(compile->diagnostics, &at, transformation_hint(type->text),
                          "transformation '" PRI_SPAN "' is not known here", ARG_SPAN(type->text));
        return false;
    }
    bool is_good = keys_check(compile, &transformation);
    is_good &= id_add(compile, &transformation);
    is_good = is_good && transformation.desc->check(compile, &transformation);
    if (!is_good)
        return false;
    if (!vector_grow(&pipelines->transformations, &pipelines->size, pipelines->count,
                     TRANSFORMATIONS_MAX, sizeof transformation))
        return pipeline_complain(compile, file, node, NULL, "too many transformations");
    pipelines->transformations[pipelines->count++] = transformation;
    return true;
}

/* ---- files ---- */

/* What shapes the text of queries means nothing where there are none. */
static void ignored_warn(struct compile *compile, const struct yaml_file *file,
                         const struct yaml_node *root)
{
    static const char *const names[] = {"postprocessing", "finalizers"};
    for (size_t index = 0; index < sizeof names / sizeof names[0]; index++) {
        const struct yaml_node *node = yaml_get(root, names[index]);
        struct position at = yaml_position(file, node ? node : root);
        if (node && node->count)
            diagnostics_warning(compile->diagnostics, &at,
                                "'%s' is for the text of queries: passed by", names[index]);
    }
}

static void keys_of_file_check(struct compile *compile, const struct yaml_file *file,
                               const struct yaml_node *root)
{
    static const char *const names[] = {"name",
                                        "priority",
                                        "vars",
                                        "author",
                                        "allowed_backends",
                                        "transformations",
                                        "postprocessing",
                                        "finalizers",
                                        "description",
                                        "title",
                                        "id",
                                        "version",
                                        "license"};
    const size_t count = sizeof names / sizeof names[0];
    for (const struct yaml_node *key = root->first; key; key = key->next) {
        bool is_known = false;
        for (size_t index = 0; index < count; index++)
            is_known |= span_eq(key->text, span_str(names[index]));
        struct position at = yaml_position(file, key);
        if (!is_known)
            diagnostics_error(compile->diagnostics, &at, sigma_hint(names, count, key->text),
                              "unknown key of a pipeline");
    }
}

static void vars_read(struct compile *compile, const struct yaml_file *file,
                      const struct yaml_node *root)
{
    const struct yaml_node *vars = yaml_get(root, "vars");
    if (!vars || yaml_is_null(vars))
        return;
    if (vars->kind != YAML_MAPPING) {
        pipeline_complain(compile, file, vars, NULL, "expected a mapping of names to values");
        return;
    }
    for (const struct yaml_node *key = vars->first; key; key = key->next) {
        const struct yaml_node *value = key->value;
        const struct yaml_node *one = value->kind == YAML_SEQUENCE ? value->first : value;
        for (; one; one = one == value ? NULL : one->next)
            if (one->kind != YAML_SCALAR)
                pipeline_complain(compile, file, one, NULL, "expected a value");
    }
    compile->pipelines->vars[compile->pipelines->vars_count++] = vars;
}

static void file_read(struct compile *compile, const struct yaml_file *file)
{
    const struct yaml_node *root = file->documents[0];
    if (root->kind != YAML_MAPPING || file->document_count > 1) {
        pipeline_complain(compile, file, root, NULL,
                          "expected one pipeline, a mapping with 'transformations' or 'vars'");
        return;
    }
    keys_of_file_check(compile, file, root);
    ignored_warn(compile, file, root);
    vars_read(compile, file, root);
    const struct yaml_node *list = yaml_get(root, "transformations");
    if (!list || yaml_is_null(list))
        return;
    if (list->kind != YAML_SEQUENCE) {
        pipeline_complain(compile, file, list, NULL, "expected a list of transformations");
        return;
    }
    for (const struct yaml_node *one = list->first; one; one = one->next)
        (void)transformation_read(compile, file, one);
}

static int64_t priority_of(const struct yaml_file *file)
{
    const struct yaml_node *root = file->document_count ? file->documents[0] : NULL;
    const struct yaml_node *node =
        root && root->kind == YAML_MAPPING ? yaml_get(root, "priority") : NULL;
    struct value value;
    if (!node || node->kind != YAML_SCALAR || scalar_form(node, &value) != FORM_NUMBER)
        return 0;
    return value.kind == VALUE_INT ? value.integer : 0;
}

/* By priority, the lowest first; files of one priority stay in order. */
static void files_sort(struct yaml_file *files, size_t count)
{
    for (size_t index = 1; index < count; index++) {
        struct yaml_file file = files[index];
        size_t at = index;
        for (; at > 0 && priority_of(&files[at - 1]) > priority_of(&file); at--)
            files[at] = files[at - 1];
        files[at] = file;
    }
}

bool pipelines_read(struct compile *compile, const struct sigma_input *inputs, size_t count)
{
    struct pipelines *pipelines = calloc(1, sizeof *pipelines);
    compile->pipelines = pipelines;
    if (!pipelines)
        return false;
    pipelines->files = calloc(count + 1, sizeof *pipelines->files);
    pipelines->vars = calloc(count + 1, sizeof(const struct yaml_node *));
    if (!pipelines->files || !pipelines->vars)
        return false;
    for (; pipelines->file_count < count; pipelines->file_count++) {
        const struct sigma_input *input = &inputs[pipelines->file_count];
        (void)yaml_open(&pipelines->files[pipelines->file_count], input->name, input->bytes,
                        compile->diagnostics);
    }
    files_sort(pipelines->files, count);
    for (size_t index = 0; index < count; index++)
        if (pipelines->files[index].document_count)
            file_read(compile, &pipelines->files[index]);
    /* conditions refer to ids of transformations, which may come later */
    size_t kept = 0;
    for (size_t index = 0; index < pipelines->count; index++)
        if (pipeline_conditions_check(compile, &pipelines->transformations[index]))
            pipelines->transformations[kept++] = pipelines->transformations[index];
    pipelines->count = kept;
    return true;
}

void pipelines_free(struct pipelines *pipelines)
{
    if (!pipelines)
        return;
    for (size_t index = 0; index < pipelines->file_count; index++)
        yaml_close(&pipelines->files[index]);
    for (size_t index = 0; index < pipelines->regex_count; index++)
        regex_close(pipelines->regexes[index].regex);
    free(pipelines->regexes);
    free(pipelines->files);
    free(pipelines->vars);
    free(pipelines->transformations);
    free(pipelines);
}

bool pipelines_apply(struct rule *rule)
{
    const struct pipelines *pipelines = rule->compile->pipelines;
    const struct subject subject = {.rule = rule};
    bool is_good = true;
    for (size_t index = 0; pipelines && index < pipelines->count; index++) {
        const struct transformation *transformation = &pipelines->transformations[index];
        if (!pipeline_conditions_hold(transformation, CONDITION_RULE, &subject))
            continue;
        is_good &= transformation->desc->apply(rule, transformation);
        rule->applied |= transformation->bit;
    }
    return is_good;
}
