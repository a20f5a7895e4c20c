#!/bin/bash
# The same rules over the same events give the same signals, whichever way the events come: `replay`,
# a followed file, HTTP, a Kafka topic. Every key of every signal is compared, and their order. Real
# events and rules where PICKET_DATA has them (default ../shared/data: sigma/windows-events.ndjson.zst,
# sigma/sigmahq-rules.tar.zst), else made ones. Without the parts of a broker Kafka is left out.
# Output is TAP.
set -u
. "$(dirname "$0")/kafka/lab.sh"
root=$(cd "$here/.." && pwd)
data=$(realpath "${PICKET_DATA:-$root/../shared/data}" 2>/dev/null)/sigma
parts=4
for tool in jq python3 curl; do command -v "$tool" >/dev/null || leave "$tool is not installed"; done
work=$(mktemp -d /tmp/picket-agree.XXXXXX) || exit 1
cd "$work" || exit 1
started=''
# shellcheck disable=SC2317 # called by the trap
close_all() {
    [ -z "$started" ] || kill -9 "$started" 2>/dev/null
    [ -z "${lab:-}" ] || lab_close
    rm -rf "$work"
}
trap close_all EXIT

# ---- rules and events ----
made_events() {
    awk 'BEGIN { for (n = 0; n < 1000; n++) {
        if (n) print "---"
        printf "title: r%d\nid: 00000000-0000-4000-8000-%012d\nlevel: low\n", n, n
        print "logsource: {product: windows, category: process_creation}"
        printf "detection:\n  s: {Image|endswith: \"\\\\tool%d.exe\", CommandLine|contains: \" --run%d \"}\n", n, n
        print "  condition: s" } }' >rules/made.yml
    awk -v first=1 -v count=30000 -f "$root/bench/kafka/events.awk" |
        sed 's/^{/{"@timestamp":"2026-01-01T00:00:00Z",/' >events
}
mkdir rules
if [ -r "$data/windows-events.ndjson.zst" ] && [ -r "$data/sigmahq-rules.tar.zst" ]; then
    tar --zstd -xf "$data/sigmahq-rules.tar.zst" -C rules
    grep -rlE '\|expand' rules | xargs -d '\n' rm # these want a site's own values
    zstd -dqc "$data/windows-events.ndjson.zst" >events
else
    echo "# no real events in $data: made ones"
    made_events
fi
sed -i '100i {"broken":' events # read by nobody, and in nobody's way
count=$(wc -l <events)
events=$work/events

# ---- the ways ----
run_until() { # FILE COUNT: until so many lines are in it
    until_true 120 eval "[ \$(wc -l <'$1') -ge $2 ]"
}
end() {
    kill "$started"
    wait "$started"
    started=''
}
compare() { # WAY
    cut -f 1,2 "$1.lines" | sort -s -n -k 1,1 >"$1.sorted"
    verdict "$1: as many signals as by replay" "$signals" "$(wc -l <"$1.sorted")"
    verdict "$1: signals that differ from those of replay" 0 \
        "$(diff replay.sorted "$1.sorted" | grep -c '^[<>]')"
}
lines() { # WAY: from WAY.json
    python3 "$here/agree/lines.py" "$1" "$events" "$parts" <"$1.json" >"$1.lines" 2>disorder
    verdict "$1: in order" "" "$(cat disorder)"
}

"$picket" replay --source json --rules rules --output json events >replay.json 2>worker.err
parts=1 lines replay
sort -s -n -k 1,1 replay.lines >replay.sorted
signals=$(wc -l <replay.sorted)
verdict "there are signals to compare" yes "$([ "$signals" -ge 300 ] && echo yes)"
echo "# $count lines, $(find rules -name '*.yml' | wc -l) rule files, $signals signals, of" \
    "$(jq -r .rule replay.json | sort -u | wc -l) rules"

printf '%s\n' 'name: app' 'owner: me' 'decoder: json' 'rules: [rules]' \
    "source: {type: file, paths: ['$events']}" >app.yaml
"$picket" pipeline run app.yaml --state files --output json >file.json 2>file.err &
started=$!
run_until file.json "$signals"
end
parts=1 lines file
compare file

"$picket" ingest --source app --listen 127.0.0.1:0 --rules rules --state http --output json \
    >http.json 2>http.err &
started=$!
until_true 120 grep -q 'listening on' http.err
address=$(sed -n 's/.*listening on //p' http.err)
split -l 2000 -d -a 4 events body.
for body in body.*; do
    until_true 20 curl -sf --data-binary "@$body" "http://$address/v1/events/app"
done
run_until http.json "$signals"
end
parts=1 lines http
compare http

# ---- Kafka ----
(jars_get) >jars 2>&1
if grep -q SKIP jars; then
    echo "# Kafka is left out: $(sed 's/.*SKIP //' jars)"
    done_testing
fi
lab_open 1
trap close_all EXIT
for part in $(seq 0 $((parts - 1))); do
    awk -v part="$part" -v parts=$parts '(NR - 1) % parts == part' "$work/events" |
        feed in -p "$part" -z zstd -X message.max.bytes=4000000
done
cd "$work" || exit 1
"$picket" worker --brokers "$brokers" --group agree --source json --input in --rules rules \
    --output out --dlq dead --jobs 2 >/dev/null 2>worker.err &
worker_pid[a]=$!
until_true 120 has_lines out "$signals"
worker_end a TERM
consume out -f '%p\t%s\n' >kafka.json
lines kafka
compare kafka
verdict "kafka: what cannot be read is a dead letter" 1 "$(consume dead | wc -l)"
done_testing
