/* Comparisons that no value of their field can pass. */
#include "falco/falco.h"
#include "lint/private.h"

#define COMM_BYTES 15 /* TASK_COMM_LEN of linux/sched.h without its NUL */
#define PORT_MAX   65535

/* ---- few values ---- */

static const char *const type_letters[] = {"f", "d", "4", "6", "u", "p", "e", "s", "l",
                                           "i", "t", "n", "b", "r", "m", "P", "o"};
static const char *const type_words[] = {"file",    "directory", "ipv4",     "ipv6",      "unix",
                                         "pipe",    "event",     "signalfd", "eventpoll", "inotify",
                                         "timerfd", "netlink",   "bpf",      "io_uring",  "memfd",
                                         "pidfd",   "<NA>"};
static const char *const protocols[] = {"tcp", "udp", "icmp", "raw", "<NA>"};

static const struct {
    const char *field;
    const char *const *values;
    size_t count;
} domains[] = {
    {"fd.typechar", type_letters, sizeof type_letters / sizeof type_letters[0]},
    {"fd.type", type_words, sizeof type_words / sizeof type_words[0]},
    {"fd.l4proto", protocols, sizeof protocols / sizeof protocols[0]},
};

const char *const *lint_domain(const struct lint *lint, const struct rule_predicate *predicate,
                               size_t *ret_count)
{
    if (!predicate->field || predicate->field->argument.data ||
        !span_eq(lint->rule->source, SPAN("syscall")))
        return NULL;
    span name = span_str(predicate->field->field->name);
    if (span_eq(name, SPAN("evt.type")))
        return falco_event_names(ret_count);
    for (size_t index = 0; index < sizeof domains / sizeof domains[0]; index++) {
        if (!span_eq(name, span_str(domains[index].field)))
            continue;
        *ret_count = domains[index].count;
        return domains[index].values;
    }
    return NULL;
}

/* ---- one literal ---- */

static bool is_comm(const struct rule_predicate *predicate)
{
    static const char *const names[] = {"proc.name",  "proc.pname",      "proc.aname",
                                        "proc.sname", "proc.vpgid.name", "proc.pgid.name"};
    span name = predicate->field ? span_str(predicate->field->field->name) : SPAN("");
    for (size_t index = 0; index < sizeof names / sizeof names[0]; index++)
        if (span_eq(name, span_str(names[index])))
            return true;
    return false;
}

static bool has_capital(span text)
{
    for (size_t index = 0; index < text.len; index++)
        if (text.data[index] >= 'A' && text.data[index] <= 'Z')
            return true;
    return false;
}

static bool has_small(span text)
{
    for (size_t index = 0; index < text.len; index++)
        if (text.data[index] >= 'a' && text.data[index] <= 'z')
            return true;
    return false;
}

/* Is the text part of every value that passes? */
static bool is_plain_text(const struct rule_compare *compare, const struct rule_literal *literal)
{
    return literal->value.kind == VALUE_TEXT &&
           (compare->op == RULE_EQUAL || compare->op == RULE_CONTAINS ||
            compare->op == RULE_STARTS || compare->op == RULE_ENDS);
}

/* Why no value passes; NULL: one may. */
static const char *text_fault(const struct lint *lint, const struct rule_predicate *predicate,
                              span text)
{
    bool is_exact = predicate->compare->case_mode == RULE_CASE_EXACT;
    bool is_syscall = span_eq(lint->rule->source, SPAN("syscall"));
    if (is_syscall && is_comm(predicate) && text.len > COMM_BYTES)
        return "the kernel keeps 15 bytes of a process's name";
    if (predicate->field)
        return NULL;
    if (predicate->function == RULE_LOWER && is_exact && has_capital(text))
        return "tolower() leaves no capital";
    if (predicate->function == RULE_UPPER && is_exact && has_small(text))
        return "toupper() leaves no small letter";
    if (predicate->function == RULE_BASENAME && memchr(text.data, '/', text.len))
        return "basename() leaves no '/'";
    return NULL;
}

static bool is_port(const struct rule_predicate *predicate)
{
    return predicate->field && predicate->compare->type == RULE_TYPE_NUMBER &&
           span_starts(span_str(predicate->field->field->name), SPAN("fd.")) &&
           span_ends(span_str(predicate->field->field->name), SPAN("port"));
}

static const char *number_fault(const struct rule_predicate *predicate, const struct value *value)
{
    bool is_under = value->kind == VALUE_INT && value->integer < 0;
    bool is_over =
        (value->kind == VALUE_INT && value->integer > PORT_MAX) || value->kind == VALUE_UINT;
    if (predicate->compare->op != RULE_EQUAL)
        return NULL;
    if (!predicate->field && predicate->function == RULE_LENGTH && is_under)
        return "a length is not negative";
    if (is_port(predicate) && (is_under || is_over))
        return "a port is 0 to 65535";
    return NULL;
}

static bool domain_has(struct lint *lint, uint32_t predicate, const char *const *values,
                       size_t count)
{
    for (size_t index = 0; index < count; index++) {
        const struct value value = {.kind = VALUE_TEXT, .text = span_str(values[index])};
        if (rule_program_holds(lint->program, predicate, &value))
            return true;
    }
    return false;
}

static bool domain_names(const char *const *values, size_t count, span text)
{
    for (size_t index = 0; index < count; index++)
        if (span_eq(span_str(values[index]), text))
            return true;
    return false;
}

/* `in (/etc, /etc/ssh)`: the first says it all. */
static void prefixes_check(struct lint *lint, uint32_t node, const struct rule_predicate *predicate)
{
    bool is_prefix =
        predicate->compare->op == RULE_PATH_PREFIX ||
        (predicate->compare->op == RULE_STARTS && predicate->compare->case_mode == RULE_CASE_EXACT);
    struct position at = lint_position(lint, node);
    if (!is_prefix || predicate->compare->literals != RULE_ANY || predicate->count > 1000)
        return;
    for (uint32_t outer = 0; outer < predicate->count; outer++) {
        span whole = predicate->literals[outer].value.text;
        for (uint32_t inner = 0; inner < predicate->count; inner++) {
            span part = predicate->literals[inner].value.text;
            bool is_path = predicate->compare->op == RULE_PATH_PREFIX;
            if (inner == outer || part.len == 0 || part.len >= whole.len ||
                !span_starts(whole, part) ||
                (is_path && whole.data[part.len] != '/' && part.data[part.len - 1] != '/'))
                continue;
            lint_report(lint, &at, "'" PRI_SPAN "' is never reached: '" PRI_SPAN "' comes first",
                        ARG_SPAN(whole), ARG_SPAN(part));
            break;
        }
    }
}

/* ---- one comparison ---- */

static void literals_check(struct lint *lint, uint32_t node, const struct rule_predicate *predicate)
{
    struct position at = lint_position(lint, node);
    size_t count = 0;
    const char *const *domain = lint_domain(lint, predicate, &count);
    for (uint32_t index = 0; index < predicate->count; index++) {
        const struct rule_literal *literal = &predicate->literals[index];
        const char *fault = NULL;
        if (is_plain_text(predicate->compare, literal))
            fault = text_fault(lint, predicate, literal->value.text);
        else if (predicate->compare->type == RULE_TYPE_NUMBER)
            fault = number_fault(predicate, &literal->value);
        if (!fault && domain && predicate->compare->op == RULE_EQUAL &&
            predicate->compare->case_mode == RULE_CASE_EXACT &&
            !domain_names(domain, count, literal->value.text))
            fault = "the field has no such value";
        if (fault && literal->value.kind == VALUE_TEXT)
            lint_report(lint, &at, "'" PRI_SPAN "' never matches: %s",
                        ARG_SPAN(literal->value.text), fault);
        else if (fault)
            lint_report(lint, &at, "%lld never matches: %s", (long long)literal->value.integer,
                        fault);
    }
}

static void predicate_check(struct lint *lint, uint32_t node, uint32_t id, bool truth)
{
    struct rule_predicate predicate;
    struct position at = lint_position(lint, node);
    size_t count = 0;
    rule_program_predicate(lint->program, id, &predicate);
    if (predicate.is_relation || predicate.compare->op == RULE_EXISTS)
        return;
    if (predicate.count == 0) {
        /* with an answer for absence it asks for that; where it must not hold, the list is one for
         * users to fill */
        if (truth && !predicate.compare->when_absent)
            lint_report(lint, &at, "no value to compare with: this never holds");
        return;
    }
    const char *const *domain = lint_domain(lint, &predicate, &count);
    if (domain && predicate.compare->op != RULE_EQUAL && !domain_has(lint, id, domain, count)) {
        lint_report(lint, &at, "no value of '%s' matches this", predicate.field->field->name);
        return;
    }
    literals_check(lint, node, &predicate);
    prefixes_check(lint, node, &predicate);
}

/* Nodes are shared: each is looked at as often as it is met, as far as LINT_STEPS_MAX reaches.
 * Recursion is bounded by the depth that an image may have. */
void lint_values(struct lint *lint, uint32_t root, bool truth)
{
    struct rule_node node;
    if (++lint->steps > LINT_STEPS_MAX)
        return;
    rule_program_node(lint->program, root, &node);
    if (node.kind == RULE_NODE_PREDICATE)
        predicate_check(lint, root, node.predicate, truth);
    for (uint32_t index = 0; index < node.count; index++)
        lint_values(lint, node.children[index], truth != (node.kind == RULE_NODE_NOT));
}
