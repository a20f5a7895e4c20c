/* A decoder for tests of fields: made records in, values by name out. */
#pragma once

#include <netinet/in.h>

#include <sys/socket.h>

#include "core/test.h"
#include "kernel/kernel.h"
#include "record/test_record.h"

struct fixture {
    struct process_table *table;
    struct kernel_decoder decoder;
    struct arena arena;
    uint64_t number;
};

static struct test_record made;

static const struct container_label labels[] = {{SPAN("app"), SPAN("shop")}};
static const struct container_mount mounts[] = {
    {SPAN("/var/run/docker.sock"), SPAN("/docker.sock"), SPAN("ro"), SPAN("rprivate"), false}};
static const struct container_info web = {.type = CONTAINER_DOCKER,
                                          .name = SPAN("web"),
                                          .image = SPAN("nginx:1.25"),
                                          .image_repository = SPAN("nginx"),
                                          .image_tag = SPAN("1.25"),
                                          .labels = labels,
                                          .label_count = 1,
                                          .mounts = mounts,
                                          .mount_count = 1,
                                          .privileged = TRUTH_YES,
                                          .started_wall_ns = TEST_WALL_NS,
                                          .pod_name = SPAN("shop-1")};

static const struct container_info *find_container(void *context, const struct container_key *key,
                                                   int32_t pid, uint64_t start_boot_ns,
                                                   uint64_t now_boot_ns)
{
    (void)context;
    (void)pid;
    (void)start_boot_ns;
    (void)now_boot_ns;
    return key->type == CONTAINER_DOCKER ? &web : NULL;
}

static bool find_user(void *context, const struct user_scope *scope, uint32_t uid, span *ret)
{
    (void)context;
    (void)scope;
    *ret = SPAN("alice");
    return uid == 1000;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct process_options options = {0};
    struct kernel_facts facts = {.container = find_container, .user_name = find_user};
    struct err_ctx err = {0};
    if (!fixture || process_table_open(&options, &fixture->table, &err) != OK) {
        free(fixture);
        return -1;
    }
    kernel_decoder_init(&fixture->decoder, fixture->table, &facts, TEST_WALL_NS, SPAN("box"));
    arena_init(&fixture->arena, 1 << 20);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    process_table_close(fixture->table);
    arena_free(&fixture->arena);
    free(fixture);
    return 0;
}

static void feed(struct fixture *fixture)
{
    struct err_ctx err = {0};
    arena_reset(&fixture->arena);
    assert_int_equal(kernel_decode(&fixture->decoder, test_span(&made), ++fixture->number, &err),
                     OK);
}

static struct value fetch(struct fixture *fixture, const char *name)
{
    struct field_ref ref;
    const char *hint;
    struct value value;
    enum field_lookup outcome = schema_resolve(&kernel_schema, span_str(name), &ref, &hint);
    if (outcome != FIELD_FOUND)
        fail_msg("%s does not resolve: %d", name, outcome);
    kernel_fetch(&fixture->decoder, &ref, &fixture->arena, &value);
    return value;
}

static void is_text(struct fixture *fixture, const char *name, const char *expected)
{
    struct value value = fetch(fixture, name);
    if (value.kind != VALUE_TEXT || !span_eq(value.text, span_str(expected)))
        fail_msg("%s: expected '%s', found kind %d '" PRI_SPAN "'", name, expected, value.kind,
                 ARG_SPAN(value.kind == VALUE_TEXT ? value.text : SPAN("")));
}

static void is_number(struct fixture *fixture, const char *name, int64_t expected)
{
    struct value value = fetch(fixture, name);
    if (value.kind != VALUE_INT || value.integer != expected)
        fail_msg("%s: expected %lld, found kind %d %lld", name, (long long)expected, value.kind,
                 (long long)value.integer);
}

static void is_truth(struct fixture *fixture, const char *name, bool expected)
{
    struct value value = fetch(fixture, name);
    if (value.kind != VALUE_BOOL || value.truth != expected)
        fail_msg("%s: expected %d, found kind %d %d", name, expected, value.kind, value.truth);
}

static void is_absent(struct fixture *fixture, const char *name)
{
    if (fetch(fixture, name).kind != VALUE_ABSENT)
        fail_msg("%s: expected none", name);
}

static void is_address(struct fixture *fixture, const char *name, uint8_t a, uint8_t b, uint8_t c,
                       uint8_t d)
{
    struct value value = fetch(fixture, name);
    const uint8_t bytes[4] = {a, b, c, d};
    if (value.kind != VALUE_ADDRESS || value.address.family != AF_INET ||
        memcmp(value.address.bytes, bytes, 4) != 0)
        fail_msg("%s: another address", name);
}
