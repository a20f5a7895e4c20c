/* dockerd's files: containers/ID/config.v2.json and hostconfig.json, image/DRIVER/repositories.json
 * (moby container/container.go, volume/mounts/mounts.go, image store; format of 1.10 and later). */
#include "container/internal.h"
#include "core/cleanup.h"

/* Labels that kubelet gave docker's containers (cri-dockerd, and kubelet before 1.24). */
static void kubernetes_labels(struct facts *facts, const json_t *labels)
{
    struct container_info *info = facts->info;
    facts_text(facts, &info->pod_name,
               json_span(json_object_get(labels, "io.kubernetes.pod.name")));
    facts_text(facts, &info->pod_uid, json_span(json_object_get(labels, "io.kubernetes.pod.uid")));
    facts_text(facts, &info->pod_namespace,
               json_span(json_object_get(labels, "io.kubernetes.pod.namespace")));
    span sandbox = json_span(json_object_get(labels, "io.kubernetes.sandbox.id"));
    if (span_eq(json_span(json_object_get(labels, "io.kubernetes.docker.type")),
                SPAN("podsandbox"))) {
        info->is_sandbox = true;
        sandbox = info->id;
    }
    facts_text(facts, &info->pod_sandbox_id, sandbox);
}

static void config_mounts(struct facts *facts, const json_t *points)
{
    size_t count = json_object_size(points);
    struct container_mount *mounts = facts_mounts_begin(facts, &count);
    if (!mounts)
        return;
    size_t used = 0;
    const char *dest;
    json_t *point;
    json_object_foreach((json_t *)points, dest, point)
    {
        if (used == count)
            break;
        mounts[used++] = (struct container_mount){
            .source = facts_copy(facts, json_span(json_object_get(point, "Source"))),
            .dest = facts_copy(facts, span_str(dest)),
            .mode = facts_copy(facts, json_span(json_object_get(point, "Relabel"))),
            .propagation = facts_copy(facts, json_span(json_object_get(point, "Propagation"))),
            .is_writable = json_is_true(json_object_get(point, "RW")),
        };
    }
    facts->info->mounts = mounts;
    facts->info->mount_count = used;
}

static void config_address(struct facts *facts, const json_t *networks)
{
    static const char *const names[] = {"IPAddress", "GlobalIPv6Address"};
    for (size_t index = 0; index < sizeof names / sizeof *names; index++) {
        const char *network;
        json_t *value;
        json_object_foreach((json_t *)networks, network, value)
        {
            facts_text(facts, &facts->info->ip, json_span(json_object_get(value, names[index])));
        }
    }
}

err_kind docker_config_parse(span bytes, struct facts *facts, span *ret_driver, struct err_ctx *err)
{
    AUTO(auto_json) json_t *root = NULL;
    if (json_parse(bytes, &root, err))
        return err->kind;
    struct container_info *info = facts->info;
    if (!span_eq(json_span(json_object_get(root, "ID")), info->id))
        return err_set(err, ERR_INPUT, "'ID' is not the container's");
    span name = json_span(json_object_get(root, "Name"));
    facts_text(facts, &info->name, span_starts(name, SPAN("/")) ? span_after(name, 1) : name);
    span image = json_span(json_object_get(json_object_get(root, "Config"), "Image"));
    facts_text(facts, &info->image, image);
    facts_text(facts, &info->image_id,
               without_algorithm(json_span(json_object_get(root, "Image"))));
    facts_image_name(facts, image);
    /* set where images lie in containerd's store: there is no repositories.json then */
    facts_text(facts, &info->image_digest,
               json_span(json_object_get(json_object_get(root, "ImageManifest"), "digest")));
    const json_t *labels = json_object_get(json_object_get(root, "Config"), "Labels");
    facts_labels(facts, labels);
    kubernetes_labels(facts, labels);
    config_mounts(facts, json_object_get(root, "MountPoints"));
    config_address(facts, json_object_get(json_object_get(root, "NetworkSettings"), "Networks"));
    info->created_wall_ns = time_parse(json_span(json_object_get(root, "Created")));
    info->started_wall_ns =
        time_parse(json_span(json_object_get(json_object_get(root, "State"), "StartedAt")));
    span driver = json_span(json_object_get(root, "Driver"));
    *ret_driver = is_plain_word(driver) ? facts_copy(facts, driver) : (span){0};
    return OK;
}

err_kind docker_host_config_parse(span bytes, struct facts *facts, struct err_ctx *err)
{
    AUTO(auto_json) json_t *root = NULL;
    if (json_parse(bytes, &root, err))
        return err->kind;
    struct container_info *info = facts->info;
    const json_t *privileged = json_object_get(root, "Privileged");
    if (json_is_boolean(privileged))
        facts_truth(&info->privileged, json_is_true(privileged));
    span pid = json_span(json_object_get(root, "PidMode"));
    span network = json_span(json_object_get(root, "NetworkMode"));
    span ipc = json_span(json_object_get(root, "IpcMode"));
    if (pid.data)
        facts_truth(&info->host_pid, span_eq(pid, SPAN("host")));
    if (network.data)
        facts_truth(&info->host_network, span_eq(network, SPAN("host")));
    if (ipc.data)
        facts_truth(&info->host_ipc, span_eq(ipc, SPAN("host")));
    return OK;
}

/* {"Repositories": {"nginx": {"nginx:1.25": "sha256:ID", "nginx@sha256:DIGEST": "sha256:ID"}}}.
 * Gives the digest of the container's image, first from its own repository, then from any; and a
 * container that was started by image id gets a name. */
err_kind docker_repositories_parse(span bytes, struct facts *facts, struct err_ctx *err)
{
    AUTO(auto_json) json_t *root = NULL;
    if (json_parse(bytes, &root, err))
        return err->kind;
    struct container_info *info = facts->info;
    bool has_name = info->image_repository.data;
    for (int own = 1; own >= 0; own--) {
        const char *repository;
        json_t *references;
        json_object_foreach((json_t *)json_object_get(root, "Repositories"), repository, references)
        {
            if (own && !(has_name && span_eq(span_str(repository), info->image_repository)))
                continue;
            const char *reference;
            json_t *value;
            json_object_foreach(references, reference, value)
            {
                if (!span_eq(without_algorithm(json_span(value)), info->image_id))
                    continue;
                span name = span_str(reference);
                if (span_contains(name, SPAN("@")) || !has_name)
                    facts_image_name(facts, name);
            }
        }
    }
    return OK;
}

static void read_host_config(struct sources *sources, const char *root, struct facts *facts)
{
    struct open_request request;
    AUTO(auto_file) struct file file = {0};
    struct err_ctx err;
    if (request_init(&request, OPEN_DOCKER_HOST_CONFIG, root, facts->info->id, (span){0}) &&
        sources_read(sources, &request, PARSE_BYTES_MAX, &file) &&
        docker_host_config_parse(span_of(file.data, file.len), facts, &err))
        sources_complain(sources, &request, &err);
}

static void read_repositories(struct sources *sources, const char *root, span driver,
                              struct facts *facts)
{
    struct open_request request;
    AUTO(auto_file) struct file file = {0};
    struct err_ctx err;
    if (request_init(&request, OPEN_DOCKER_REPOSITORIES, root, (span){0}, driver) &&
        sources_read(sources, &request, INDEX_BYTES_MAX, &file) &&
        docker_repositories_parse(span_of(file.data, file.len), facts, &err))
        sources_complain(sources, &request, &err);
}

bool docker_find(struct sources *sources, struct facts *facts)
{
    struct roots *roots = &sources->roots;
    for (size_t index = 0; index < roots->count[ROOT_DOCKER]; index++) {
        struct root *root = &roots->list[ROOT_DOCKER][index];
        struct open_request request;
        AUTO(auto_file) struct file file = {0};
        if (!request_init(&request, OPEN_DOCKER_CONFIG, root->path, facts->info->id, (span){0}) ||
            !sources_read(sources, &request, PARSE_BYTES_MAX, &file))
            continue;
        struct err_ctx err;
        span driver = {0};
        if (docker_config_parse(span_of(file.data, file.len), facts, &driver, &err)) {
            sources_complain(sources, &request, &err);
            continue;
        }
        facts->info->type = CONTAINER_DOCKER;
        root->is_proven = true;
        read_host_config(sources, root->path, facts);
        if (driver.data && facts->info->image_id.data)
            read_repositories(sources, root->path, driver, facts);
        return true;
    }
    return false;
}
