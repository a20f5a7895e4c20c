/* container.*, k8s.*: where it happened. What the cgroup tells is always there; the rest comes from
 * the runtime's files through the facts, and is absent until they are there. */
#include <fnmatch.h>
#include <stdio.h>

#include "core/writer.h"
#include "kernel/fields.h"

#define SHORT_ID_BYTES 12
#define JOINED_MAX     65536

const struct container_info *fetch_container(const struct fetch *fetch, bool *ret_is_inside)
{
    struct kernel_decoder *decoder = fetch->decoder;
    struct container_key key;
    *ret_is_inside = process_container(decoder->table, fetch->process, &key);
    if (!*ret_is_inside)
        return NULL;
    if (!decoder->is_container_asked && decoder->facts.container) {
        const struct record_head *head = &decoder->record.head;
        decoder->container = decoder->facts.container(decoder->facts.context, &key, head->pid,
                                                      head->start_boot_ns, head->time_boot_ns);
    }
    decoder->is_container_asked = true;
    *ret_is_inside = decoder->container || key.is_type_sure;
    return decoder->container;
}

static const struct container_info *info(const struct fetch *fetch)
{
    bool is_inside;
    return fetch_container(fetch, &is_inside);
}

static struct container_key key_of(const struct fetch *fetch)
{
    struct container_key key = {0};
    return process_container(fetch->decoder->table, fetch->process, &key)
               ? key
               : (struct container_key){0};
}

void field_container_id(const struct fetch *fetch, struct value *ret)
{
    bool is_inside;
    if (!fetch->process)
        return;
    (void)fetch_container(fetch, &is_inside);
    value_text(ret, is_inside ? span_first(key_of(fetch).id, SHORT_ID_BYTES) : SPAN("host"));
}

void field_container_full_id(const struct fetch *fetch, struct value *ret)
{
    bool is_inside;
    (void)fetch_container(fetch, &is_inside);
    if (is_inside)
        value_text(ret, key_of(fetch).id);
}

/* On the host some fields say so. */
static void text_or_host(const struct fetch *fetch, span text, struct value *ret)
{
    bool is_inside;
    (void)fetch_container(fetch, &is_inside);
    value_text(ret, is_inside || !fetch->process ? text : SPAN("host"));
}

void field_container_name(const struct fetch *fetch, struct value *ret)
{
    const struct container_info *found = info(fetch);
    text_or_host(fetch, found ? found->name : (span){NULL, 0}, ret);
}

void field_container_type_field(const struct fetch *fetch, struct value *ret)
{
    const struct container_info *found = info(fetch);
    enum container_type type = found ? found->type : key_of(fetch).type;
    text_or_host(fetch, span_str(container_type_name(type)), ret);
}

#define TEXT_OF_CONTAINER(field, member)                                                           \
    void field_##field(const struct fetch *fetch, struct value *ret)                               \
    {                                                                                              \
        const struct container_info *found = info(fetch);                                          \
        if (found)                                                                                 \
            value_text(ret, found->member);                                                        \
    }

TEXT_OF_CONTAINER(container_image, image)
TEXT_OF_CONTAINER(container_image_id, image_id)
TEXT_OF_CONTAINER(container_image_repository, image_repository)
TEXT_OF_CONTAINER(container_image_tag, image_tag)
TEXT_OF_CONTAINER(container_image_digest, image_digest)
TEXT_OF_CONTAINER(container_ip, ip)
TEXT_OF_CONTAINER(container_cni_json, cni_json)
TEXT_OF_CONTAINER(k8s_ns_name, pod_namespace)
TEXT_OF_CONTAINER(k8s_pod_name, pod_name)
TEXT_OF_CONTAINER(k8s_pod_full_sandbox_id, pod_sandbox_id)

void field_k8s_pod_sandbox_id(const struct fetch *fetch, struct value *ret)
{
    const struct container_info *found = info(fetch);
    if (found && found->pod_sandbox_id.data)
        value_text(ret, span_first(found->pod_sandbox_id, SHORT_ID_BYTES));
}

/* The cgroup path tells it too, with '_' for '-'. */
void field_k8s_pod_uid(const struct fetch *fetch, struct value *ret)
{
    const struct container_info *found = info(fetch);
    span uid = found && found->pod_uid.data ? found->pod_uid : key_of(fetch).pod_uid;
    if (uid.data)
        uid = arena_dup(fetch->arena, uid);
    if (!uid.data)
        return;
    for (size_t index = 0; index < uid.len; index++)
        if (uid.data[index] == '_')
            ((uint8_t *)(uintptr_t)uid.data)[index] = '-';
    value_text(ret, uid);
}

#define TRUTH_OF_CONTAINER(field, member)                                                          \
    void field_##field(const struct fetch *fetch, struct value *ret)                               \
    {                                                                                              \
        const struct container_info *found = info(fetch);                                          \
        if (found && found->member != TRUTH_UNKNOWN)                                               \
            value_bool(ret, found->member == TRUTH_YES);                                           \
    }

TRUTH_OF_CONTAINER(container_privileged, privileged)
TRUTH_OF_CONTAINER(container_host_pid, host_pid)
TRUTH_OF_CONTAINER(container_host_network, host_network)
TRUTH_OF_CONTAINER(container_host_ipc, host_ipc)

void field_container_start_ts(const struct fetch *fetch, struct value *ret)
{
    const struct container_info *found = info(fetch);
    if (found && found->started_wall_ns)
        value_uint(ret, found->started_wall_ns);
}

void field_container_duration(const struct fetch *fetch, struct value *ret)
{
    const struct container_info *found = info(fetch);
    if (!found)
        return;
    uint64_t start = found->started_wall_ns ? found->started_wall_ns : found->created_wall_ns;
    if (start && fetch_wall_ns(fetch) >= start)
        value_uint(ret, fetch_wall_ns(fetch) - start);
}

/* ---- labels ---- */

void field_container_label_field(const struct fetch *fetch, struct value *ret)
{
    const struct container_info *found = info(fetch);
    if (found)
        value_text(ret,
                   container_label_find(found->labels, found->label_count, fetch->ref->argument));
}

void field_k8s_pod_label(const struct fetch *fetch, struct value *ret)
{
    const struct container_info *found = info(fetch);
    if (found)
        value_text(ret, container_label_find(found->pod_labels, found->pod_label_count,
                                             fetch->ref->argument));
}

static void finish(const struct fetch *fetch, struct writer *writer, struct value *ret)
{
    if (!writer->is_full && writer->len)
        value_text(ret, arena_dup(fetch->arena, writer_span(writer)));
    writer_free(writer);
}

static void labels_join(const struct fetch *fetch, const struct container_label *labels,
                        size_t count, struct value *ret)
{
    struct writer writer;
    writer_init(&writer, JOINED_MAX);
    for (size_t index = 0; index < count; index++) {
        if (index)
            writer_text(&writer, ", ");
        writer_put(&writer, labels[index].key);
        writer_byte(&writer, ':');
        writer_put(&writer, labels[index].value);
    }
    finish(fetch, &writer, ret);
}

void field_container_labels(const struct fetch *fetch, struct value *ret)
{
    const struct container_info *found = info(fetch);
    if (found)
        labels_join(fetch, found->labels, found->label_count, ret);
}

void field_k8s_pod_labels(const struct fetch *fetch, struct value *ret)
{
    const struct container_info *found = info(fetch);
    if (found)
        labels_join(fetch, found->pod_labels, found->pod_label_count, ret);
}

/* ---- mounts ---- */

static void mount_write(struct writer *writer, const struct container_mount *mount)
{
    writer_put(writer, mount->source);
    writer_byte(writer, ':');
    writer_put(writer, mount->dest);
    writer_byte(writer, ':');
    writer_put(writer, mount->mode);
    writer_text(writer, mount->is_writable ? ":true:" : ":false:");
    writer_put(writer, mount->propagation);
}

void field_container_mounts(const struct fetch *fetch, struct value *ret)
{
    const struct container_info *found = info(fetch);
    struct writer writer;
    if (!found)
        return;
    writer_init(&writer, JOINED_MAX);
    for (size_t index = 0; index < found->mount_count; index++) {
        if (index)
            writer_byte(&writer, ',');
        mount_write(&writer, &found->mounts[index]);
    }
    finish(fetch, &writer, ret);
}

/* By number, or the first whose source (dest) fits the glob. */
static const struct container_mount *mount_find(const struct fetch *fetch,
                                                const struct container_info *found, bool by_dest)
{
    int64_t number = fetch->ref->index;
    if (number >= 0)
        return (size_t)number < found->mount_count ? &found->mounts[number] : NULL;
    span pattern = arena_dup(fetch->arena, fetch->ref->argument);
    for (size_t index = 0; pattern.data && index < found->mount_count; index++) {
        const struct container_mount *mount = &found->mounts[index];
        span path = arena_dup(fetch->arena, by_dest ? mount->dest : mount->source);
        if (path.data &&
            fnmatch((const char *)pattern.data, (const char *)path.data, FNM_PATHNAME) == 0)
            return mount;
    }
    return NULL;
}

/* Falco's word for a container without such a mount; rules compare with it. */
static const struct container_mount *mount_or(const struct fetch *fetch, bool by_dest,
                                              struct value *ret)
{
    bool is_inside;
    const struct container_info *found = fetch_container(fetch, &is_inside);
    const struct container_mount *mount = found ? mount_find(fetch, found, by_dest) : NULL;
    if (!mount && is_inside)
        value_text(ret, SPAN("N/A"));
    return mount;
}

void field_container_mount_field(const struct fetch *fetch, struct value *ret)
{
    const struct container_mount *mount = mount_or(fetch, false, ret);
    struct writer writer;
    if (!mount)
        return;
    writer_init(&writer, JOINED_MAX);
    mount_write(&writer, mount);
    finish(fetch, &writer, ret);
}

#define TEXT_OF_MOUNT(field, by_dest, expression)                                                  \
    void field_##field(const struct fetch *fetch, struct value *ret)                               \
    {                                                                                              \
        const struct container_mount *mount = mount_or(fetch, by_dest, ret);                       \
        if (mount)                                                                                 \
            value_text(ret, expression);                                                           \
    }

TEXT_OF_MOUNT(container_mount_source, true, mount->source)
TEXT_OF_MOUNT(container_mount_dest, false, mount->dest)
TEXT_OF_MOUNT(container_mount_mode, false, mount->mode)
TEXT_OF_MOUNT(container_mount_propagation, false, mount->propagation)
TEXT_OF_MOUNT(container_mount_rdwr, false, mount->is_writable ? SPAN("true") : SPAN("false"))
