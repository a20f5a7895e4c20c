#!/usr/bin/env bash
# HTTP ingest with acknowledgement from the disk: events a second with bodies of several sizes, and
# from accepting to the printed signal at half load. Needs wrk. What a
# flush of this disk takes is printed, for every figure rests on it.
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
command -v wrk >/dev/null || { echo "bench: needs wrk" >&2; exit 77; }
seconds=${SECONDS_EACH:-5}
mkdir -p "${PLACE:=$work}"
cat >"$work/rule.yml" <<'RULE'
title: Marked
id: 5b0c6d6e-6a0e-4d52-9b0a-3a3a40e4b7a2
logsource: {product: app}
detection:
  sel:
    n|startswith: mark-
  condition: sel
fields: [n]
level: high
RULE
flushes() { # how long 4 KiB take to the disk
    dd if=/dev/zero of="$PLACE/flush" bs=4k count=200 oflag=dsync 2>&1 |
        awk -F, '/copied/ { printf "fsync of 4 KiB: %.2f ms\n", $(NF - 1) * 1000 / 200 }'
    rm -f "$PLACE/flush"
}
start_ingest() { # STDOUT
    rm -rf "$PLACE/state"
    "$build/picket" ingest --source app --listen 127.0.0.1:0 --logsource product=app \
        --rules "$work/rule.yml" --state "$PLACE/state" --output json >"$1" 2>"$work/log" &
    picket_pid=$!
    [ ! -p "$1" ] || exec 8<"$1"
    until grep -q '^picket: ready' "$work/log"; do sleep 0.1; done
    at=$(sed -n 's/.*listening on //p' "$work/log")
}
stop_ingest() {
    kill "$picket_pid"
    wait "$picket_pid" || true
    picket_pid=''
}
worked() { curl -s "http://$at/metrics" | awk '/^picket_in_total/ { print $2 }'; }
full_load() { # EVENTS CONNECTIONS: prints events/s; sets $least: what the disk or the rules can do
    local before after rules
    seq "$1" | sed 's/.*/{"ts":"2026-11-21T10:00:00Z","host":"web-1","user":"alice","msg":"GET \/index.html from 10.0.0.1","status":200,"n":"&"}/' >"$work/body"
    echo "wrk.method='POST' wrk.body=io.open('$work/body'):read('*a')" >"$work/post.lua"
    start_ingest /dev/null
    wrk -t1 -c"$2" -d"$seconds" -s "$work/post.lua" --latency "http://$at/v1/events/app" >"$work/wrk"
    before=$(worked)
    sleep 2
    after=$(worked)
    full=$(awk -v n="$1" '/Requests\/sec/ { printf "%d", $2 * n }' "$work/wrk")
    rules="the rules kept up"
    [ "$after" = "$before" ] || rules="the rules then worked off $(((after - before) / 2)) events/s"
    printf 'bodies of %d events, %d connections: acknowledged %d events/s (p99 %s); %s\n' \
        "$1" "$2" "$full" "$(awk '$1 == "99%" { print $2 }' "$work/wrk")" "$rules"
    least=$full
    [ $(((after - before) / 2)) -ge "$least" ] || [ "$after" = "$before" ] || least=$(((after - before) / 2))
    stop_ingest
}
flushes
full_load 1 64
full_load 1000 8
full_load 100 32
cc -O2 -Wall -Wextra -D_GNU_SOURCE "$here/bench/ingest.c" -o "$work/load"
mkfifo "$work/lines"
start_ingest "$work/lines"
rate=${RATE:-$((least / 2))}
echo "half load, $rate events/s in bodies of 100:"
"$work/load" "${at%:*}" "${at#*:}" $((rate / 100)) 100 "$seconds" <&8
exec 8<&-
stop_ingest
