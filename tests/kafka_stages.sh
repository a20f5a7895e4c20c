#!/bin/bash
# shellcheck disable=SC2317 # is_ready_again and sums_to are called by until_true
# Correlation on a real broker: every signal is counted once, in one alert, whatever is killed; the
# alerts are those of the local stage. Output is TAP.
set -u
. "$(dirname "$0")/kafka/lab.sh"
kills=12
[ "${1:-}" != --long ] || kills=60
local_alerts=$build/src/live_alert
lab_open 1
rules_write
patience=60

about() { # FIRST COUNT: events of now about 40 machines; every one whose number holds a 7 matches
    seq "$1" $(($1 + $2 - 1)) | awk -v now="$(date -u +%FT%TZ)" '{
        printf "{\"n\":\"%d\",\"Computer\":\"ws%d\",\"@timestamp\":\"%s\"}\n", $1, $1 % 40, now }'
}
matches() { seq "$1" $(($1 + $2 - 1)) | grep -c 7; } # FIRST COUNT: how many of them do
stages_start() { # NAME SUFFIX STAGES [options]
    local name=$1 suffix=$2 stages=$3
    shift 3
    "$picket" worker --stages "$stages" --brokers "$brokers" --group "g$suffix" --source json \
        --logsource product=app --rules rules.yml "$@" 2>>worker.err >/dev/null &
    worker_pid[$name]=$!
}
both_start() { # NAME SUFFIX [options]
    local name=$1 suffix=$2
    shift 2
    stages_start "$name" "$suffix" detect,correlate --input "in$suffix" --output "sig$suffix" \
        --alerts "al$suffix" --dlq "dead$suffix" "$@"
}
correlate_start() { # NAME SUFFIX [options]
    local name=$1 suffix=$2
    shift 2
    "$picket" worker --stages correlate --brokers "$brokers" --group "g$suffix" --source json \
        --input "sig$suffix" --output "al$suffix" --dlq "dead$suffix" "$@" 2>>worker.err >/dev/null &
    worker_pid[$name]=$!
}
newest() { jq -s -c 'group_by(.id) | map(max_by(.version)) | .[]'; } # of each alert
counted() { consume "$1" | newest | jq -s 'map(.count) | add // 0'; } # at powers of two
all_read() { [ "$(metric "$1" in_total)" = "$2" ]; } # STATE-FOLDER COUNT
signal_count() { consume "$1" | wc -l; }
is_ready_again() { [ "$(grep -c 'picket: ready' worker.err)" = 2 ]; }
sums_to() { [ "$(counted "$1")" = "$2" ]; } # TOPIC COUNT

# ---- both in one command ----
about 1 6000 | feed in1
: >worker.err
both_start a 1 --state s1 --window 12s --metrics "127.0.0.1:$((port + 9))"
until_true 30 grep -q 'picket: ready' worker.err
verdict "one line says ready" 1 "$(grep -c 'picket: ready' worker.err)"
wanted=$(matches 1 6000)
printf 'no signal\n{"rule":"r"}\n' | feed sig1
until_true 60 all_read s1/correlate $((wanted + 2))
# detect's child, correlate's, and of each its decoder: that of correlate ends, with nothing to do
correlate_pid=$(pgrep -P "${worker_pid[a]}" | tail -1)
pkill -KILL -P "$correlate_pid"
until_true 60 sums_to al1 "$wanted"
verdict "each signal is counted once, by the end of its window" "$wanted" "$(counted al1)"
served() { curl -sf "http://127.0.0.1:$((port + $1))/metrics" | sed -n "s/^picket_in_total{.*stage=\"$2\"} //p"; }
verdict "each stage serves its counters" "6000 $((wanted + 2)) 1" "$(served 9 detect) $(served 10 correlate) $(
    sed -n 's/^picket_decoder_restarts_total{.*} //p' s1/correlate/worker-0.prom)"
worker_end a TERM
verdict "both end with 0" 0 $?
verdict "the last line is that of detect" \
    "picket: in=6000 out=$wanted filtered=$((6000 - wanted)) dead=0 signals=$wanted undecided=0" \
    "$(tail -1 worker.err)"
raised=$(consume al1 | jq -r .id | sort -u | wc -l)
verdict "correlate: in = out + deduplicated + shadow + dead" \
    "in=$((wanted + 2)) out=$raised deduplicated=$((wanted - raised)) shadow=0 dead=2" \
    "$(tail -2 worker.err | grep -o 'correlate in=.* dead=[0-9]*' | cut -d' ' -f2-)"
verdict "what is no signal is a dead letter" 'correlate sig1 no signal' \
    "$(consume dead1 | jq -r 'select(.payload == "no signal") |
        [.stage, (.position | sub("/.*"; "")), .payload] | join(" ")')"
verdict "alerts are keyed by their id" 0 \
    "$(consume al1 -f '%k %s\n' | awk '{ key = $1; sub(/^[^ ]* /, ""); if (index($0, "\"id\":\"" key "\"") == 0) bad++ }
        END { print bad + 0 }')"
verdict "the state lies in as many partitions as the signals" 4 \
    "$(kcat -b "$brokers" -L -J -t g1.correlate.state | jq '.topics[0].partitions | length')"

both_start a 1 --state s1
until_true 30 is_ready_again
pkill -KILL -P "${worker_pid[a]}" -n # the stage that was started last
wait "${worker_pid[a]}"
verdict "a stage that is killed ends the command with 1" 1 $?

# ---- killed again and again ----
: >worker.err
about 1 20000 >events.ndjson
(for first in $(seq 1 1000 20000); do
    sed -n "$first,$((first + 999))p" events.ndjson
    sleep 0.4
done | feed in2) &
feeder=$!
stages_start d 2 detect --input in2 --output sig2 --dlq dead2 --state d2
correlate_start a 2 --state s2 --jobs 2
for round in $(seq "$kills"); do
    sleep "0.$((RANDOM % 9 + 1))"
    [ "$round" != $((kills / 2)) ] || correlate_start b 2 --state b2
    if [ $((round % 3)) = 0 ]; then
        pkill -KILL -P "${worker_pid[a]}" # its decoder
    else
        worker_end a KILL
        correlate_start a 2 --state s2
    fi
done
wait "$feeder"
wanted=$(matches 1 20000)
until_true 60 has_lines sig2 "$wanted"
verdict "detect's signals are all there" "$wanted" "$(signal_count sig2)"
consume sig2 | "$local_alerts" store2 | sort >alerts.local
until_true 60 has_lines al2 "$(wc -l <alerts.local)"
consume al2 | sort >alerts.kafka
verdict "killed $kills times, the alerts are those of the local stage: missing, more" "0 0" \
    "$(comm -23 alerts.local alerts.kafka | wc -l) $(comm -13 alerts.local alerts.kafka | wc -l)"
verdict "one alert for each rule and entity" "40 40" "$(jq -r .id alerts.kafka | sort -u | wc -l) $(
    jq -r '.rule + .entity' alerts.kafka | sort -u | wc -l)"
worker_end a TERM
verdict "the worker ends with 0" 0 $?
worker_end b TERM
correlate_start a 2 --state s2 --window 1s
until_true 60 sums_to al2 "$wanted"
verdict "at the end of their windows each signal is counted once" "$wanted 40" \
    "$(counted al2) $(consume al2 | jq -r .id | sort -u | wc -l)"
worker_end a TERM
verdict "no state is left of alerts that ended" 0 \
    "$(consume g2.correlate.state -f '%p %k %S\n' | awk '{ len[$1 " " $2 $3 $4] = $NF }
        END { for (key in len) if (len[key] > 0) left++; print left + 0 }')"
verdict "correlate: in = out + deduplicated + shadow + dead, whenever it ended by itself" "" \
    "$(grep -o 'correlate in=.* dead=[0-9]*' worker.err | sed 's/correlate //; s/[a-z]*=//g' |
        awk '$1 != $2 + $3 + $4 + $5')"
worker_end d TERM

# ---- stopped past its session with work under way, then woken up ----
: >worker.err
about 1 3000 | feed in5
stages_start d 5 detect --input in5 --output sig5 --dlq dead5
correlate_start zombie 5 --commit-interval 2s --kafka message.timeout.ms=6000 --kafka transaction.timeout.ms=6000
until_true 30 has_lines al5 40
about 3001 3000 | feed in5
until_true 30 has_lines sig5 "$(matches 1 6000)"
kill -STOP "${worker_pid[zombie]}"
correlate_start a 5 --jobs 2
alerts_are_local() { # SUFFIX: alerts.local and alerts.kafka are made, and are as long
    rm -rf "store$1"
    consume "sig$1" | "$local_alerts" "store$1" | sort >alerts.local
    consume "al$1" | sort >alerts.kafka
    [ "$(wc -l <alerts.local)" = "$(wc -l <alerts.kafka)" ]
}
until_true 60 alerts_are_local 5
verdict "a stopped member's signals are counted by another: missing, more" "0 0" \
    "$(comm -23 alerts.local alerts.kafka | wc -l) $(comm -13 alerts.local alerts.kafka | wc -l)"
kill -CONT "${worker_pid[zombie]}"
about 6001 3000 | feed in5
until_true 30 has_lines sig5 "$(matches 1 9000)"
until_true 60 alerts_are_local 5
verdict "woken up, it doubles and loses none: missing, more" "0 0" \
    "$(comm -23 alerts.local alerts.kafka | wc -l) $(comm -13 alerts.local alerts.kafka | wc -l)"
worker_end a TERM
worker_end zombie TERM
verdict "and ends with 0" 0 $?
worker_end d TERM

# ---- a record with which decoders end ----
signal() { # N OUTPUT: of an event that says no time
    printf '{"rule":"r","entity":"host:h","id":"%032d","time":"%s","output":"%s"}\n' "$1" \
        1970-01-01T00:00:00.000000000Z "$2"
}
: >worker.err
long=$(head -c 970000 /dev/zero | tr '\0' x)
{
    signal 1 short
    signal 2 short
    signal 3 short
    signal 4 "$long"
    signal 5 short
} | feed sig3 -p 0
correlate_start a 3
until_true 60 has_lines dead3 1
until_true 20 has_lines al3 3
verdict "it is a dead letter, and the others are counted" "sig3/0@3 1 1 2 2 4 3" \
    "$(consume dead3 | jq -r .position) $(consume al3 | jq -r '"\(.count) \(.version)"' | paste -sd' ')"
verdict "signals without a time count at that of their records" "3 0" \
    "$(consume al3 | wc -l) $(consume al3 | grep -cE '"(time|first_seen|last_seen)":"1970')"
worker_end a TERM

# ---- what is wrong is said ----
"$picket" worker --stages detect,triage --brokers "$brokers" --group g --input in1 --output x \
    2>usage.err
verdict "there is no triage yet" "2 1" "$? $(grep -c 'triage: .*playbooks' usage.err)"
kcat -b "$brokers" -L -t g4.correlate.state >/dev/null # made as the broker makes topics
: >worker.err
signal 1 short | feed sig4
correlate_start a 4
wait "${worker_pid[a]}"
verdict "a state topic that is not compacted is refused" "1 1" \
    "$? $(grep -c 'g4.correlate.state.*cleanup.policy=delete' worker.err)"
done_testing
