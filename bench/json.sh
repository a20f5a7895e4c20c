#!/bin/bash
# What reading a JSON event costs (bench/json.c), beside simdjson where it is installed. Needs a
# built tree. EVENTS: a file of one object a line, packed by zstd or not; RULES: a tree of Sigma
# rules, whose fields are the wanted ones.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}
events=${EVENTS:-../shared/data/sigma/windows-events.ndjson.zst}
rules=${RULES:-../shared/data/sigma/sigmahq-rules.tar.zst}
if [ ! -e "$events" ] || [ ! -e "$rules" ]; then
    echo "bench: no $events or $rules; name others by EVENTS and RULES"
    exit 77
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
zstd -dqf "$events" -o "$place/events" 2>/dev/null || cp "$events" "$place/events"
if [ -d "$rules" ]; then cat "$rules"/**/*.yml; else tar --zstd -xOf "$rules" --wildcards '*.yml'; fi |
    sed -nE 's/^ {4,}(- *)?([A-Za-z@][A-Za-z0-9_.@-]*)(\|[a-z0-9|]+)?:.*/\2/p' | sort -u >"$place/names"
cc -O2 -g -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Isrc/base -Isrc/detect bench/json.c \
    -o "$place/bench_json" "$build/src/libdetect.a" "$build/src/libbase.a"
"$place/bench_json" "$place/events" "$place/names"
if pkg-config --exists simdjson 2>/dev/null && command -v c++ >/dev/null; then
    c++ -O2 -std=c++17 bench/json_simdjson.cpp -o "$place/peer" -lsimdjson
    "$place/peer" "$place/events"
else
    echo "simdjson is not installed (libsimdjson-dev): no peer in this run"
fi
