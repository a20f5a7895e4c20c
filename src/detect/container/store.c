/* One container's facts as stored bytes and as JSON. */
#include "container/internal.h"

/* The texts of an info, in stored order; the JSON name. Append at the end with a new version. */
static const struct {
    size_t offset;
    const char *name;
} text_table[] = {
    {offsetof(struct container_info, id), "container.full_id"},
    {offsetof(struct container_info, name), "container.name"},
    {offsetof(struct container_info, image), "container.image"},
    {offsetof(struct container_info, image_id), "container.image.id"},
    {offsetof(struct container_info, image_repository), "container.image.repository"},
    {offsetof(struct container_info, image_tag), "container.image.tag"},
    {offsetof(struct container_info, image_digest), "container.image.digest"},
    {offsetof(struct container_info, ip), "container.ip"},
    {offsetof(struct container_info, cni_json), "container.cni.json"},
    {offsetof(struct container_info, pod_name), "k8s.pod.name"},
    {offsetof(struct container_info, pod_uid), "k8s.pod.uid"},
    {offsetof(struct container_info, pod_namespace), "k8s.ns.name"},
    {offsetof(struct container_info, pod_sandbox_id), "k8s.pod.full_sandbox_id"},
};
#define TEXT_COUNT (sizeof text_table / sizeof *text_table)

static const struct {
    size_t offset;
    const char *name;
} truth_table[] = {
    {offsetof(struct container_info, privileged), "container.privileged"},
    {offsetof(struct container_info, host_pid), "container.host_pid"},
    {offsetof(struct container_info, host_network), "container.host_network"},
    {offsetof(struct container_info, host_ipc), "container.host_ipc"},
};
#define TRUTH_COUNT (sizeof truth_table / sizeof *truth_table)

static span *text_at(const struct container_info *info, size_t index)
{
    return (span *)((char *)info + text_table[index].offset);
}

static enum container_truth *truth_at(const struct container_info *info, size_t index)
{
    return (enum container_truth *)((char *)info + truth_table[index].offset);
}

/* ---- stored bytes ---- */

static void labels_save(const struct container_label *labels, size_t count, struct writer *out)
{
    wire_u32(out, (uint32_t)count);
    for (size_t index = 0; index < count; index++) {
        wire_text(out, labels[index].key);
        wire_text(out, labels[index].value);
    }
}

void info_save(const struct container_info *info, struct writer *out)
{
    wire_u32(out, info->type);
    for (size_t index = 0; index < TEXT_COUNT; index++)
        wire_text(out, *text_at(info, index));
    for (size_t index = 0; index < TRUTH_COUNT; index++)
        wire_u32(out, *truth_at(info, index));
    wire_u32(out, (info->is_cut ? 1u : 0) | (info->is_sandbox ? 2u : 0));
    wire_u64(out, info->created_wall_ns);
    wire_u64(out, info->started_wall_ns);
    labels_save(info->labels, info->label_count, out);
    labels_save(info->pod_labels, info->pod_label_count, out);
    wire_u32(out, (uint32_t)info->mount_count);
    for (size_t index = 0; index < info->mount_count; index++) {
        const struct container_mount *mount = &info->mounts[index];
        wire_text(out, mount->source);
        wire_text(out, mount->dest);
        wire_text(out, mount->mode);
        wire_text(out, mount->propagation);
        wire_u32(out, mount->is_writable);
    }
}

static bool take_copy(span *s, struct facts *facts, span *ret)
{
    span text;
    if (!wire_take_text(s, TEXT_BYTES_MAX, &text))
        return false;
    *ret = text.data ? facts_copy(facts, text) : (span){0};
    return true;
}

static bool labels_load(span *s, struct facts *facts, const struct container_label **ret,
                        size_t *ret_count)
{
    uint32_t count;
    if (!span_u32le(s, &count) || count > LABELS_MAX)
        return false;
    struct container_label *labels = arena_alloc(facts->arena, (count + 1) * sizeof *labels);
    if (!labels)
        return false;
    for (size_t index = 0; index < count; index++) {
        if (!take_copy(s, facts, &labels[index].key) || !take_copy(s, facts, &labels[index].value))
            return false;
    }
    *ret = labels;
    *ret_count = count;
    return true;
}

static bool mounts_load(span *s, struct facts *facts)
{
    uint32_t count;
    if (!span_u32le(s, &count) || count > MOUNTS_MAX)
        return false;
    struct container_mount *mounts = arena_alloc(facts->arena, (count + 1) * sizeof *mounts);
    if (!mounts)
        return false;
    for (size_t index = 0; index < count; index++) {
        struct container_mount *mount = &mounts[index];
        uint32_t is_writable;
        if (!take_copy(s, facts, &mount->source) || !take_copy(s, facts, &mount->dest) ||
            !take_copy(s, facts, &mount->mode) || !take_copy(s, facts, &mount->propagation) ||
            !span_u32le(s, &is_writable) || is_writable > 1)
            return false;
        mount->is_writable = is_writable;
    }
    facts->info->mounts = mounts;
    facts->info->mount_count = count;
    return true;
}

bool info_load(span *s, struct facts *facts)
{
    struct container_info *info = facts->info;
    uint32_t type, flags, truth;
    if (!span_u32le(s, &type) || type >= CONTAINER_TYPE_COUNT)
        return false;
    *info = (struct container_info){.type = type};
    for (size_t index = 0; index < TEXT_COUNT; index++) {
        if (!take_copy(s, facts, text_at(info, index)))
            return false;
    }
    for (size_t index = 0; index < TRUTH_COUNT; index++) {
        if (!span_u32le(s, &truth) || truth > TRUTH_YES)
            return false;
        *truth_at(info, index) = truth;
    }
    if (!span_u32le(s, &flags) || flags > 3 || !span_u64le(s, &info->created_wall_ns) ||
        !span_u64le(s, &info->started_wall_ns))
        return false;
    info->is_cut |= flags & 1;
    info->is_sandbox = flags & 2;
    info->short_id = span_first(info->id, 12);
    return info->id.len > 0 && labels_load(s, facts, &info->labels, &info->label_count) &&
           labels_load(s, facts, &info->pod_labels, &info->pod_label_count) &&
           mounts_load(s, facts);
}

/* ---- JSON ---- */

static void member_name(struct writer *out, const char *name)
{
    if (out->len && out->data[out->len - 1] != '{')
        writer_byte(out, ',');
    writer_json_string(out, span_str(name));
    writer_byte(out, ':');
}

static void labels_json(struct writer *out, const char *name, const struct container_label *labels,
                        size_t count)
{
    if (!count)
        return;
    member_name(out, name);
    writer_byte(out, '{');
    for (size_t index = 0; index < count; index++) {
        if (index)
            writer_byte(out, ',');
        writer_json_string(out, labels[index].key);
        writer_byte(out, ':');
        writer_json_string(out, labels[index].value);
    }
    writer_byte(out, '}');
}

static void mounts_json(struct writer *out, const struct container_info *info)
{
    if (!info->mount_count)
        return;
    member_name(out, "container.mounts");
    writer_byte(out, '[');
    for (size_t index = 0; index < info->mount_count; index++) {
        const struct container_mount *mount = &info->mounts[index];
        writer_text(out, index ? ",{" : "{");
        member_name(out, "source");
        writer_json_string(out, mount->source);
        member_name(out, "dest");
        writer_json_string(out, mount->dest);
        member_name(out, "mode");
        writer_json_string(out, mount->mode);
        member_name(out, "rdwr");
        writer_text(out, mount->is_writable ? "true" : "false");
        member_name(out, "propagation");
        writer_json_string(out, mount->propagation);
        writer_byte(out, '}');
    }
    writer_byte(out, ']');
}

void container_info_json(const struct container_info *info, struct writer *out)
{
    writer_byte(out, '{');
    member_name(out, "container.id");
    writer_json_string(out, info->short_id);
    member_name(out, "container.type");
    writer_json_string(out, span_str(container_type_name(info->type)));
    for (size_t index = 0; index < TEXT_COUNT; index++) {
        span text = *text_at(info, index);
        if (!text.data)
            continue;
        member_name(out, text_table[index].name);
        writer_json_string(out, text);
    }
    for (size_t index = 0; index < TRUTH_COUNT; index++) {
        enum container_truth truth = *truth_at(info, index);
        if (truth == TRUTH_UNKNOWN)
            continue;
        member_name(out, truth_table[index].name);
        writer_text(out, truth == TRUTH_YES ? "true" : "false");
    }
    if (info->started_wall_ns) {
        member_name(out, "container.start_ts");
        writer_format(out, "%llu", (unsigned long long)info->started_wall_ns);
    }
    labels_json(out, "container.labels", info->labels, info->label_count);
    labels_json(out, "k8s.pod.labels", info->pod_labels, info->pod_label_count);
    mounts_json(out, info);
    writer_byte(out, '}');
}
