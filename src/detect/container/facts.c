#include <time.h>

#include "container/internal.h"

static const char *const type_names[CONTAINER_TYPE_COUNT] = {
    [CONTAINER_OTHER] = "other",           [CONTAINER_DOCKER] = "docker",
    [CONTAINER_CONTAINERD] = "containerd", [CONTAINER_CRIO] = "cri-o",
    [CONTAINER_PODMAN] = "podman",
};

const char *container_type_name(enum container_type type)
{
    return type < CONTAINER_TYPE_COUNT ? type_names[type] : type_names[CONTAINER_OTHER];
}

span container_label_find(const struct container_label *labels, size_t count, span key)
{
    for (size_t index = 0; index < count; index++) {
        if (span_eq(labels[index].key, key))
            return labels[index].value;
    }
    return (span){0};
}

span facts_copy(struct facts *facts, span s)
{
    span copy = {0};
    if (s.len <= TEXT_BYTES_MAX)
        copy = arena_dup(facts->arena, s);
    if (!copy.data)
        facts->info->is_cut = true;
    return copy;
}

void facts_text(struct facts *facts, span *field, span s)
{
    if (!field->data && s.len > 0)
        *field = facts_copy(facts, s);
}

void facts_truth(enum container_truth *field, bool is_true)
{
    if (*field == TRUTH_UNKNOWN)
        *field = is_true ? TRUTH_YES : TRUTH_NO;
}

/* Returns the number copied; *ret_labels stays NULL when there are none. */
static size_t labels_copy(struct facts *facts, const json_t *object,
                          const struct container_label **ret_labels)
{
    size_t count = json_object_size(object);
    if (count > LABELS_MAX) {
        facts->info->is_cut = true;
        count = LABELS_MAX;
    }
    struct container_label *labels =
        count ? arena_alloc(facts->arena, count * sizeof *labels) : NULL;
    if (!labels) {
        facts->info->is_cut |= count > 0;
        return 0;
    }
    size_t used = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        if (used == count)
            break;
        if (!json_is_string(value))
            continue;
        struct container_label label = {facts_copy(facts, span_str(key)),
                                        facts_copy(facts, json_span(value))};
        if (label.key.data && label.value.data)
            labels[used++] = label;
    }
    *ret_labels = labels;
    return used;
}

void facts_labels(struct facts *facts, const json_t *object)
{
    if (!facts->info->label_count)
        facts->info->label_count = labels_copy(facts, object, &facts->info->labels);
}

void facts_pod_labels(struct facts *facts, const json_t *object)
{
    if (!facts->info->pod_label_count)
        facts->info->pod_label_count = labels_copy(facts, object, &facts->info->pod_labels);
}

bool label_list_add(void *context, span key, span value)
{
    struct label_list *list = context;
    if (list->count == LABELS_MAX) {
        list->is_cut = true;
        return false;
    }
    list->labels[list->count++] = (struct container_label){key, value};
    return true;
}

void facts_label_list(struct facts *facts, const struct label_list *list, bool is_pod)
{
    struct container_info *info = facts->info;
    if (list->count == 0 || (is_pod ? info->pod_label_count : info->label_count))
        return;
    struct container_label *labels = arena_alloc(facts->arena, list->count * sizeof *labels);
    size_t used = 0;
    info->is_cut |= list->is_cut || !labels;
    for (size_t index = 0; labels && index < list->count; index++) {
        struct container_label label = {facts_copy(facts, list->labels[index].key),
                                        facts_copy(facts, list->labels[index].value)};
        if (label.key.data && label.value.data)
            labels[used++] = label;
    }
    if (is_pod) {
        info->pod_labels = labels;
        info->pod_label_count = used;
    } else {
        info->labels = labels;
        info->label_count = used;
    }
}

struct container_mount *facts_mounts_begin(struct facts *facts, size_t *count)
{
    if (facts->info->mount_count || *count == 0)
        return NULL;
    if (*count > MOUNTS_MAX) {
        facts->info->is_cut = true;
        *count = MOUNTS_MAX;
    }
    struct container_mount *mounts = arena_alloc(facts->arena, *count * sizeof *mounts);
    if (!mounts)
        facts->info->is_cut = true;
    return mounts;
}

/* ---- images ---- */

span without_algorithm(span digest)
{
    span rest = digest, algorithm;
    return span_until(&rest, ':', &algorithm) ? rest : digest;
}

static span last_after(span s, uint8_t byte)
{
    for (size_t index = s.len; index > 0; index--) {
        if (s.data[index - 1] == byte)
            return span_after(s, index);
    }
    return (span){0};
}

void facts_image_name(struct facts *facts, span image)
{
    struct container_info *info = facts->info;
    span digest = last_after(image, '@');
    if (digest.data) {
        if (span_contains(digest, SPAN(":")))
            facts_text(facts, &info->image_digest, digest);
        image = span_first(image, image.len - digest.len - 1);
    }
    if (span_starts(image, SPAN("sha256:")) || is_hex_id(image))
        return; /* an id, not a name */
    /* a colon before the last slash belongs to the registry's port */
    span last = last_after(image, '/');
    span tag = last_after(last.data ? last : image, ':');
    if (tag.data) {
        facts_text(facts, &info->image_tag, tag);
        image = span_first(image, image.len - tag.len - 1);
    }
    facts_text(facts, &info->image_repository, image);
}

/* ---- time ---- */

/* `count` decimal digits, then the byte `end` (0: none). */
static bool take_number(span *s, size_t count, char end, int *ret)
{
    span digits;
    if (!span_take(s, count, &digits))
        return false;
    *ret = 0;
    for (size_t index = 0; index < count; index++) {
        if (digits.data[index] < '0' || digits.data[index] > '9')
            return false;
        *ret = *ret * 10 + (digits.data[index] - '0');
    }
    uint8_t byte;
    return !end || (span_u8(s, &byte) && byte == (uint8_t)end);
}

static bool take_fraction(span *s, uint64_t *ret_ns)
{
    *ret_ns = 0;
    if (s->len == 0 || s->data[0] != '.')
        return true;
    *s = span_after(*s, 1);
    uint64_t unit = 100000000u;
    size_t digits = 0;
    for (; s->len && s->data[0] >= '0' && s->data[0] <= '9'; digits++) {
        *ret_ns += (uint64_t)(s->data[0] - '0') * unit;
        unit /= 10;
        *s = span_after(*s, 1);
    }
    return digits > 0;
}

uint64_t time_parse(span text)
{
    int year, month, day, hour, minute, second, zone_hours = 0, zone_minutes = 0;
    uint64_t ns;
    if (!take_number(&text, 4, '-', &year) || !take_number(&text, 2, '-', &month) ||
        !take_number(&text, 2, 'T', &day) || !take_number(&text, 2, ':', &hour) ||
        !take_number(&text, 2, ':', &minute) || !take_number(&text, 2, 0, &second) ||
        !take_fraction(&text, &ns))
        return 0;
    uint8_t zone;
    if (!span_u8(&text, &zone) || (zone != 'Z' && zone != '+' && zone != '-'))
        return 0;
    if (zone != 'Z' &&
        (!take_number(&text, 2, ':', &zone_hours) || !take_number(&text, 2, 0, &zone_minutes)))
        return 0;
    if (text.len || year < 1971 || year > 2500 || month < 1 || month > 12 || day < 1 || day > 31)
        return 0;
    struct tm parts = {.tm_year = year - 1900,
                       .tm_mon = month - 1,
                       .tm_mday = day,
                       .tm_hour = hour,
                       .tm_min = minute,
                       .tm_sec = second};
    int64_t seconds = timegm(&parts);
    int64_t offset = (zone_hours * 60 + zone_minutes) * 60;
    seconds -= zone == '+' ? offset : -offset;
    return (uint64_t)seconds * 1000000000u + ns;
}
