#!/usr/bin/env bash
# The same events give the same signals, live or replayed: what a recording replays to is what the
# sensor said of the same actions. And replay's contract on hand-written lines.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/sensor.sh
source "$(dirname "$0")/sensor.sh"

actions() {
    local n
    for n in 1 2 3; do
        mark "m$n"
        cat "$work/marks/m$n"
        /bin/true "argument $n" "two  blanks"
        ln -sf "$work/marks/m$n" "$work/marks/link$n"
        cat "$work/marks/link$n"
    done
}

rules() {
    cat <<RULES
- rule: Opened
  desc: any open of a mark, by whatever name
  condition: evt.type in (open, openat, creat) and fd.name startswith $work/marks/m
  output: "%evt.type %fd.name %fd.nameraw %fd.typechar %evt.arg.flags %evt.is_open_write %proc.name %proc.exepath %proc.cmdline %proc.pname %proc.cwd %user.name %group.name %user.uid %proc.tty %container.id %evt.res %proc.aname[2] %fd.directory %fd.filename"
  priority: INFO
- rule: Ran
  desc: a program of the test
  condition: evt.type in (execve, execveat) and proc.args contains "argument"
  output: "%evt.type %proc.cmdline %proc.args %proc.exeline %proc.pname %proc.env[REPLAY_TEST] %proc.stdin.type %user.name %thread.cap_effective %evt.args"
  priority: INFO
RULES
}

outputs() { # signals on stdin, without what tells one sensor from another: numbers, ids, times
    python3 -c '
import json, sys
for line in sys.stdin:
    signal = json.loads(line)
    print(json.dumps([signal["rule"], signal["output"], signal["output_fields"], signal["priority"],
                      [p["name"] for p in signal["process"]]]))'
}

case_a_recording_replays_to_what_was_seen_live() {
    need_root
    rules >"$work/rules.yml"
    mkdir "$work/marks"
    "$PICKET" record --state "$work/recorder" --output "$work/all.rec" 2>"$work/log.record" &
    local recorder=$!
    echo "$recorder" >>"$work/pids"
    wait_for 60 grep -q ready "$work/log.record"
    start_picket --rules "$work/rules.yml"
    REPLAY_TEST="set" actions
    wait_for 10 eval '[[ $(grep -c . "$work/signals") -ge 12 ]]'
    stop_picket
    kill -INT "$recorder"
    wait "$recorder"
    "$PICKET" replay --rules "$work/rules.yml" --output json "$work/all.rec" >"$work/replayed"
    outputs <"$work/signals" | sort >"$work/live.txt"
    outputs <"$work/replayed" | sort >"$work/replayed.txt"
    wc -l "$work/live.txt"
    diff "$work/live.txt" "$work/replayed.txt" >"$work/diff" || { head -c 2000 "$work/diff"; return 1; }
}

case_a_line_that_is_no_json_does_not_take_the_next_with_it() {
    cat >"$work/rule.yml" <<'RULE'
- rule: Shell
  desc: a shell below sshd
  condition: evt.type = execve and proc.name in (sh, bash) and proc.aname in (sshd)
  output: "%proc.name of %user.name"
  priority: WARNING
RULE
    cat >"$work/events" <<'LINES'
{"evt.type": "execve", "proc.name": "bash", "proc.aname": ["sudo", "sshd"], "user.name": null}
{"evt.type": "execve", "proc.name": "ba
{"evt.type": "execve", "proc.name": "sh", "proc.aname[1]": "sudo", "proc.aname[2]": "sshd"}
{"evt.type": "execve", "proc.name": "sh", "proc.aname": ["cron"]}
LINES
    cd / # any working folder
    "$PICKET" replay --rules "$work/rule.yml" --output json "$work/events" >"$work/out" 2>"$work/err"
    python3 - "$work/out" <<'PY'
import json, sys
signals = [json.loads(line) for line in open(sys.argv[1])]
assert [signal["event"] for signal in signals] == [1, 3], signals
for signal in signals:
    for key in ("rule", "rule_id", "priority", "source", "event", "output"):
        assert key in signal, key
assert signals[0]["output_fields"] == {"proc.name": "bash", "user.name": None}
assert signals[0]["output"] == "bash of <NA>"
assert signals[0]["rule_id"] is None and signals[0]["priority"] == "Warning"
PY
    grep -q '1 unreadable' "$work/err"
}

case_rules_and_input_may_lie_where_only_the_caller_can_go() {
    need_root
    mkdir -m 700 "$work/private"
    printf -- '- rule: Any\n  desc: d\n  condition: evt.type=open\n  output: x\n  priority: INFO\n' \
        >"$work/private/rule.yml"
    echo '{"evt.type": "open"}' >"$work/private/events"
    "$PICKET" replay --rules "$work/private" --output json "$work/private/events" | grep -q '"Any"'
    chmod 711 "$work"
    chmod 755 "$work/private"
    cd /
    setpriv --reuid 65534 --regid 65534 --clear-groups \
        "$PICKET" replay --rules "$work/private/rule.yml" "$work/private/events" | grep -q Any
}

run_cases
