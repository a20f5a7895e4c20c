#!/bin/bash
# What reading a JSON event costs (bench/json.c), beside simdjson where it is installed. Needs a
# built tree. EVENTS: a file of one object a line, packed by zstd or not; RULES: a tree of Sigma
# rules, whose fields are the wanted ones. `sample COUNT` reads lines of its own making COUNT times,
# for tests/instructions.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

sample() { # 500 lines like those of a Windows log, always the same
    awk '{ for (n = 0; n < 500; n++) { line = $0; gsub(/#/, n, line); print line } }' \
        >"$place/events" <<'LINE'
{"EventID":#,"Channel":"Microsoft-Windows-Sysmon/Operational","@timestamp":"2022-08-08T12:49:43Z","Image":"C:\\Windows\\System32\\tool#.exe","CommandLine":"\"C:\\Windows\\tool#.exe\" /c echo #","nested":{"a":[1,2,{"b":true}]},"User":"NT AUTHORITY\\SYSTEM","ProcessId":"#","Keywords":-9223372036854775808,"Message":"Process Create:\r\nImage: C:\\Windows\\System32\\tool#.exe"}
LINE
    printf '%s\n' EventID Channel Image CommandLine User ParentImage nested.a.b Hashes \
        >"$place/names"
}

corpus() {
    local events=${EVENTS:-../shared/data/sigma/windows-events.ndjson.zst}
    local rules=${RULES:-../shared/data/sigma/sigmahq-rules.tar.zst}
    if [ ! -e "$events" ] || [ ! -e "$rules" ]; then
        echo "bench: no $events or $rules; name others by EVENTS and RULES"
        exit 77
    fi
    zstd -dqf "$events" -o "$place/events" 2>/dev/null || cp "$events" "$place/events"
    if [ -d "$rules" ]; then
        find "$rules" -name '*.yml' -exec cat {} +
    else
        tar --zstd -xOf "$rules" --wildcards '*.yml'
    fi | sed -nE 's/^ {4,}(- *)?([A-Za-z@][A-Za-z0-9_.@-]*)(\|[a-z0-9|]+)?:.*/\2/p' |
        sort -u >"$place/names"
}

cc -O2 -g -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Isrc/base -Isrc/detect bench/json.c \
    -o "$place/bench_json" "$build/src/libdetect.a" "$build/src/libbase.a"
if [ "${1:-}" = sample ]; then
    sample
    read -ra under <<<"${RUN_UNDER:-}"
    "${under[@]}" "$place/bench_json" "$place/events" "$place/names" "$2"
    exit 0
fi
corpus
"$place/bench_json" "$place/events" "$place/names"
if pkg-config --exists simdjson 2>/dev/null && command -v c++ >/dev/null; then
    c++ -O2 -std=c++17 bench/json_simdjson.cpp -o "$place/peer" -lsimdjson
    "$place/peer" "$place/events"
else
    echo "simdjson is not installed (libsimdjson-dev): no peer in this run"
fi
