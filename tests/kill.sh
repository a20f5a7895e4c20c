#!/usr/bin/env bash
# The engine is killed at random moments while events pour in: afterwards no signal is missing and none
# is doubled, neither in the store nor on stdout. KILLS=100 by default.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
need_root
kills=${KILLS:-100}

cat >"$work/rule.yml" <<RULE
- rule: Marked file opened
  desc: each of these has a number of its own
  condition: evt.type in (open, openat, creat) and fd.name startswith $work/marks/m
  output: opened %fd.name
  priority: INFO
RULE
mkdir "$work/marks"

cat >"$work/load.py" <<'LOAD'
import os, sys, time
folder, stop = sys.argv[1], sys.argv[2]
number = 0
while not os.path.exists(stop):
    for _ in range(20):
        number += 1
        os.close(os.open(f"{folder}/m{number}", os.O_CREAT | os.O_WRONLY, 0o600))
        os.unlink(f"{folder}/m{number}")
    time.sleep(0.002)
print(number)
LOAD

start_picket --rules "$work/rule.yml"
python3 "$work/load.py" "$work/marks" "$work/stop" >"$work/count" &
load=$!
own_pid "$load"

engine_pid() { pgrep -P "$picket_pid" -f '^picket role engine' | head -1; }

killed=0
while [ "$killed" -lt "$kills" ]; do
    pid=$(engine_pid || true)
    if [ -n "$pid" ]; then
        kill -KILL "$pid" 2>/dev/null && killed=$((killed + 1))
    fi
    sleep "0.$((RANDOM % 30 + 5))"
done
touch "$work/stop"
wait "$load"
sleep 3
stop_picket >/dev/null
total=$(cat "$work/count")

numbers() { grep -o "$work/marks/m[0-9]*\"" | sed 's/.*m//; s/"//' | sort -n; }
seen() { # FILE of JSON lines -> "missing doubled"
    python3 - "$1" "$total" <<'PY'
import json, sys, collections
counts = collections.Counter()
for line in open(sys.argv[1]):
    signal = json.loads(line)
    if signal["rule"] == "Marked file opened":
        counts[int(signal["output_fields"]["fd.name"].rsplit("m", 1)[1])] += 1
total = int(sys.argv[2])
missing = [n for n in range(1, total + 1) if counts[n] == 0]
doubled = [n for n, count in counts.items() if count > 1]
print(f"missing {len(missing)} doubled {len(doubled)} of {total}")
PY
}
"$build/picket" query --state "$work/state" --limit 100000000 --output json >"$work/stored"
check "the store has each signal once after $killed kills" \
    test "$(seen "$work/stored")" = "missing 0 doubled 0 of $total"
check "stdout has each signal once" \
    test "$(seen "$work/signals")" = "missing 0 doubled 0 of $total"
check "nothing was dropped" test "$("$build/picket" status --state "$work/state" --output json |
    python3 -c 'import json,sys; print(json.load(sys.stdin)["drops"])')" = 0
finish_tests
