#!/bin/bash
# shellcheck disable=SC2119 # ingest takes options, and needs none
# Dead letters of a store: seen while the engine runs, replayed once after it has stopped.
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/ingest/lib.sh
source "$(dirname "$0")/ingest/lib.sh"

dlq() { "$PICKET" dlq "$@" --state state; }
letters_are() { [[ $(dlq list --output json | jq -s "map(select($2)) | length") == "$1" ]]; }

case_letters_of_a_store_are_replayed_once() {
    command -v curl jq >/dev/null || skip "curl or jq is not installed"
    ingest
    printf '{"n":"1"}\nbroken \xff\n{"n":\n' |
        curl -sf --data-binary @- "$at/v1/events/app"
    wait_for 10 letters_are 2 true
    [[ $(dlq show 1 --output json | jq -r '.source + " " + .payload') == 'app {"n":' ]]
    if dlq replay 2>refused; then return 1; fi
    grep -q 'stop what runs with it first' refused
    stop_it
    [[ $(dlq replay 0) == "replayed=1 replayed_before=0 unfit=0" ]]
    [[ $(dlq replay) == "replayed=1 replayed_before=1 unfit=0" ]]
    [[ $(dlq replay) == "replayed=0 replayed_before=2 unfit=0" ]]
    ingest # takes them again: as bad as before
    wait_for 10 letters_are 4 true
    letters_are 2 .replayed
    letters_are 2 '.payload_base64 == "YnJva2VuIP8="'
    stop_it
}

run_cases
