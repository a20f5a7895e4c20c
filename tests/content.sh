#!/usr/bin/env bash
# The shipped rules are whole, and their own events hold.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"

case_every_shipped_rule_is_whole() {
    "$root/tests/content/check.sh"
}

case_every_shipped_rule_passes_the_strict_check() {
    "$PICKET" check --strict "$root/rules"
}

run_cases
