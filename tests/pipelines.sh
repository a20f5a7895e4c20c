#!/usr/bin/env bash
# Declared pipelines: files that are followed through rotation and kills, stdin, what is refused, what
# is shown. Every event carries a number: none may be missing, none doubled.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"

rules() {
    cat >"$work/rules.yml" <<'R'
title: Any number
id: 0f4c2a16-51c7-4d1b-9df5-8f1c8d2b7a10
logsource: {product: app}
detection:
  sel:
    n|re: '[0-9]'
  condition: sel
fields: [n]
level: high
R
}

declare_file() { # PATTERN [LINE...]: writes $work/app.yaml
    [[ -f $work/rules.yml ]] || rules
    mkdir -p "$work/logs"
    { printf '%s\n' 'name: app' 'owner: me' 'decoder: json' 'logsource: {product: app}' \
        'rules: [rules.yml]' 'source:' '  type: file' "  paths: ['$work/logs/$1']"
      shift
      [[ $# -eq 0 ]] || printf '%s\n' "$@"; } >"$work/app.yaml"
}

is_ready() { grep -q '^picket: ready' "$work/err"; }

start() { # FILE...: runs pipelines; pid in $started, signals in $work/signals
    background "$PICKET" pipeline run "$@" --state "$work/state" --output json
    wait_for 15 is_ready
}

stop() { # in peace; the last summary in $summary
    kill -TERM "$started"
    wait "$started"
    summary=$(grep -o 'in=.*' "$work/err" | tail -n 1)
}

lines() { # FROM TO
    seq "$1" "$2" | sed 's/.*/{"n":&}/'
}

signal_numbers() { jq -r .output_fields.n "$work/out"; }

count_is() { [[ $(wc -l <"$work/out") -ge $1 ]]; }

exactly() { # TO: each number from 1 to it came once
    signal_numbers | sort -n >"$work/got"
    seq 1 "$1" | diff - "$work/got" >"$work/difference" ||
        { head -n 10 "$work/difference"; return 1; }
}

identity() { # of $summary
    local in out filtered dead
    read -r in out filtered dead <<<"$(sed -E 's/in=([0-9]+) out=([0-9]+) filtered=([0-9]+) dead=([0-9]+).*/\1 \2 \3 \4/' <<<"$summary")"
    [[ $in -eq $((out + filtered + dead)) ]]
}

engine() { # pid of the engine
    local parent child
    for parent in $(pgrep -P "$started"); do
        for child in $(pgrep -P "$parent"); do
            grep -qz '^intake$' "/proc/$child/cmdline" 2>/dev/null && echo "$child"
        done
    done
}

case_a_template_for_every_source_that_checks() {
    local name count=0
    for name in file stdin http kafka journald syslog auditd kubernetes-audit cloudtrail envoy zipkin \
        otlp falco osquery; do
        "$PICKET" pipeline new --template "$name" --output "$work/$name.yaml"
        "$PICKET" pipeline check --no-rules "$work/$name.yaml"
        count=$((count + 1))
    done
    "$PICKET" pipeline new | grep -c '^  [a-z-]*$' | diff - <(echo $count)
    "$PICKET" pipeline check --no-rules "$work" | diff - <(echo "$count pipelines, no error")
    status=0
    "$PICKET" pipeline new --template no-such 2>"$work/err" || status=$?
    [[ $status -eq 2 ]]
    status=0
    "$PICKET" pipeline new --template file --output "$work/file.yaml" 2>"$work/err" || status=$?
    [[ $status -eq 1 ]]
}

# A rule for what docs/sources.md calls a source is for its template's events too.
case_templates_have_the_logsource_of_their_source() {
    local name logsource field data
    while IFS='|' read -r name logsource field data; do
        mkdir -p "$work/$name"
        cp "$root/tests/data/source/$data" "$work/$name/data"
        printf '%s\n' "title: Any $name" 'id: 0f4c2a16-51c7-4d1b-9df5-8f1c8d2b7a11' \
            "logsource: {$logsource}" 'detection:' '  sel:' "    $field|re: '.'" '  condition: sel' \
            >"$work/$name/rules.yml"
        "$PICKET" replay --source "$name" --rules "$work/$name/rules.yml" --output json \
            "$work/$name/data" 2>"$work/said" | jq -c .output_fields >"$work/replayed"
        [[ -s $work/replayed ]]
        { "$PICKET" pipeline new --template "$name" | sed "s,paths:.*,paths: [$work/$name/data],"
          echo 'rules: rules.yml'; } >"$work/$name/x.yaml"
        start "$work/$name/x.yaml"
        wait_for 10 count_is "$(wc -l <"$work/replayed")"
        stop
        jq -c .output_fields "$work/out" | diff - "$work/replayed"
    done <<'T'
kubernetes-audit|product: kubernetes, category: application, service: audit|verb|kubernetes-audit.log
envoy|product: envoy, service: access|PROTOCOL|envoy.log
T
}

case_every_error_is_told_with_its_place() {
    cat >"$work/x.yaml" <<'Y'
name: x
ownr: me
source:
  type: fil
  paths: [relative]
decoder: sylog
Y
    status=0
    "$PICKET" pipeline check "$work/x.yaml" 2>"$work/err" || status=$?
    [[ $status -eq 1 ]]
    sed "s,^$work/,," "$work/err" >"$work/said"
    diff - "$work/said" <<'SAID'
x.yaml:2:1: error: unknown key 'ownr'; did you mean 'owner'?
x.yaml:4:9: error: expected file, stdin, journal, http, syslog or kafka, found 'fil'; did you mean 'file'?
x.yaml:5:11: error: 'source.paths' is 'relative': expected an absolute path
x.yaml:6:10: error: 'decoder' is 'sylog': no such decoder; `picket pipeline new` lists them; did you mean 'syslog'?
x.yaml:1:1: error: 'owner' is missing
SAID
    declare_file '*.log'
    echo 'title: broken' >"$work/rules.yml"
    status=0
    "$PICKET" pipeline check "$work/app.yaml" 2>"$work/err" || status=$?
    [[ $status -eq 1 ]]
    grep -q 'rules.yml:1:' "$work/err"
}

case_a_file_is_followed_and_gives_what_replay_gives() {
    declare_file 'app.log*'
    { lines 1 300; echo '{"n":'; echo '{"m":1}'; lines 301 500; } >"$work/logs/app.log"
    start "$work/app.yaml"
    wait_for 5 count_is 500
    lines 501 600 >>"$work/logs/app.log"
    wait_for 5 count_is 600
    "$PICKET" pipeline list --state "$work/state" | grep -qE '^app +file +running +602 +600 +1 +1 +0 '
    "$PICKET" pipeline status --state "$work/state" --output json >"$work/status"
    jq -e '.[0] | .name == "app" and .running and .in == 602 and .out == 600 and .filtered == 1
        and .dead == 1 and .lag_bytes == 0 and .files == 1 and .owner == "me"' "$work/status"
    stop
    [[ $summary == 'in=602 out=600 filtered=1 dead=1 '* ]]
    exactly 600
    "$PICKET" pipeline list --state "$work/state" | grep -qE '^app +file +stopped +602 '
    "$PICKET" dlq list --state "$work/state/pipelines/app" --output json >"$work/dead"
    jq -e --arg at "$work/logs/app.log:1@" \
        '.stage == "detect" and .source == "app" and (.position | startswith($at))' "$work/dead"
    "$PICKET" replay --source json --logsource product=app --rules "$work/rules.yml" --output json \
        "$work/logs/app.log" 2>"$work/said" | jq -c '[.source, .rule, .output_fields]' >"$work/replayed"
    jq -c '[.source, .rule, .output_fields]' "$work/out" | diff - "$work/replayed"
    echo 'no store' >"$work/state/pipelines/app/picket.db"
    "$PICKET" pipeline status --state "$work/state" --output json >"$work/status" 2>"$work/err"
    grep -q "^picket: pipeline 'app': " "$work/err"
    jq -e '.[0] | .name == "app" and .error and (.running | not)' "$work/status"
}

case_a_second_start_goes_on_where_the_first_ended() {
    declare_file 'app.log*'
    lines 1 100 >"$work/logs/app.log"
    start "$work/app.yaml"
    wait_for 5 count_is 100
    stop
    cp "$work/out" "$work/first"
    mv "$work/logs/app.log" "$work/logs/app.log.1"
    lines 101 150 >>"$work/logs/app.log.1"
    lines 151 200 >"$work/logs/app.log"
    gzip -c <(lines 201 250) >"$work/logs/app.log.2.gz"
    start "$work/app.yaml"
    status=0
    "$PICKET" pipeline run "$work/app.yaml" --state "$work/state" 2>"$work/second" || status=$?
    [[ $status -eq 1 ]]
    grep -q "runs already" "$work/second"
    wait_for 10 count_is 150
    stop
    cat "$work/first" >>"$work/out"
    exactly 250
}

case_rotation_by_logrotate_under_load() {
    command -v logrotate >/dev/null || skip "logrotate is not installed"
    local total=60000
    declare_file 'app.log*'
    cat >"$work/rotate" <<R
$work/logs/app.log {
    rotate 50
    missingok
    nocreate
    compress
    delaycompress
}
R
    start "$work/app.yaml"
    python3 - "$work/logs/app.log" $total <<'PYTHON' &
import sys, time
path, total = sys.argv[1], int(sys.argv[2])
for first in range(1, total + 1, 200):  # opens the file anew for each batch, as a writer told by HUP
    with open(path, "a") as log:
        for n in range(first, first + 200):
            log.write('{"n":%d}\n' % n)
    time.sleep(0.01)
PYTHON
    local writer=$!
    echo "$writer" >>"$work/pids"
    while kill -0 "$writer" 2>/dev/null; do
        logrotate -f -s "$work/rotated" "$work/rotate"
        sleep 0.2
    done
    [[ $(find "$work/logs" -name '*.gz' | wc -l) -ge 3 ]]
    wait_for 20 count_is $total
    sleep 1.5 # packed files are looked at when they have been quiet for a second
    stop
    identity
    exactly $total
}

case_copy_and_truncate_under_load() {
    local total=30000
    declare_file 'app.log*'
    start "$work/app.yaml"
    : >"$work/logs/app.log"
    # the writer rests while a copy is made: what is written between copying and truncating is lost
    # to everybody
    python3 - "$work/logs" $total <<'PYTHON'
import shutil, sys, time
folder, total = sys.argv[1], int(sys.argv[2])
log = open(folder + "/app.log", "a", buffering=1)
for n in range(1, total + 1):
    log.write('{"n":%d}\n' % n)
    if n % 1500 == 0:
        shutil.copyfile(folder + "/app.log", folder + "/app.log.%d" % (n // 1500))
        log.truncate(0)
        time.sleep(0.05)
PYTHON
    wait_for 20 count_is $total
    stop
    identity
    exactly $total
    "$PICKET" pipeline status --state "$work/state" --output json | jq -e '.[0].lost_bytes == 0'
}

case_an_engine_killed_fifty_times_misses_and_doubles_nothing() {
    local total=100000 kills=0 pid
    declare_file 'app.log*'
    start "$work/app.yaml"
    python3 - "$work/logs" $total <<'PYTHON' &
import os, sys, time
folder, total = sys.argv[1], int(sys.argv[2])
for first in range(1, total + 1, 100):
    with open(folder + "/app.log", "a") as log:
        for n in range(first, first + 100):
            log.write('{"n":%d}\n' % n)
    if first % 10000 == 1 and first > 1:
        os.rename(folder + "/app.log", folder + "/app.log.%d" % first)
    time.sleep(0.02)
PYTHON
    local writer=$!
    echo "$writer" >>"$work/pids"
    while [[ $kills -lt 55 ]]; do
        pid=$(engine)
        if [[ -n $pid ]] && kill -9 "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
        sleep 0.3
    done
    wait "$writer"
    wait_for 30 count_is $total
    stop
    exactly $total
    "$PICKET" pipeline status --state "$work/state" --output json >"$work/status"
    jq -e --argjson total $total '.[0] | .in == $total and .out == $total and .restarts >= 50' \
        "$work/status"
}

case_a_pipeline_whose_parent_is_killed_is_started_again() {
    declare_file 'app.log*'
    start "$work/app.yaml"
    lines 1 1000 >"$work/logs/app.log"
    wait_for 5 count_is 1000
    kill -9 "$(pgrep -P "$started")"
    lines 1001 2000 >>"$work/logs/app.log"
    wait_for 10 count_is 2000
    grep -q 'pipeline_ended.*restarts=1' "$work/err"
    stop
    exactly 2000
}

# More than there are slots for, and more than the two halves can say to each other at once.
case_thousands_of_small_files_are_read_once() {
    declare_file '*.log'
    local number
    for number in {1..4000}; do echo "{\"n\":$number}" >"$work/logs/$number.log"; done
    touch -d '1 hour ago' "$work"/logs/*
    start "$work/app.yaml"
    wait_for 40 count_is 4000
    stop
    [[ $summary == 'in=4000 out=4000 '* ]]
    exactly 4000
}

case_a_line_over_the_limit_is_a_dead_letter() {
    declare_file 'app.log' '  line_bytes: 1K'
    { lines 1 10; head -c 3000 /dev/zero | tr '\0' x; echo; lines 11 20; } >"$work/logs/app.log"
    start "$work/app.yaml"
    wait_for 5 count_is 20
    stop
    [[ $summary == 'in=21 out=20 filtered=0 dead=1 '* ]]
    "$PICKET" dlq list --state "$work/state/pipelines/app" --output json |
        jq -e '.reason == "the line is over the limit" and (.payload | length) > 1000'
}

status_is() { # JQ-CONDITION on the first pipeline's status
    "$PICKET" pipeline status --state "$work/state" --output json | jq -e ".[0] | $1" >/dev/null
}

signals_kept() { # NUMBER: so many are in the store
    [[ $("$PICKET" query --state "$work/state/pipelines/app" --output json | wc -l) -eq $1 ]]
}

sink_run() { # pid in $sink
    "$PICKET" sink run "$work/sinks" --state "$work/state" >"$work/sink.out" 2>"$work/sink.err" &
    sink=$!
    echo "$sink" >>"$work/pids"
}

sink_has() { [[ $(wc -l <"$work/sink.out") -ge $1 ]]; }

case_what_is_old_goes_once_it_was_read() {
    declare_file 'app.log*'
    echo 'retention: {age: 2s}' >>"$work/app.yaml"
    "$PICKET" pipeline check "$work/app.yaml"
    lines 1 100 >"$work/logs/app.log"
    start "$work/app.yaml"
    wait_for 5 count_is 100
    wait_for 10 signals_kept 0
    wait_for 5 status_is '.expired >= 100'
    mkdir "$work/sinks"
    printf 'kind: stdout\nformat: picket\ntopics: signals\n' >"$work/sinks/lines.yml"
    chmod 755 "$work" "$work/state" # the sink's account goes through
    sink_run
    lines 101 110 >>"$work/logs/app.log"
    wait_for 10 sink_has 10
    kill "$sink"
    wait "$sink"
    mv "$work/sink.out" "$work/sent"
    lines 111 200 >>"$work/logs/app.log"
    wait_for 5 count_is 200
    wait_for 10 status_is '.expired >= 110'
    sleep 4 # twice the age, and nobody has read them
    signals_kept 90
    sink_run
    wait_for 10 sink_has 90
    wait_for 10 signals_kept 0
    kill "$sink"
    wait "$sink"
    stop
    exactly 200
    cat "$work/sent" "$work/sink.out" >"$work/out"
    signal_numbers | sort -n | diff - <(seq 101 200)
    "$PICKET" sink status --state "$work/state" --output json >"$work/sinks.json"
    grep -q dropped "$work/sinks.json"
    if grep -qE '"(trimmed|dropped[a-z_]*)": *[1-9]' "$work/sinks.json"; then return 1; fi
    status_is '.dropped == {} and .in == 200 and .in == .out + .filtered + .dead'
}

letters_replay() { # prints what it did
    "$PICKET" dlq replay --state "$work/state/pipelines/$1" "${@:2}"
}

case_dead_letters_of_a_file_are_replayed_to_the_next_run_once() {
    declare_file 'app.log' '  line_bytes: 1K'
    { lines 1 10; printf '{"n":11,"x":"%s"}\n' "$(head -c 3000 /dev/zero | tr '\0' x)"
      echo '{"n":'; lines 12 20; } >"$work/logs/app.log"
    start "$work/app.yaml"
    wait_for 5 count_is 19
    status=0
    letters_replay app 2>"$work/refused" || status=$?
    [[ $status -eq 1 ]]
    grep -q 'stop what runs with it first' "$work/refused"
    stop
    [[ $summary == 'in=21 out=19 filtered=0 dead=2 '* ]]
    cp "$work/out" "$work/first"
    [[ $(letters_replay app) == 'replayed=2 replayed_before=0 unfit=0' ]]
    lines 21 30 >>"$work/logs/app.log"
    start "$work/app.yaml"
    wait_for 5 count_is 11
    kill -9 "$(engine)"
    lines 31 40 >>"$work/logs/app.log"
    wait_for 10 count_is 21
    stop
    [[ $summary == 'in=22 out=21 filtered=0 dead=1 '* ]] # what is broken is so again
    jq -r 'select(.output_fields.n == 11) | .event' "$work/out" | diff - <(echo events.app@0)
    cat "$work/first" >>"$work/out"
    exactly 40
    [[ $(letters_replay app) == 'replayed=1 replayed_before=2 unfit=0' ]]
    "$PICKET" pipeline status --state "$work/state" --output json | jq -e '.[0] |
        .in == .out + .filtered + .dead and .in == 43'
    start "$work/app.yaml"
    wait_for 5 status_is '.in == 44'
    stop
    [[ $summary == 'in=1 out=0 filtered=0 dead=1 '* ]]
}

case_dead_letters_of_stdin_are_replayed_to_the_next_run() {
    rules
    printf '%s\n' 'name: in' 'owner: me' 'source: {type: stdin, line_bytes: 1K}' 'decoder: json' \
        'logsource: {product: app}' 'rules: rules.yml' >"$work/in.yaml"
    run_in() {
        "$PICKET" pipeline run "$work/in.yaml" --state "$work/state" --output json \
            >>"$work/out" 2>"$work/err"
    }
    { lines 1 3; printf '{"n":4,"x":"%s"}\n' "$(head -c 2000 /dev/zero | tr '\0' x)"; } | run_in
    [[ $(letters_replay in) == 'replayed=1 replayed_before=0 unfit=0' ]]
    run_in </dev/null
    exactly 4
    lines 5 6 | run_in
    exactly 6
}

case_stdin_is_read_to_its_end() {
    rules
    printf '%s\n' 'name: in' 'owner: me' 'source: {type: stdin}' 'decoder: json' \
        'logsource: {product: app}' 'rules: rules.yml' >"$work/in.yaml"
    { lines 1 49999; printf '{"n":50000}'; } |
        "$PICKET" pipeline run "$work/in.yaml" --state "$work/state" --output json \
            >"$work/out" 2>"$work/err"
    summary=$(grep -o 'in=.*' "$work/err")
    [[ $summary == 'in=50000 out=50000 '* ]]
    exactly 50000
    lines 1 100 | "$PICKET" pipeline run "$work/in.yaml" --state "$work/state" --output json \
        >"$work/out" 2>"$work/err" # the same again is no repetition
    exactly 100
}

case_several_pipelines_run_side_by_side() {
    declare_file 'app.log'
    sed 's/name: app/name: other/; s,app.log,other.log,' "$work/app.yaml" >"$work/other.yaml"
    lines 1 50 >"$work/logs/app.log"
    lines 51 100 >"$work/logs/other.log"
    start "$work/app.yaml" "$work/other.yaml"
    wait_for 5 count_is 100
    stop
    exactly 100
    grep -q '^picket: app: in=50 ' "$work/err"
    grep -q '^picket: other: in=50 ' "$work/err"
    [[ -f $work/state/pipelines/app/picket.db && -f $work/state/pipelines/other/picket.db ]]
}

case_http_is_a_source_like_others() {
    rules
    printf '%s\n' 'name: web' 'owner: me' 'source: {type: http, listen: "127.0.0.1:0"}' \
        'decoder: json' 'logsource: {product: app}' 'rules: rules.yml' >"$work/web.yaml"
    start "$work/web.yaml"
    local at
    at=$(sed -n 's/.*listening on //p' "$work/err")
    lines 1 100 | curl -sf --data-binary @- "http://$at/v1/events/web" >"$work/answer"
    wait_for 5 count_is 100
    stop
    exactly 100
}

case_rules_that_do_not_load_end_the_run() {
    declare_file 'app.log'
    echo 'title: broken' >"$work/rules.yml"
    status=0
    "$PICKET" pipeline run "$work/app.yaml" --state "$work/state" 2>"$work/err" || status=$?
    [[ $status -eq 1 ]]
    grep -q 'rules.yml:1:' "$work/err"
}

# A journald of the test's own, in a mount namespace.
journal_numbers() { # STATE-OF-THE-TEST
    mount -t tmpfs tmpfs /run
    mkdir -p /run/systemd/journal /run/log/journal
    /lib/systemd/systemd-journald &
    local journald=$!
    say() {
        python3 - "$1" "$2" <<'PYTHON'
import socket, sys
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for n in range(int(sys.argv[1]), int(sys.argv[2]) + 1):
    journal.sendto(b"MESSAGE=number\nN=%d\n" % n, "/run/systemd/journal/socket")
PYTHON
    }
    run() {
        "$PICKET" pipeline run "$work/journal.yaml" --state "$work/state" --output json \
            >>"$work/out" 2>"$work/err" &
        started=$!
    }
    wait_for 5 test -S /run/systemd/journal/socket
    say 1 100
    run
    wait_for 10 count_is 100
    kill -9 "$(engine)"
    say 101 200
    wait_for 10 count_is 200
    kill -TERM "$started"
    wait "$started"
    say 201 300
    run
    wait_for 10 count_is 300
    kill -TERM "$started"
    wait "$started"
    kill "$journald"
}

case_the_journal_is_gone_on_with_by_its_cursor() {
    need_root
    [[ -x /lib/systemd/systemd-journald ]] || skip "no systemd-journald"
    unshare -m true || skip "no mount namespaces"
    rules
    sed -i 's/\bn\b/N/g; s/product: app/product: linux/' "$work/rules.yml"
    printf '%s\n' 'name: journal' 'owner: me' 'source: {type: journal}' 'decoder: json' \
        'logsource: {product: linux}' 'rules: rules.yml' >"$work/journal.yaml"
    touch "$work/out"
    export work PICKET
    export -f journal_numbers wait_for count_is engine
    unshare -m bash -eu -c journal_numbers
    jq -r .output_fields.N "$work/out" | sort -n | diff - <(seq 300)
}

run_cases
