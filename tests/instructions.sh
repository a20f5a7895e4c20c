#!/usr/bin/env bash
# instructions.sh [JOB...]: counts the instructions per event of the jobs of instructions.txt under
# callgrind, which no other load disturbs, and compares them with the figures there. A job's script gets
# its argument and a number of rounds, runs its program under $RUN_UNDER and prints `events: N`; the
# difference between three rounds and one is free of what loading costs. Output is TAP.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
table=tests/instructions.txt
export BUILD=${BUILD:-build}

skip() {
    echo "1..0 # SKIP $*"
    exit 0
}
command -v valgrind >/dev/null || skip "valgrind is not installed"
[[ $(uname -m) == x86_64 ]] || skip "the figures are those of x86-64"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUN_UNDER="valgrind --tool=callgrind --callgrind-out-file=$work/counts"

count() { # script, argument, rounds: sets $instructions and $events
    "$1" "$2" "$3" >"$work/out" 2>"$work/err" || { sed 's/^/# /' "$work/err"; return 1; }
    events=$(sed -n 's/^events: //p' "$work/out")
    instructions=$(sed -n 's/^summary: //p' "$work/counts")
    [[ -n $events && -n $instructions ]]
}

number=0 failed=0
while read -r name known script argument; do
    [[ $name != '#'* && -n $name && (" $* " == *" $name "* || $# -eq 0) ]] || continue
    number=$((number + 1)) verdict='not ok'
    if count "$script" "$argument" 1; then
        once=$instructions events_once=$events
        count "$script" "$argument" 3
        each=$(((instructions - once) / (events - events_once)))
        if [[ $((each * 100)) -le $((known * 105)) && $((each * 100)) -ge $((known * 80)) ]]; then
            verdict=ok
        fi
        echo "$verdict $number - $name: $each instructions per event, $known known"
    else
        echo "not ok $number - $name: could not be measured"
    fi
    [[ $verdict == ok ]] || failed=$((failed + 1))
done <"$table"
echo "1..$number"
[[ $failed -eq 0 ]]
