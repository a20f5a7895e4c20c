#!/usr/bin/env bash
# The engine is killed at random moments while events pour in: afterwards no signal is missing and none
# is doubled, neither in the store nor on stdout.
: "${seconds_max:=280}"
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/sensor.sh
source "$(dirname "$0")/sensor.sh"

case_no_signal_is_lost_or_doubled_over_100_kills() {
    need_root
    watch_rule Marked m >"$work/rule.yml"
    start_picket --rules "$work/rule.yml" --ring-size 64M
    mark_load >"$work/count" &
    local load=$! killed=0 pid
    echo "$load" >>"$work/pids"
    while [[ $killed -lt ${KILLS:-100} ]]; do
        pid=$(role_pid engine || true)
        if [[ -n $pid ]] && kill -KILL "$pid" 2>/dev/null; then
            killed=$((killed + 1))
            wait_for 20 is_other engine "$pid"
        fi
        sleep "0.$((RANDOM % 40 + 10))"
    done
    touch "$work/stop"
    wait "$load"
    local total
    total=$(cat "$work/count")
    wait_for 60 is_seen "m$total"
    stop_picket
    "$PICKET" query --state "$work/state" --limit 100000000 --output json >"$work/stored"
    echo "$killed kills, $total opens"
    cat "$work/summary"
    [[ $(tally "$work/stored" "$total") == "missing 0 doubled 0" ]] || { tally "$work/stored" "$total"; return 1; }
    [[ $(tally "$work/signals" "$total") == "missing 0 doubled 0" ]] || { tally "$work/signals" "$total"; return 1; }
    grep -q ' 0 drops' "$work/summary"
}

run_cases
