# shellcheck shell=bash
# What the end-to-end tests share. A test sources this, defines functions case_NAME and ends with
# run_cases: each case runs in a shell of its own with `set -eu`, in a new folder $work, with a
# deadline, and whatever it started through `background` is ended after it. Output is TAP.
#   skip REASON            this case can't run here
#   need_root              skips unless root
#   background COMMAND...  starts it, output in $work/out and $work/err; its pid is in $started
#   wait_for S COMMAND...  until the command holds: S seconds on an idle machine, three times that at most
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PICKET=${PICKET:-$root/build/picket}
seconds_max=${seconds_max:-240}

skip() {
    echo "$*" >"$work/skip"
    exit 77
}

need_root() {
    [[ $(id -u) -eq 0 ]] || skip "needs root"
}

background() {
    "$@" >"$work/out" 2>"$work/err" &
    started=$!
    echo "$started" >>"$work/pids"
}

wait_for() {
    local deadline=$((SECONDS + 3 * $1))
    shift
    until "$@"; do
        [[ $SECONDS -lt $deadline ]] || { echo "gave up waiting for: $*"; return 1; }
        sleep 0.05
    done
}

# Ends what the case started: first politely, then not.
end_all() {
    local pid
    [[ -f $work/pids ]] || return 0
    while read -r pid; do
        kill "$pid" 2>/dev/null || continue
        for _ in {1..100}; do
            kill -0 "$pid" 2>/dev/null || continue 2
            sleep 0.05
        done
        kill -9 "$pid" 2>/dev/null
    done <"$work/pids"
    return 0
}

one_case() {
    set -eu
    trap end_all EXIT
    cd "$work"
    "$1"
}

run_cases() {
    local number=0 failed=0 names name title status watchdog shell
    mapfile -t names < <(sed -nE 's/^(case_[a-z0-9_]+)\(\).*/\1/p' "$0")
    for name in "${names[@]}"; do
        number=$((number + 1))
        title=${name#case_}
        work=$(mktemp -d)
        (one_case "$name") >"$work/log" 2>&1 &
        shell=$!
        (sleep "$seconds_max" && echo "took longer than $seconds_max s" >>"$work/log" &&
            kill "$shell") >/dev/null 2>&1 &
        watchdog=$!
        status=0
        wait "$shell" || status=$?
        kill "$watchdog" 2>/dev/null
        wait "$watchdog" 2>/dev/null
        if [[ $status -eq 77 && -f $work/skip ]]; then
            echo "ok $number - ${title//_/ } # SKIP $(cat "$work/skip")"
        elif [[ $status -eq 0 ]]; then
            echo "ok $number - ${title//_/ }"
        else
            failed=$((failed + 1))
            echo "not ok $number - ${title//_/ }"
            { # on both: what runs this shows only one of them
                sed 's/^/# /' "$work/log"
                for file in "$work/out" "$work/err"; do
                    [[ ! -f $file ]] || tail -n 20 "$file" | sed "s,^,# ${file##*/}: ,"
                done
            } | tee /dev/stderr
        fi
        rm -rf "$work"
    done
    echo "1..$number"
    [[ $failed -eq 0 ]]
}
