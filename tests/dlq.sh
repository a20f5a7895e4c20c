#!/bin/bash
# Dead letters of a store: seen while the engine runs, replayed once after it has stopped.
. "$(dirname "$0")/lib.sh"

rules_write() {
    cat >rules.yml <<'R'
title: Number with a seven
id: 5b0c6d6e-6a0e-4d52-9b0a-3a3a40e4b7a1
logsource: {product: app}
detection:
  sel:
    n|contains: '7'
  condition: sel
level: high
R
}
ingest_start() {
    background "$PICKET" ingest --source app --listen 127.0.0.1:0 --rules rules.yml --state state \
        --logsource product=app --output json
    wait_for 10 grep -q 'listening on' err
    address=$(sed -n 's/.*listening on //p' err)
}
ingest_stop() {
    kill "$started"
    wait "$started"
}
dlq() { "$PICKET" dlq "$@" --state state; }
letters_are() { [[ $(dlq list --output json | jq -s "map(select($2)) | length") == "$1" ]]; }

case_letters_of_a_store_are_replayed_once() {
    command -v curl jq >/dev/null || skip "curl or jq is not installed"
    rules_write
    ingest_start
    printf '{"n":"1"}\nbroken \xff\n{"n":\n' |
        curl -sf --data-binary @- "http://$address/v1/events/app"
    wait_for 10 letters_are 2 true
    [[ $(dlq show 1 --output json | jq -r '.source + " " + .payload') == 'app {"n":' ]]
    if dlq replay 2>refused; then return 1; fi
    grep -q 'stop what runs with it first' refused
    ingest_stop
    [[ $(dlq replay 0) == "replayed=1 replayed_before=0 unfit=0" ]]
    [[ $(dlq replay) == "replayed=1 replayed_before=1 unfit=0" ]]
    [[ $(dlq replay) == "replayed=0 replayed_before=2 unfit=0" ]]
    ingest_start # takes them again: as bad as before
    wait_for 10 letters_are 4 true
    letters_are 2 .replayed
    letters_are 2 '.payload_base64 == "YnJva2VuIP8="'
    ingest_stop
}

run_cases
