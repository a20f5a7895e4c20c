#!/usr/bin/env bash
# The engine is killed at random moments while events pour in: afterwards no signal is missing and none
# is doubled, neither in the store nor on stdout.
: "${case_seconds_max:=280}"
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/sensor.sh
source "$(dirname "$0")/sensor.sh"

# Opens m1, m2, … until the file `stop` is there; prints how many.
load() {
    python3 - "$work" <<'LOAD'
import os, sys, time
work = sys.argv[1]
number = 0
while not os.path.exists(f"{work}/stop"):
    for _ in range(20):
        number += 1
        os.close(os.open(f"{work}/marks/m{number}", os.O_CREAT | os.O_WRONLY, 0o600))
        os.unlink(f"{work}/marks/m{number}")
    time.sleep(0.002)
print(number)
LOAD
}

tally() { # FILE TOTAL: "missing N doubled N"
    python3 - "$1" "$2" <<'PY'
import collections, json, sys
counts, events = collections.Counter(), collections.Counter()
for line in open(sys.argv[1]):
    signal = json.loads(line)
    if signal["rule"] == "Marked":
        counts[int(signal["output_fields"]["fd.name"].rsplit("m", 1)[1])] += 1
        events[signal["event"]] += 1
missing = [n for n in range(1, int(sys.argv[2]) + 1) if not counts[n]]
doubled = [n for table in (counts, events) for n, count in table.items() if count > 1]
print(f"missing {len(missing)} doubled {len(doubled)}")
PY
}

case_no_signal_is_lost_or_doubled_over_100_kills() {
    need_root
    watch_rule Marked m >"$work/rule.yml"
    start_picket --rules "$work/rule.yml" --ring-size 64M
    load >"$work/count" &
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
