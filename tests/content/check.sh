#!/bin/sh
# Checks that every shipped rule is whole: strategy with its nine sections in order, owner, stage and
# techniques, events that must and must not fire, a live technique, a row in the index.
#   check.sh [RULES TECHNIQUES]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rules=${1:-$here/../../rules}
techniques=${2:-$here/../techniques}
sections='Goal
Categorization
Strategy Abstract
Technical Context
Blind Spots and Assumptions
False Positives
Validation
Priority
Response'
passed=0
failed=0

fail() {
    echo "$file: $*" >&2
    is_whole=no
}

check_strategy() { # check_strategy FILE RULE-FILE TITLE
    [ -f "$1" ] || { fail "no strategy $1"; return; }
    [ "$(sed -n 's/^## //p' "$1")" = "$sections" ] || fail "the nine sections are not there in order"
    awk '/^## /{ if (open && !filled) bad = 1; open = 1; filled = 0; next }
        NF { filled = 1 } END { exit bad || !filled }' "$1" || fail "a section is empty"
    [ "$(sed -n 's/^# //p' "$1")" = "$3" ] || fail "the title is not the rule's name"
    [ "$(sed -n 1p "$1")" = --- ] || fail "no front matter"
    grep -q '^owner: .' "$1" || fail "no owner"
    grep -Eq '^stage: (live|shadow|draft)$' "$1" || fail "stage is not live, shadow or draft"
    for id in $(sed -n 's/^attack: \[\(.*\)\]$/\1/p' "$1" | tr -d ,); do
        grep -Eq "^ *tags:.*[ ,]${id}[],]" "$2" || fail "tag $id is missing in the rule"
        grep -q "($id)" "$1" || fail "$id is not under Categorization"
    done
    grep -q '^attack: \[T' "$1" || fail "no technique"
}

check_events() { # check_events FILE TITLE
    [ -f "$1" ] || { fail "no events $1"; return; }
    for match in true false; do
        count=$(grep -cF "{\"rule\": \"$2\", \"match\": $match, \"why\": \"" "$1" || true)
        [ "$count" -ge 2 ] || fail "$count events with match $match, want two or more"
    done
}

while read -r file; do
    is_whole=yes
    base=${file%.yml}
    name=$(basename "$base")
    title=$(sed -n 's/^- rule: //p' "$file")
    [ "$(printf '%s\n' "$title" | wc -l)" = 1 ] || fail "more than one rule"
    check_strategy "$base.md" "$file" "$title"
    check_events "$base.test.ndjson" "$title"
    if [ ! -x "$techniques/$name.sh" ]; then
        fail "no technique $name.sh"
    elif [ "$(sed -n 's/^# rule: //p' "$techniques/$name.sh")" != "$title" ]; then
        fail "the technique names another rule"
    fi
    grep -qF "[$title](" "$rules/README.md" || fail "no row in README.md"
    if [ $is_whole = yes ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done <<END
$(grep -l '^- rule: ' "$rules"/*/*.yml)
END
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
