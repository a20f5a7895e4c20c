/* MITRE ATT&CK for Enterprise: which techniques there are, and how rules name them in their tags.
 * The table is of version ATTACK_VERSION; ids and names are MITRE's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"

#define ATTACK_VERSION "18"

/* In the order of MITRE's matrix. */
enum attack_tactic {
    ATTACK_RECONNAISSANCE,
    ATTACK_RESOURCE_DEVELOPMENT,
    ATTACK_INITIAL_ACCESS,
    ATTACK_EXECUTION,
    ATTACK_PERSISTENCE,
    ATTACK_PRIVILEGE_ESCALATION,
    ATTACK_DEFENSE_EVASION,
    ATTACK_CREDENTIAL_ACCESS,
    ATTACK_DISCOVERY,
    ATTACK_LATERAL_MOVEMENT,
    ATTACK_COLLECTION,
    ATTACK_COMMAND_AND_CONTROL,
    ATTACK_EXFILTRATION,
    ATTACK_IMPACT,
};
#define ATTACK_TACTIC_COUNT 14

/* "Credential Access", and as the Navigator spells it: "credential-access". */
const char *attack_tactic_title(enum attack_tactic tactic);
const char *attack_tactic_name(enum attack_tactic tactic);

struct attack_technique {
    const char *id;   /* "T1003", "T1003.008" */
    uint16_t tactics; /* a bit each, enum attack_tactic */
    const char *name;
};

/* All techniques and sub-techniques, by id: the number of them, and each. */
size_t attack_technique_count(void);
const struct attack_technique *attack_technique_at(size_t index);
/* "T1003.008", any case. NULL: no such technique (never was, or revoked). O(log n). */
const struct attack_technique *attack_technique_find(span id);

/* Is the tag meant as a technique ("T1003.008", "attack.t1003.008")? *ret_id borrows from it: the
 * part from the T on. It need not exist. */
bool attack_tag_technique(span tag, span *ret_id);
/* The same for a tactic: "mitre_credential_access", "attack.credential-access" (or with `_`). */
bool attack_tag_tactic(span tag, enum attack_tactic *ret);
