/* config.json of the OCI runtime specification, as containerd, CRI-O and podman write it for runc,
 * with their annotations (containerd pkg/cri/annotations, cri-o/pkg/annotations, libpod). */
#include "container/internal.h"
#include "core/cleanup.h"

/* Each names a field; the first that is there and not empty wins. */
struct annotation {
    const char *key;
    size_t field; /* offset of a span in struct container_info */
};

#define FIELD(name) offsetof(struct container_info, name)

static const struct annotation annotation_table[] = {
    {"io.kubernetes.cri.container-name", FIELD(name)},
    {"io.kubernetes.cri.sandbox-name", FIELD(pod_name)},
    {"io.kubernetes.cri.sandbox-namespace", FIELD(pod_namespace)},
    {"io.kubernetes.cri.sandbox-uid", FIELD(pod_uid)},
    {"io.kubernetes.cri.sandbox-id", FIELD(pod_sandbox_id)},
    {"io.kubernetes.container.name", FIELD(name)},
    {"io.kubernetes.pod.name", FIELD(pod_name)},
    {"io.kubernetes.pod.namespace", FIELD(pod_namespace)},
    {"io.kubernetes.pod.uid", FIELD(pod_uid)},
    {"io.kubernetes.cri-o.KubeName", FIELD(pod_name)},
    {"io.kubernetes.cri-o.Namespace", FIELD(pod_namespace)},
    {"io.kubernetes.cri-o.SandboxID", FIELD(pod_sandbox_id)},
    {"io.kubernetes.cri-o.ContainerName", FIELD(name)},
    {"io.kubernetes.cri-o.Name", FIELD(name)},
    {"io.kubernetes.cri-o.IP.0", FIELD(ip)},
    {"io.kubernetes.cri-o.CNIResult", FIELD(cni_json)},
    {"nerdctl/name", FIELD(name)},
};

/* Image names, the best first. */
static const char *const image_annotations[] = {
    "io.kubernetes.cri.image-name",
    "io.kubernetes.cri-o.ImageName",
    "io.kubernetes.cri.podsandbox.image-name",
};

static span text_of(const json_t *annotations, const char *key)
{
    return json_span(json_object_get(annotations, key));
}

/* CRI-O keeps label maps as JSON in an annotation. */
static void labels_in_text(struct facts *facts, span text, bool is_sandbox)
{
    struct err_ctx err;
    AUTO(auto_json) json_t *labels = NULL;
    if (!text.data || json_parse(text, &labels, &err))
        return;
    if (is_sandbox)
        facts_pod_labels(facts, labels);
    else
        facts_labels(facts, labels);
}

static void read_images(struct facts *facts, const json_t *annotations)
{
    struct container_info *info = facts->info;
    for (size_t index = 0; index < sizeof image_annotations / sizeof *image_annotations; index++) {
        span image = text_of(annotations, image_annotations[index]);
        if (!image.len)
            continue;
        facts_text(facts, &info->image, image);
        facts_image_name(facts, image);
    }
    span reference = text_of(annotations, "io.kubernetes.cri-o.ImageRef");
    if (is_hex_id(without_algorithm(reference)))
        facts_text(facts, &info->image_id, without_algorithm(reference));
    else if (reference.len)
        facts_image_name(facts, reference);
    span image = text_of(annotations, "io.kubernetes.cri-o.Image");
    if (is_hex_id(without_algorithm(image)))
        facts_text(facts, &info->image_id, without_algorithm(image));
}

static void read_annotations(struct facts *facts, const json_t *annotations)
{
    struct container_info *info = facts->info;
    for (size_t index = 0; index < sizeof annotation_table / sizeof *annotation_table; index++) {
        span *field = (span *)((char *)info + annotation_table[index].field);
        facts_text(facts, field, text_of(annotations, annotation_table[index].key));
    }
    read_images(facts, annotations);

    span manager = text_of(annotations, "io.container.manager");
    if (span_eq(manager, SPAN("libpod")))
        info->type = CONTAINER_PODMAN;
    else if (span_eq(manager, SPAN("cri-o")))
        info->type = CONTAINER_CRIO;
    span kind = text_of(annotations, "io.kubernetes.cri.container-type");
    if (!kind.len)
        kind = text_of(annotations, "io.kubernetes.cri-o.ContainerType");
    info->is_sandbox = span_eq(kind, SPAN("sandbox"));
    labels_in_text(facts, text_of(annotations, "io.kubernetes.cri-o.Labels"), info->is_sandbox);
    info->created_wall_ns = time_parse(text_of(annotations, "io.kubernetes.cri-o.Created"));

    span privileged = text_of(annotations, "io.kubernetes.cri-o.PrivilegedRuntime");
    if (!privileged.len)
        privileged = text_of(annotations, "io.podman.annotations.privileged");
    if (privileged.len)
        facts_truth(&info->privileged,
                    span_eq(privileged, SPAN("true")) || span_eq(privileged, SPAN("TRUE")));
}

/* ---- mounts ---- */

static bool has_text(const json_t *list, const char *text)
{
    size_t index;
    json_t *value;
    json_array_foreach(list, index, value)
    {
        if (span_eq(json_span(value), span_str(text)))
            return true;
    }
    return false;
}

/* What comes from the host; proc, tmpfs and the like are every container's own. */
static bool is_bind(const json_t *mount)
{
    const json_t *options = json_object_get(mount, "options");
    return span_eq(json_span(json_object_get(mount, "type")), SPAN("bind")) ||
           has_text(options, "bind") || has_text(options, "rbind");
}

static span propagation_of(const json_t *options)
{
    static const char *const kinds[] = {"rprivate", "private", "rshared",     "shared",
                                        "rslave",   "slave",   "runbindable", "unbindable"};
    for (size_t index = 0; index < sizeof kinds / sizeof *kinds; index++) {
        if (has_text(options, kinds[index]))
            return span_str(kinds[index]);
    }
    return SPAN("");
}

static void read_mounts(struct facts *facts, const json_t *list)
{
    size_t index, count = 0;
    json_t *value;
    json_array_foreach(list, index, value)
    {
        count += is_bind(value);
    }
    struct container_mount *mounts = facts_mounts_begin(facts, &count);
    if (!mounts)
        return;
    size_t used = 0;
    json_array_foreach(list, index, value)
    {
        if (used == count || !is_bind(value))
            continue;
        const json_t *options = json_object_get(value, "options");
        bool is_read_only = has_text(options, "ro");
        mounts[used++] = (struct container_mount){
            .source = facts_copy(facts, json_span(json_object_get(value, "source"))),
            .dest = facts_copy(facts, json_span(json_object_get(value, "destination"))),
            .mode = is_read_only ? SPAN("ro") : SPAN(""),
            .propagation = propagation_of(options),
            .is_writable = !is_read_only,
        };
    }
    facts->info->mounts = mounts;
    facts->info->mount_count = used;
}

/* ---- isolation ---- */

/* No such namespace: the host's. One of its own: not. A path: another process's, who knows whose.
 */
static void read_namespace(enum container_truth *field, const json_t *list, const char *type)
{
    if (!json_is_array(list))
        return;
    size_t index;
    json_t *value;
    json_array_foreach(list, index, value)
    {
        if (!span_eq(json_span(json_object_get(value, "type")), span_str(type)))
            continue;
        if (!json_span(json_object_get(value, "path")).len)
            facts_truth(field, false);
        return;
    }
    facts_truth(field, true);
}

/* What `--privileged` stands for: every device, no masked paths and the capabilities of the host's
 * root. The specification has no word of its own for it. */
static bool is_privileged(const json_t *spec)
{
    bool has_all_devices = false;
    size_t index;
    json_t *rule;
    json_array_foreach(
        json_object_get(json_object_get(json_object_get(spec, "linux"), "resources"), "devices"),
        index, rule)
    {
        bool is_any = !json_object_get(rule, "major") && !json_object_get(rule, "minor");
        span type = json_span(json_object_get(rule, "type"));
        if (is_any && (type.len == 0 || span_eq(type, SPAN("a"))))
            has_all_devices = json_is_true(json_object_get(rule, "allow"));
    }
    const json_t *bounding = json_object_get(
        json_object_get(json_object_get(spec, "process"), "capabilities"), "bounding");
    return has_all_devices &&
           json_array_size(json_object_get(json_object_get(spec, "linux"), "maskedPaths")) == 0 &&
           has_text(bounding, "CAP_SYS_ADMIN") && has_text(bounding, "CAP_SYS_MODULE");
}

err_kind oci_spec_parse(span bytes, struct facts *facts, struct err_ctx *err)
{
    AUTO(auto_json) json_t *root = NULL;
    if (json_parse(bytes, &root, err))
        return err->kind;
    if (!json_is_object(json_object_get(root, "linux")))
        return err_set(err, ERR_INPUT, "no 'linux' section, as a container's specification has");
    struct container_info *info = facts->info;
    if (info->type == CONTAINER_OTHER)
        info->type = CONTAINER_CONTAINERD;
    read_annotations(facts, json_object_get(root, "annotations"));
    read_mounts(facts, json_object_get(root, "mounts"));
    const json_t *namespaces = json_object_get(json_object_get(root, "linux"), "namespaces");
    read_namespace(&info->host_pid, namespaces, "pid");
    read_namespace(&info->host_network, namespaces, "network");
    read_namespace(&info->host_ipc, namespaces, "ipc");
    facts_truth(&info->privileged, is_privileged(root));
    return OK;
}
