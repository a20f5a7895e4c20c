/* What the kernel leaves out, no rule can match: shown by matching rules against every combination
 * of some paths, flags and outcomes, and asking the filter about each. */
#include <stdio.h>
#include <string.h>

#include "core/test.h"
#include "falco/falco.h"
#include "flat/flat.h"
#include "kernel/kernel.h"
#include "pipeline/prefilter.h"

static struct prefilter prefilter;

/* A program of one rule with this condition; the image lives in *image. */
static struct rule_program *compile(const char *condition, struct writer *image)
{
    char yaml[4096];
    struct err_ctx err = {0};
    struct rule_builder *builder;
    struct rule_program *program = NULL;
    struct diagnostics diagnostics;
    snprintf(yaml, sizeof yaml,
             "- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  condition: %s\n", condition);
    struct falco_input input = {.name = SPAN("test.yml"), .bytes = span_str(yaml)};
    diagnostics_init(&diagnostics, 10);
    writer_init(image, 1 << 20);
    assert_int_equal(rule_builder_open(&kernel_schema, &builder, &err), OK);
    assert_true(falco_load(&input, 1, &kernel_schema, builder, &diagnostics));
    assert_int_equal(rule_image_write(builder, image, &err), OK);
    rule_builder_close(builder);
    diagnostics_free(&diagnostics);
    assert_int_equal(rule_program_open(writer_span(image), &kernel_schema, &program, &err), OK);
    return program;
}

static bool has_name(span component, uint8_t flags)
{
    for (size_t index = 0; index < prefilter.count; index++) {
        const struct prefilter_name *name = &prefilter.names[index];
        if ((name->flags & flags) && span_eq(span_of(name->text, name->len), component))
            return true;
    }
    return false;
}

/* As the kernel programs decide (bpf/abi.h, struct open_filter). */
static bool is_kept(const char *path, bool is_write, bool is_failed)
{
    uint8_t flags = OPEN_NAME_ANY | (is_write ? OPEN_NAME_WRITE : 0);
    span rest = span_str(path + 1);
    if (!prefilter.filter.excludes || (is_failed && prefilter.filter.failed) ||
        (is_write && prefilter.filter.writes))
        return true;
    if (is_failed) /* there is no walk */
        return false;
    for (;;) {
        span part;
        if (!span_until(&rest, '/', &part))
            return has_name(rest, flags);
        if (has_name(part, flags))
            return true;
    }
}

static bool is_match(struct rule_program *program, const char *call, const char *path,
                     bool is_write, bool is_failed)
{
    char line[1024];
    struct err_ctx err = {0};
    struct event event;
    struct flat_decoder *decoder;
    uint32_t matches[1], undecided;
    const char *slash = strrchr(path, '/');
    snprintf(line, sizeof line,
             "{\"evt.type\":\"%s\",\"fd.name\":\"%s\",\"fd.directory\":\"%.*s\",\"fd.filename\":"
             "\"%s\",\"fs.path.name\":\"%s\",\"evt.is_open_write\":%s,\"evt.is_open_read\":%s,"
             "\"evt.failed\":%s,\"fd.num\":%d,\"proc.name\":\"x\"}",
             call, path, slash == path ? 1 : (int)(slash - path), path, slash + 1, path,
             is_write ? "true" : "false", is_write ? "false" : "true", is_failed ? "true" : "false",
             is_failed ? -1 : 3);
    assert_int_equal(flat_decoder_open(&decoder, &err), OK);
    assert_int_equal(
        event_open(&event, rule_program_projection(program), flat_fetch, decoder, &err), OK);
    assert_int_equal(flat_decode(decoder, span_str(line), 1, &err), OK);
    event_begin(&event);
    size_t count = rule_program_match(program, &event, matches, 1, &undecided);
    event_close(&event);
    flat_decoder_close(decoder);
    return count > 0;
}

static const char *const conditions[] = {
    "evt.type=openat and evt.failed=false and fd.name=/etc/shadow",
    "evt.type in (open,openat) and fd.num>=0 and fd.name in (/etc/shadow, /etc/gshadow)",
    "evt.type in (open,openat) and not evt.failed=true and fd.name startswith /etc/ssh",
    "evt.type in (open,openat) and not evt.failed=true and fd.name startswith /etc/",
    "evt.type in (open,openat) and not evt.failed=true and fd.name contains /.ssh/",
    "evt.type in (open,openat) and not evt.failed=true and fd.name contains ssh",
    "evt.type in (open,openat) and not evt.failed=true and fd.name endswith /authorized_keys",
    "evt.type in (open,openat) and not evt.failed=true and fd.name endswith _keys",
    "evt.type in (open,openat) and not evt.failed=true and fd.directory=/etc",
    "evt.type in (open,openat) and not evt.failed=true and fd.directory startswith /etc/ss",
    "evt.type in (open,openat) and not evt.failed=true and fd.filename=shadow",
    "evt.type in (open,openat) and not evt.failed=true and fd.filename startswith sha",
    "evt.type in (open,openat) and not evt.failed=true and fd.name pmatch (/etc/ssh, /root)",
    "evt.type in (open,openat) and not evt.failed=true and fd.name pmatch (/etc/*)",
    "evt.type in (open,openat) and not evt.failed=true and fd.name glob /etc/*",
    "evt.type in (open,openat) and not evt.failed=true and fd.name icontains /ETC/",
    "evt.type in (open,openat) and evt.is_open_write=true and not evt.failed=true",
    "evt.type in (open,openat) and evt.is_open_write=true and fd.name startswith /etc/",
    "evt.type=creat and fd.name startswith /root/",
    "evt.type in (open,openat) and evt.failed=true",
    "evt.type in (open,openat) and (fd.name=/etc/shadow or fd.directory=/root/.ssh)",
    "evt.type in (open,openat) and (fd.name=/etc/shadow or proc.name=x) and not evt.failed=true",
    "evt.type in (open,openat) and not fd.name=/etc/shadow",
    "evt.type in (open,openat) and fd.name!=/etc/shadow and not evt.failed=true",
    "evt.type exists and fd.filename=shadow",
    "proc.name=x",
    "evt.type in (open,openat) and fd.name in (/, //) and not evt.failed=true",
};

static const char *const paths[] = {
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/ssh/sshd_config",
    "/etc/sshkey",
    "/shadow",
    "/root/.ssh/id_rsa",
    "/root/.ssh/authorized_keys",
    "/root/etc",
    "/tmp/x",
    "/tmp/etc/ssh",
    "/",
    "/etc",
    "/root/x_keys",
    "/home/.ssh",
    "/ETC/x",
};

static void what_is_left_out_no_rule_can_match(void **state)
{
    (void)state;
    static const char *const calls[] = {"open", "openat", "creat"};
    struct err_ctx err;
    for (size_t rule = 0; rule < sizeof conditions / sizeof *conditions; rule++) {
        struct writer image;
        struct rule_program *program = compile(conditions[rule], &image);
        assert_int_equal(prefilter_make(program, &prefilter, &err), OK);
        for (unsigned mix = 0; mix < 15 * 12; mix++) {
            const char *path = paths[mix % 15], *call = calls[mix / 15 % 3];
            bool is_failed = mix / 45 % 2;
            bool is_write = mix / 90 % 2 || strcmp(call, "creat") == 0;
            if (is_match(program, call, path, is_write, is_failed) &&
                !is_kept(path, is_write, is_failed))
                fail_msg("'%s' matches %s of %s (write %d, failed %d), which is left out",
                         conditions[rule], call, path, is_write, is_failed);
        }
        rule_program_close(program);
        writer_free(&image);
    }
}

static void check_filter(const char *condition, bool excludes, const char *kept,
                         const char *left_out)
{
    struct err_ctx err;
    struct writer image;
    struct rule_program *program = compile(condition, &image);
    assert_int_equal(prefilter_make(program, &prefilter, &err), OK);
    assert_int_equal(prefilter.filter.excludes, excludes);
    assert_true(is_kept(kept, false, false));
    if (left_out)
        assert_false(is_kept(left_out, false, false));
    rule_program_close(program);
    writer_free(&image);
}

static void what_rules_do_not_ask_for_is_left_out(void **state)
{
    (void)state;
    check_filter(conditions[0], true, "/etc/shadow", "/etc/passwd");
    check_filter(conditions[4], true, "/root/.ssh/x", "/root/ssh/x");
}

static void a_rule_that_could_match_any_open_keeps_all(void **state)
{
    (void)state;
    check_filter("proc.name=x", false, "/tmp/x", NULL);
    check_filter("evt.type=openat and fd.name contains ssh", false, "/tmp/x", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_out_no_rule_can_match),
        cmocka_unit_test(what_rules_do_not_ask_for_is_left_out),
        cmocka_unit_test(a_rule_that_could_match_any_open_keeps_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
