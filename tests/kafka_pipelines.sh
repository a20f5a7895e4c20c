#!/bin/bash
# A declared pipeline whose source is a topic: made from the template, run by `pipeline run`, fed with
# records that cannot be read, its processes killed, its counters and lag looked at. About 40 s.
# Output is TAP.
set -u
. "$(dirname "$0")/kafka/lab.sh"
lab_open 1
rules_write

"$picket" pipeline new --template kafka --output app.yaml
sed -i "s/localhost:9092/$brokers/; s/^name: .*/name: app/" app.yaml
printf '%s\n' 'logsource: {product: app}' 'rules: [rules.yml]' >>app.yaml
verdict "the template, adapted, is whole" "1 pipeline, no error" "$("$picket" pipeline check app.yaml 2>&1)"

run() {
    "$picket" pipeline run app.yaml --state state --output json 2>>worker.err >/dev/null &
    worker_pid[run]=$!
}
worker() { pgrep -P "${worker_pid[run]}"; } # the pipeline's process
decoder() { pgrep -P "$(worker)"; }
status() { # JQ-EXPRESSION: of the pipeline's status
    "$picket" pipeline status --state state --output json | jq -r ".[0] | $1"
}
is() { [ "$(status "$1")" = true ]; } # JQ-CONDITION
in_app() { feed events.app "$@"; }

# ---- events, and records made to hurt ----
: >worker.err
events 1 2000 | in_app
printf 'broken\n{"n":\n\xff\xfe\n[]\n' | in_app
{ head -c 200000 /dev/zero | tr '\0' '['; echo; } | in_app
printf 'key:\n' | in_app -K: -Z # a tombstone
run
until_true 60 is_level state/pipelines/app
expect "events around poisoned records" signals 1 2000
until_true 20 is '.in == 2006'
verdict "status: counters, and no lag" "true app kafka true 2006 6 0" \
    "$(status '"\(.running) \(.name) \(.type) \(.in == .out + .filtered + .dead) \(.in) \(.dead) \(.lag_messages)"')"
verdict "status: the lag in seconds" 0 "$(status '.lag_seconds | floor')"
verdict "list shows the same" "app kafka running 2006 6 0" "$("$picket" pipeline list --state state |
    awk '$1 == "app" { print $1, $2, $3, $4, $7, $8 }')"
verdict "dead letters carry stage and place" 6 \
    "$(consume dead | jq -r 'select(.stage == "detect" and (.position | test("^events.app/[0-3]@[0-9]+$"))) | .reason' | wc -l)"

# ---- a lag is seen while it lasts ----
kill -STOP "$(decoder)"
events 2001 3000 | in_app
until_true 30 is '.lag_messages >= 1'
verdict "records that wait are a lag" yes "$(is '.lag_messages >= 1' && echo yes)"
kill -CONT "$(decoder)"
until_true 30 is '.lag_messages == 0'
verdict "which goes when they are done" 0 "$(status .lag_messages)"

# ---- killed: the decoder, the pipeline, all of it ----
feed_slowly events.app 5001 30000 &
feeder=$!
for _ in 1 2 3; do
    sleep 0.4
    kill -9 "$(decoder)"
    sleep 0.4
    kill -9 "$(worker)"
    until_true 30 worker
    sleep 0.6
done
kill -9 "${worker_pid[run]}"
wait "${worker_pid[run]}" 2>/dev/null
: >worker.err
run
wait "$feeder"
expect "killed seven times" signals 1 35000
until_true 30 is '.lag_messages == 0'
worker_end run TERM
verdict "it ends with 0" 0 $?
verdict "stopped, and what it did last is still there" "false true" \
    "$(status '"\(.running) \(.in == .out + .filtered + .dead)"')"
identity "after the kills"
done_testing
