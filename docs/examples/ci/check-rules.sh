#!/bin/sh
# A build server's job for a repository of rules, in plain shell:
#   check-rules.sh [BASE]    BASE: the commit to compare with [origin/main]
# Rules lie in rules/, events of an ordinary day in corpus/ (recordings or JSON lines). Leaves
# results.xml (JUnit), layer.json (ATT&CK Navigator) and changes.md (what a reviewer wants to see).
set -eu
base=${1:-origin/main}
picket=${PICKET:-picket}

"$picket" check --strict rules
"$picket" test rules --junit results.xml
"$picket" rules coverage rules --output navigator >layer.json

before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
git archive "$base" rules | tar -x -C "$before"
set --
for events in corpus/*; do
    [ ! -f "$events" ] || set -- "$@" --events "$events"
done
if [ $# -gt 0 ]; then
    # 1: something changes, which is for the reviewer to judge; the last line tells it from a failure
    "$picket" rules diff "$before/rules" rules "$@" --output markdown >changes.md || [ -s changes.md ]
    cat changes.md
fi
