#include <ctype.h>
#include <strings.h>

#include "attack/table.h"

static const struct {
    const char *name;
    const char *title;
} tactics[ATTACK_TACTIC_COUNT] = {
    [ATTACK_RECONNAISSANCE] = {"reconnaissance", "Reconnaissance"},
    [ATTACK_RESOURCE_DEVELOPMENT] = {"resource-development", "Resource Development"},
    [ATTACK_INITIAL_ACCESS] = {"initial-access", "Initial Access"},
    [ATTACK_EXECUTION] = {"execution", "Execution"},
    [ATTACK_PERSISTENCE] = {"persistence", "Persistence"},
    [ATTACK_PRIVILEGE_ESCALATION] = {"privilege-escalation", "Privilege Escalation"},
    [ATTACK_DEFENSE_EVASION] = {"defense-evasion", "Defense Evasion"},
    [ATTACK_CREDENTIAL_ACCESS] = {"credential-access", "Credential Access"},
    [ATTACK_DISCOVERY] = {"discovery", "Discovery"},
    [ATTACK_LATERAL_MOVEMENT] = {"lateral-movement", "Lateral Movement"},
    [ATTACK_COLLECTION] = {"collection", "Collection"},
    [ATTACK_COMMAND_AND_CONTROL] = {"command-and-control", "Command and Control"},
    [ATTACK_EXFILTRATION] = {"exfiltration", "Exfiltration"},
    [ATTACK_IMPACT] = {"impact", "Impact"},
};

const char *attack_tactic_title(enum attack_tactic tactic)
{
    return tactics[tactic].title;
}

const char *attack_tactic_name(enum attack_tactic tactic)
{
    return tactics[tactic].name;
}

size_t attack_technique_count(void)
{
    return attack_table_low_count + attack_table_high_count;
}

const struct attack_technique *attack_technique_at(size_t index)
{
    return index < attack_table_low_count ? &attack_table_low[index]
                                          : &attack_table_high[index - attack_table_low_count];
}

static int id_order(span id, const char *other)
{
    size_t len = strlen(other);
    int order = strncasecmp((const char *)id.data, other, id.len < len ? id.len : len);
    return order ? order : (id.len > len) - (id.len < len);
}

const struct attack_technique *attack_technique_find(span id)
{
    size_t first = 0, end = attack_technique_count();
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        int order = id_order(id, attack_technique_at(middle)->id);
        if (order == 0)
            return attack_technique_at(middle);
        if (order < 0)
            end = middle;
        else
            first = middle + 1;
    }
    return NULL;
}

/* ---- tags ---- */

static bool digits_take(span *text, size_t count)
{
    span digits;
    if (!span_take(text, count, &digits))
        return false;
    for (size_t index = 0; index < count; index++)
        if (!isdigit(digits.data[index]))
            return false;
    return true;
}

bool attack_tag_technique(span tag, span *ret_id)
{
    uint8_t letter, dot;
    if (span_starts(tag, SPAN("attack.")))
        tag = span_after(tag, 7);
    span rest = tag;
    if (!span_u8(&rest, &letter) || (letter != 'T' && letter != 't') || !digits_take(&rest, 4))
        return false;
    if (rest.len && (!span_u8(&rest, &dot) || dot != '.' || !digits_take(&rest, 3) || rest.len))
        return false;
    *ret_id = tag;
    return true;
}

static bool is_tactic(span word, const char *name)
{
    if (word.len != strlen(name))
        return false;
    for (size_t index = 0; index < word.len; index++) {
        uint8_t letter = word.data[index] == '_' ? '-' : (uint8_t)tolower(word.data[index]);
        if (letter != (uint8_t)name[index])
            return false;
    }
    return true;
}

bool attack_tag_tactic(span tag, enum attack_tactic *ret)
{
    if (span_starts(tag, SPAN("attack.")))
        tag = span_after(tag, 7);
    else if (span_starts(tag, SPAN("mitre_")))
        tag = span_after(tag, 6);
    else
        return false;
    for (size_t tactic = 0; tactic < ATTACK_TACTIC_COUNT; tactic++) {
        if (is_tactic(tag, tactics[tactic].name)) {
            *ret = (enum attack_tactic)tactic;
            return true;
        }
    }
    return false;
}
