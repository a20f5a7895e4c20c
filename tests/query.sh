#!/usr/bin/env bash
# What the store gives back: signals, one signal with its history and its record, alerts.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/sensor.sh
source "$(dirname "$0")/sensor.sh"

# Signals of two rules: four opens of marks, one program with a secret among its arguments.
make_store() {
    {
        watch_rule Marked m
        cat <<'RULE'
- rule: Ran
  desc: a program of the test
  condition: evt.type = execve and proc.args contains query-test
  output: ran %proc.cmdline
  priority: WARNING
RULE
    } >"$work/rule.yml"
    start_picket --rules "$work/rule.yml"
    for n in 1 2 3 4; do mark "m$n"; done
    /bin/true query-test --password hunter2
    wait_for 10 is_seen m4
    wait_for 10 grep -q '"rule":"Ran"' "$work/signals"
    sleep 1.5 # alerts are a step behind
    stop_picket
}

query() { "$PICKET" query --state "$work/state" "$@"; }

case_one_signal_is_shown_with_its_history_and_its_record() {
    need_root
    make_store
    local id
    id=$(query --rule Ran --output csv | tail -n 1 | tr -d '\r"' | sed 's/.*,//')
    [[ $id =~ ^[0-9a-f]{32}$ ]]
    query --rule Ran | grep -qx "    id       $id"
    query --signal "$id" --output json >"$work/shown"
    query --evidence "${id:0:8}" --output json >"$work/kept"
    python3 - "$work/shown" "$work/kept" "$id" <<'PY'
import json, sys
shown, kept = (json.load(open(path)) for path in sys.argv[1:3])
assert shown["signal"] == kept["signal"] and shown["signal"]["id"] == sys.argv[3]
names = [process["name"] for process in shown["signal"]["process"]]
assert names[0] == "true" and "bash" in names, names
for one in (shown, kept):
    record = one["evidence"]
    assert record["event"] == "execve" and record["result"] == 0, record
    assert record["pid"] == one["signal"]["process"][0]["pid"]
argv = kept["evidence"]["params"]["ARGV"]
assert argv[-3:] == ["query-test", "--password", "hunter2"], argv
assert shown["evidence"]["params"]["ARGV"][-3:] == ["query-test", "--password", "****"]
assert b"hunter2" in bytes.fromhex(kept["evidence"]["raw"])
assert "hunter2" not in json.dumps(shown)
PY
    query --signal "$id" >"$work/text"
    grep -q '^    process  true\[' "$work/text"
    grep -qE '^ +< bash\[' "$work/text"
    grep -q '^    record   {"event":"execve",' "$work/text"
    if query --signal 0000000000 2>"$work/err"; then return 1; fi
    grep -q "the store holds no signal '0000000000'" "$work/err"
    if query --signal '%' 2>"$work/err"; then return 1; fi
    grep -q "expected a signal's id" "$work/err"
}

case_alerts_count_their_signals() {
    need_root
    make_store
    query alerts --output json >"$work/alerts"
    query alerts --rule Marked --output csv >"$work/csv"
    query alerts --priority warning >"$work/text"
    query alerts --newest --limit 1 --output json >"$work/one"
    query alerts --to 1h >"$work/old"
    python3 - "$work/alerts" "$work/csv" "$work/one" <<'PY'
import csv, json, sys
alerts = [json.loads(line) for line in open(sys.argv[1])]
assert len({alert["id"] for alert in alerts}) == len(alerts)
counts = {}
for alert in alerts:
    counts[alert["rule"]] = counts.get(alert["rule"], 0) + alert["count"]
assert counts == {"Marked": 4, "Ran": 1}, counts
rows = list(csv.DictReader(open(sys.argv[2], newline="")))
assert sum(int(row["count"]) for row in rows) == 4
assert {row["id"] for row in rows} == {a["id"] for a in alerts if a["rule"] == "Marked"}
assert [json.loads(line) for line in open(sys.argv[3])] == alerts[-1:]
PY
    grep -q '^    signals  1, from ' "$work/text"
    if grep -q Marked "$work/text"; then return 1; fi
    [[ ! -s $work/old ]]
}

case_what_cannot_be_printed_is_told() {
    need_root
    make_store
    local words
    for words in query 'query alerts' status; do
        # shellcheck disable=SC2086
        if "$PICKET" $words --state "$work/state" >/dev/full 2>"$work/err"; then return 1; fi
        grep -q 'stdout cannot be written' "$work/err"
    done
}

run_cases
