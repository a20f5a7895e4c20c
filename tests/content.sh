#!/usr/bin/env bash
# The shipped rules are whole, and their own events hold.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"

case_every_shipped_rule_is_whole() {
    "$root/tests/content/check.sh"
}

run_cases
