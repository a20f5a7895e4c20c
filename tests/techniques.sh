#!/usr/bin/env bash
# Every live rule's technique, done for real under one sensor, fires its rule.
: "${seconds_max:=280}"
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"

case_each_technique_fires_its_rule() {
    need_root
    "$root/tests/techniques/run.sh" "$PICKET"
}

run_cases
