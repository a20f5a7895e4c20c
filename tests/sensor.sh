# shellcheck shell=bash
# What tests of a running picket share, on top of lib.sh: one picket a case, its signals in $work/signals
# and its log in $work/log.picket.

start_picket() { # OPTIONS...
    : >"$work/log.picket" # that of a former one says "ready" too
    "$PICKET" run --output json --state "$work/state" "$@" >"$work/signals" 2>"$work/log.picket" &
    picket_pid=$!
    echo "$picket_pid" >>"$work/pids"
    wait_for 60 says ready || { cat "$work/log.picket"; return 1; }
}

stop_picket() { # leaves the summary in $work/summary
    kill -INT "$picket_pid"
    wait "$picket_pid"
    grep -E '^picket: [0-9]+ events' "$work/log.picket" >"$work/summary"
}

status_shows() { # REGEX; the status is renewed once a second
    "$PICKET" status --state "$work/state" >"$work/status" && grep -qE "$1" "$work/status"
}

says() { grep -q "$1" "$work/log.picket"; }

role_pid() { pgrep -P "$picket_pid" -f "^picket role $1" | head -n 1; }

is_other() { # ROLE PID: the role runs, and not as that process any more
    local now
    now=$(role_pid "$1")
    [[ -n $now && $now != "$2" ]]
}

# A rule for files of this case whose names begin with PREFIX.
watch_rule() { # NAME PREFIX
    mkdir -p "$work/marks"
    cat <<RULE
- rule: $1
  desc: a file of the test was opened
  condition: evt.type in (open, openat, creat) and fd.name startswith $work/marks/$2
  output: opened %fd.name by %proc.name
  priority: INFO
RULE
}

mark() { : >"$work/marks/$1"; }
is_seen() { grep -qF "\"fd.name\":\"$work/marks/$1\"" "$work/signals"; }
count_seen() { grep -cF "\"fd.name\":\"$work/marks/$1" "$work/signals" || true; }

# Opens m1, m2, … until the file `stop` is there; prints how many.
mark_load() {
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

# FILE TOTAL: "missing N doubled N", of the rule Marked: by mark and by record number.
tally() {
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
