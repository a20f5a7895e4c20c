/* What a file asks of the engine: its version, and plugins. */
#include "falco/collection.h"

static void error_at(struct collection *collection, const struct yaml_file *file,
                     const struct yaml_node *node, const char *text)
{
    struct position at = yaml_position(file, node);
    diagnostics_error(collection->diagnostics, &at, NULL, "%s", text);
}

/* N or a.b.c with a suffix that says nothing here; N means 0.N.0. */
static bool version_parse(span text, unsigned version[3])
{
    size_t part = 0;
    size_t digits = 0;
    version[0] = version[1] = version[2] = 0;
    for (size_t index = 0; index < text.len; index++) {
        uint8_t byte = text.data[index];
        if (byte == '.' && digits && part < 2) {
            part++;
            digits = 0;
        } else if (byte >= '0' && byte <= '9' && ++digits <= 6) {
            version[part] = version[part] * 10 + (unsigned)(byte - '0');
        } else if (part == 2 && digits && (byte == '-' || byte == '+')) {
            return true;
        } else {
            return false;
        }
    }
    if (part == 0) {
        version[1] = version[0];
        version[0] = 0;
    }
    return digits && part != 1;
}

void engine_version_read(struct collection *collection, const struct yaml_file *file,
                         const struct yaml_node *node)
{
    struct position at = yaml_position(file, node);
    unsigned version[3];
    if (node->kind != YAML_SCALAR || !version_parse(node->text, version)) {
        error_at(collection, file, node,
                 "'required_engine_version': expected a number or three parts as 0.57.0");
        return;
    }
    bool is_newer = version[0] != FALCO_ENGINE_MAJOR || version[1] > FALCO_ENGINE_MINOR ||
                    (version[1] == FALCO_ENGINE_MINOR && version[2] > FALCO_ENGINE_PATCH);
    if (is_newer)
        diagnostics_error(collection->diagnostics, &at, NULL,
                          "the file needs engine version " PRI_SPAN ", this one reads %d.%d.%d",
                          ARG_SPAN(node->text), FALCO_ENGINE_MAJOR, FALCO_ENGINE_MINOR,
                          FALCO_ENGINE_PATCH);
}

/* A plugin's name and a version, each wrong one reported. *ret_is_built_in: what the container
 * plugin gives is built in. */
static bool plugin_check(struct collection *collection, const struct yaml_file *file,
                         const struct yaml_node *plugin, bool *ret_is_built_in)
{
    unsigned version[3];
    *ret_is_built_in = false;
    const struct yaml_node *name = yaml_get(plugin, "name");
    const struct yaml_node *wanted = yaml_get(plugin, "version");
    if (!name || name->kind != YAML_SCALAR || name->text.len == 0 || !wanted) {
        error_at(collection, file, plugin, "expected a plugin's name and version");
        return false;
    }
    bool has_parts =
        wanted->kind == YAML_SCALAR && memchr(wanted->text.data, '.', wanted->text.len);
    if (!has_parts || !version_parse(wanted->text, version)) {
        error_at(collection, file, wanted, "a plugin's version: expected three parts as 0.4.0");
        return false;
    }
    *ret_is_built_in = span_eq(name->text, SPAN("container"));
    return true;
}

static bool is_named_before(const struct yaml_node *plugin, const struct yaml_node *others,
                            const struct yaml_node *other)
{
    span name = yaml_get(other, "name")->text;
    if (span_eq(yaml_get(plugin, "name")->text, name))
        return true;
    for (const struct yaml_node *at = others->first; at != other; at = at->next) {
        const struct yaml_node *known = yaml_get(at, "name");
        if (known && span_eq(known->text, name))
            return true;
    }
    return false;
}

static void plugin_read(struct collection *collection, const struct yaml_file *file,
                        const struct yaml_node *plugin)
{
    const struct yaml_node *others = yaml_get(plugin, "alternatives");
    bool is_there, is_other;
    if (!plugin_check(collection, file, plugin, &is_there))
        return;
    if (others && others->kind != YAML_SEQUENCE) {
        error_at(collection, file, others, "'alternatives': expected a list of plugins");
        return;
    }
    const struct yaml_node *other = others ? others->first : NULL;
    for (; other; other = other->next) {
        if (!plugin_check(collection, file, other, &is_other))
            return;
        if (is_named_before(plugin, others, other))
            error_at(collection, file, other, "this plugin is named twice");
        is_there |= is_other;
    }
    const struct yaml_node *name = yaml_get(plugin, "name");
    struct position at = yaml_position(file, name);
    if (!is_there)
        diagnostics_warning(collection->diagnostics, &at,
                            "plugin '" PRI_SPAN "' is not here: its fields are unknown",
                            ARG_SPAN(name->text));
}

void plugin_versions_read(struct collection *collection, const struct yaml_file *file,
                          const struct yaml_node *node)
{
    if (node->kind != YAML_SEQUENCE) {
        error_at(collection, file, node, "'required_plugin_versions': expected a list");
        return;
    }
    for (const struct yaml_node *plugin = node->first; plugin; plugin = plugin->next)
        plugin_read(collection, file, plugin);
}
