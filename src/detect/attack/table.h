/* Private to attack: the two halves of the table, each sorted by id, the low one first. */
#pragma once

#include "attack/attack.h"

/* One letter a tactic, so that a row is a line. */
enum {
    R = 1 << ATTACK_RECONNAISSANCE,
    W = 1 << ATTACK_RESOURCE_DEVELOPMENT,
    I = 1 << ATTACK_INITIAL_ACCESS,
    X = 1 << ATTACK_EXECUTION,
    P = 1 << ATTACK_PERSISTENCE,
    U = 1 << ATTACK_PRIVILEGE_ESCALATION,
    E = 1 << ATTACK_DEFENSE_EVASION,
    A = 1 << ATTACK_CREDENTIAL_ACCESS,
    D = 1 << ATTACK_DISCOVERY,
    L = 1 << ATTACK_LATERAL_MOVEMENT,
    C = 1 << ATTACK_COLLECTION,
    N = 1 << ATTACK_COMMAND_AND_CONTROL,
    O = 1 << ATTACK_EXFILTRATION,
    M = 1 << ATTACK_IMPACT,
};

extern const struct attack_technique attack_table_low[];
extern const size_t attack_table_low_count;
extern const struct attack_technique attack_table_high[];
extern const size_t attack_table_high_count;
