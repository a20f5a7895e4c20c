#!/bin/bash
# shellcheck disable=SC2317 # has_all is called by until_true
# A sink on a real broker: each alert's versions in order on one partition, whoever is killed. Needs
# what kafka.sh needs. About half a minute.
# shellcheck source=tests/kafka/lab.sh
. "$(dirname "$0")/kafka/lab.sh"
lab_open 1
sinks_pid=''
state=$lab/state
store() { # FIRST COUNT
    mkdir -p "$state"
    "$build/src/live_delivery" "$state/store" "$@"
    if [ "$(id -u)" -eq 0 ]; then
        chmod 711 "$lab" "$state"
        chown -R 60517:60517 "$state/store"
    fi
}
start() {
    "$picket" sink run "$lab/alerts.yml" --state "$state" >/dev/null 2>>worker.err &
    sinks_pid=$!
}
messages() { kcat -b "$brokers" -C -t alerts -e -q -X isolation.level=read_committed "$@" 2>/dev/null; }
# how many different versions are there
has_all() { [ "$(messages -f '%h\n' | sort -u | wc -l)" -ge "$1" ]; }
wanted() { # versions of alerts, each once
    seq 1 "$1" | awk '{ printf "%032x.1\n", $1; if ($1 % 10 == 0) printf "%032x.2\n", $1 }' | sort
}

cat >alerts.yml <<Y
kind: kafka
url: kafka://$brokers
topic: alerts
batch: 100
retry_max: 1s
Y
store 1 2000
for _ in 1 2 3 4 5; do
    start
    sleep "0.$((RANDOM % 8 + 2))"
    kill -9 "$sinks_pid"
    wait "$sinks_pid" 2>/dev/null
done
start
sleep 0.5
broker_kill 1
store 2001 500
sleep 1
broker_start 1
until_true 90 has_all 2750
kill -TERM "$sinks_pid"
wait "$sinks_pid"
verdict "the sink ends with 0" 0 $?
messages -f '%h\n' | sed 's/^picket-id=//' | sort -u >found
verdict "missing, unknown" "0 0" \
    "$(comm -23 <(wanted 2500) found | wc -l) $(comm -13 <(wanted 2500) found | wc -l)"
twice=$(($(messages -f '%h\n' | wc -l) - 2750))
verdict "twice: at most the batch under way at each kill" yes \
    "$([ "$twice" -le 700 ] && echo yes || echo "$twice")"
verdict "the key is the alert's id, the value its newest rendering" 0 \
    "$(messages -f '%k %s\n' | awk '{ key = $1; $1 = ""; if (index($0, "\"id\":\"" key "\"") == 0) bad++ } END { print bad + 0 }')"
"$picket" sink status --state "$state" --output json >sinks.json
verdict "in = out + filtered + dead" true "$(jq '.[0] | .in == .out + .filtered + .dead and .in == 2750' sinks.json)"
done_testing
