#!/usr/bin/env bash
# How fast a file is followed: `picket pipeline run` over a file of JSON lines that is there already,
# and over one that is being written; MB/s from start to the last commit, rules and store included.
# Needs a built tree. MB: size of the file (256).
# shellcheck source=bench/lib.sh
source "$(dirname "$0")/lib.sh"
megabytes=${MB:-256}
picket=$build/picket

prepare() {
    awk -v bytes=$((megabytes * 1000000)) 'BEGIN { for (size = 0; size < bytes; n++) {
        line = sprintf("{\"time\":\"2026-01-01T00:00:00Z\",\"level\":\"info\",\"n\":%d,\"path\":\"/api/v1/items/%d\",\"status\":%d,\"agent\":\"curl/8.5.0\",\"text\":\"request served in %d ms\"}", n, n % 977, 200 + n % 5, n % 83)
        size += length(line) + 1; print line } }' >"$work/events"
    cat >"$work/rules.yml" <<'R'
title: Never
id: 4c0f4f0f-6d5e-4a51-9a5a-4c9b0f5f4a11
logsource: {product: app}
detection:
  sel: {path: /never, status: 999}
  condition: sel
level: low
R
    printf '%s\n' 'name: bench' 'owner: bench' 'decoder: json' 'logsource: {product: app}' \
        'rules: rules.yml' 'source:' '  type: file' "  paths: ['$work/logs/app.log*']" >"$work/bench.yaml"
}

read_count() {
    "$picket" pipeline status --state "$work/state" --output json 2>/dev/null |
        sed -nE 's/.*"in":([0-9]+).*/\1/p'
}

measure() { # NAME COMMAND...: the command puts the file there
    local name=$1 begin end wanted
    shift
    rm -rf "$work/state" "$work/logs"
    mkdir "$work/logs"
    wanted=$(wc -l <"$work/events")
    begin=$(date +%s.%N)
    "$@" &
    "$picket" pipeline run "$work/bench.yaml" --state "$work/state" --output json \
        >"$work/signals" 2>"$work/picket.log" &
    picket_pid=$!
    while [ "$(read_count || true)" != "$wanted" ]; do
        kill -0 "$picket_pid" || { cat "$work/picket.log"; exit 1; }
        sleep 0.05
    done
    end=$(date +%s.%N)
    kill -TERM "$picket_pid"
    wait "$picket_pid"
    picket_pid=''
    awk -v name="$name" -v bytes="$(stat -c %s "$work/events")" -v lines="$wanted" \
        -v seconds="$(echo "$end $begin" | awk '{print $1 - $2}')" \
        'BEGIN { printf "%-24s %7.1f MB/s %9.0f events/s (%.2f s)\n", name, bytes / seconds / 1e6, lines / seconds, seconds }'
}

written() { # as a program writes it: rotated by rename every 16 MB
    split -C 16MB --filter='cat >>"$PLACE/app.log"; mv "$PLACE/app.log" "$PLACE/app.log.$FILE"' \
        "$work/events" ''
}

prepare
for _ in 1 2 3; do
    measure "whole" ln "$work/events" "$work/logs/app.log"
done
export PLACE=$work/logs
measure "written and rotated" written
