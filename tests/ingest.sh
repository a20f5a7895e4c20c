#!/usr/bin/env bash
# Events over HTTP: what is acknowledged is on the disk and goes through the rules once.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"

rules() {
    cat >"$work/rules.yml" <<'R'
title: Number with a seven
id: 5b0c6d6e-6a0e-4d52-9b0a-3a3a40e4b7a1
logsource: {product: app}
detection:
  sel:
    n|contains: '7'
  condition: sel
fields: [n]
level: high
R
}

is_ready() { grep -q 'ready, listening on' "$work/err"; }

ingest() { # OPTIONS...: starts it; its pid in $started, its address in $at
    [[ -f $work/rules.yml ]] || rules
    background "$PICKET" ingest --source app --listen 127.0.0.1:0 --logsource product=app \
        --rules "$work/rules.yml" --state "$work/state" --output json "$@"
    wait_for 10 is_ready
    at=http://$(sed -n 's/.*listening on //p' "$work/err")
}

stop_it() { # ends it in peace; the last line of stderr in $summary
    kill -TERM "$started"
    wait "$started"
    summary=$(grep 'in=' "$work/err")
}

post() { # OPTIONS...: the answer in $work/answer, the code on stdout
    curl -s -o "$work/answer" -w '%{http_code}' "$@" "$at/v1/events/app"
}

metric() { # NAME: its value
    curl -s "$at/metrics" | awk -v name="picket_$1" 'index($1, name "{") == 1 { print $2 }'
}

events() { # FIRST COUNT: numbered events; every one whose number holds a 7 matches
    seq "$1" $(($1 + $2 - 1)) | sed 's/.*/{"n":"&"}/'
}

is_worked_off() { [[ $(metric lag_records) == 0 && $(metric in_total) -ge $1 ]]; }

case_events_are_acknowledged_and_their_signals_printed_and_kept() {
    ingest
    events 1 1000 >"$work/events"
    [[ $(post --data-binary @"$work/events") == 202 ]]
    jq -e '.accepted == 1000 and .broken == 0' "$work/answer"
    wait_for 5 is_worked_off 1000
    stop_it
    grep -q 'in=1000 out=271 filtered=729 dead=0 signals=271 dropped=0' <<<"$summary"
    jq -r .output_fields.n "$work/out" | sort | diff - <(seq 1000 | grep 7 | sort)
    head -n 1 "$work/out" | jq -e '.event == "events.app@6"'
    "$PICKET" query --state "$work/state" --output json | jq -r .output_fields.n | sort |
        diff - <(seq 1000 | grep 7 | sort)
}

case_a_broken_line_is_a_dead_letter_and_takes_no_other_with_it() {
    ingest
    printf '%s\n' '{"n":"7"}' 'no json' '' '{"n":"17"}' '{"n":' >"$work/events"
    [[ $(post --data-binary @"$work/events") == 202 ]]
    wait_for 5 is_worked_off 4
    [[ $(metric dead_total) == 2 && $(metric out_total) == 2 ]]
    stop_it
    grep -q 'in=4 out=2 filtered=0 dead=2 ' <<<"$summary"
}

case_who_may_not_and_what_is_not_there_is_refused() {
    echo secret-token >"$work/token"
    chmod 600 "$work/token"
    ingest --token-file "$work/token"
    [[ $(post -d '{"n":"7"}') == 401 ]]
    [[ $(post -H 'Authorization: Bearer secret-tokeX' -d '{"n":"7"}') == 401 ]]
    [[ $(post -H 'Authorization: Bearer secret-token' -d '{"n":"7"}') == 202 ]]
    [[ $(curl -s -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer secret-token' -d '{}' \
        "$at/v1/events/other") == 404 ]]
    [[ $(curl -s -o /dev/null -w '%{http_code}' "$at/v1/events/app") == 405 ]]
    [[ $(curl -s -o /dev/null -w '%{http_code}' "$at/health") == 200 ]]
    stop_it
    grep -q 'in=1 out=1 ' <<<"$summary"
}

run_cases
