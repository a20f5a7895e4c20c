#!/bin/bash
# Workers on a real broker: what came in goes out, or lies in the dead letters, once, whatever is
# killed. About a minute; `kafka.sh --long` kills more often. Output is TAP.
set -u
. "$(dirname "$0")/kafka/lab.sh"
kills=12
[ "${1:-}" != --long ] || kills=60
record_bytes=12000000
lab_open 1
rules_write

events 1 5000 | feed in1
printf 'broken\n{"n":"7"\n' | feed in1
: >worker.err
worker_start a 1 --state s1 --metrics "127.0.0.1:$((port + 9))"
expect "every event is read" out1 1 5000
until_true 20 is_level s1
verdict "the lag is told: messages, seconds" "0 0.000" \
    "$(metric s1 lag_messages) $(printf %.3f "$(metric s1 lag_seconds)")"
served=$(curl -sf "http://127.0.0.1:$((port + 9))/metrics" | sed -n 's/^picket_in_total{[^}]*} //p')
verdict "the metrics are served, and health" "5002 ready" \
    "$served $(curl -sf "http://127.0.0.1:$((port + 9))/health")"
worker_end a TERM
verdict "the worker ends with 0" 0 $?
wanted="in=5002 out=$(wc -l <wanted) filtered=$((5000 - $(wc -l <wanted))) dead=2"
verdict "in = out + filtered + dead" "$wanted" "$(summary)"
verdict "the metrics say the same" "$wanted" "in=$(metric s1 in_total) out=$(
    metric s1 out_total) filtered=$(metric s1 filtered_total) dead=$(metric s1 dead_total)"
verdict "dead letters carry the record and its place" "in1 broken" \
    "$(consume dead1 | jq -r 'select(.payload == "broken") | (.position | sub("/.*"; "")) + " " + .payload')"
verdict "the position is topic/partition@offset" 0 \
    "$(consume out1 | jq -r .event | grep -cvE '^in1/[0-9]+@[0-9]+$')"

events 1 5000 >events.ndjson
same() { jq -cS 'del(.event, .hostname)' | sort | sha256sum; }
verdict "replay finds the same signals" "$(consume out1 | same)" \
    "$("$picket" replay --source json --logsource product=app --rules rules.yml --output json \
        events.ndjson 2>/dev/null | same)"

printf '{"n":"7","Computer":"ws1","user":{"name":"ann"},"host":"other"}\n' >about.ndjson
feed in6 <about.ndjson
worker_start a 6
until_true 30 is_keyed out6 host:ws1
worker_end a TERM
found=$(consume out6 | jq -c '[.entity, .entities]')
verdict "a signal is keyed by what its event is about" 'host:ws1 ["host:ws1",["host:ws1","user:ann"]]' \
    "$(consume out6 -f '%k\n') $found"
verdict "replay says the same of it" "$found" "$("$picket" replay --source json --rules rules.yml \
    --logsource product=app --output json about.ndjson 2>/dev/null | jq -c '[.entity, .entities]')"
# ---- a record that is larger than what a decoder takes ----
: >worker.err
{ events 1 100; printf '{"n":"7","x":"'; head -c 9000000 /dev/zero | tr '\0' a; printf '"}\n'; events 101 100; } |
    feed in8 -X message.max.bytes=12000000
worker_start a 8
expect "events around a record of 9 MB" out8 1 200
until_true 20 eval '[ "$(consume dead8 | wc -l)" = 1 ]'
worker_end a TERM
verdict "which is a dead letter without its bytes" "null 201 1" "$(consume dead8 |
    jq -r 'select(.reason | test("over 8 MiB")) | .payload') $(summary | sed -E 's/in=([0-9]*) .*dead=/\1 /')"

feed in7 <about.ndjson
worker_start a 7 --entity nothing.there,user.name,n
until_true 30 is_keyed out7 user:ann
worker_end a TERM
verdict "--entity says which fields name it" 'user:ann ["user:ann","n:7"]' \
    "$(consume out7 -f '%k\n') $(consume out7 | jq -c .entities)"

dlq() { # VERB [options]: on the dead letters of the first case
    local verb=$1
    shift
    "$picket" dlq "$verb" --brokers "$brokers" --dlq dead1 "$@" 2>>dlq.err
}
verdict "dlq list shows reason, stage, source, position, payload" "detect json broken" \
    "$(dlq list --reason value --output json |
        jq -r 'select(.reason and (.position | startswith("in1/"))) | [.stage, .source, .payload] | join(" ")')"
dlq replay --position in1/ >/dev/null &
first=$!
dlq replay --position in1/ >/dev/null
wait "$first"
dlq replay >/dev/null
in1_count() { consume in1 | grep -cxF "$1"; } # LINE: how often it is in the input
verdict "replayed by three at once, each letter is back in its topic once" "2 2 2" \
    "$(dlq list --output json | jq -r 'select(.replayed) | .id' | wc -l) $(
        in1_count broken) $(in1_count '{"n":"7"')"

touch load
feed_while load in2 1 &
feeder=$!
: >worker.err
for _ in $(seq "$kills"); do
    worker_start a 2 --state s2
    sleep "0.$((RANDOM % 9 + 1))"
    sleep "0.$((RANDOM % 5))"
    worker_end a KILL
done
rm load
wait "$feeder"
worker_start a 2 --state s2
expect "a worker killed $kills times" out2 1 "$(cat load.last)"
worker_end a TERM
identity "after the kills"

# at least once: nothing is missing; what was done anew is there twice
touch load
feed_while load in4 1 &
feeder=$!
: >worker.err
for _ in $(seq 5); do
    worker_start a 4 --state s4 --guarantee at-least-once --commit-interval 300ms
    until_true 20 grep -q ready worker.err
    sleep "0.$((RANDOM % 9 + 1))"
    worker_end a KILL
done
rm load
wait "$feeder"
worker_start a 4 --state s4 --guarantee at-least-once
events 1 "$(cat load.last)" | jq -r .n | grep 7 | sort >wanted
until_true 60 is_whole out4
verdict "at least once, killed 5 times: missing, strange" "0 0" \
    "$(comm -23 wanted found | wc -l) $(comm -13 wanted found | wc -l)"
echo "# at least once: $(seen out4 | sort | uniq -d | wc -l) of $(wc -l <wanted) signals are there more than once"
worker_end a TERM
verdict "at least once, it ends with 0" 0 $?
identity "at least once"

# stopped past its session: another takes its partitions; woken up, it must not write
events 1 2000 | feed in3
: >worker.err
worker_start zombie 3 --commit-interval 3s
until_true 20 grep -q ready worker.err
sleep 0.5
kill -STOP "${worker_pid[zombie]}"
worker_start a 3
expect "a stopped worker's work is done by another" out3 1 2000
kill -CONT "${worker_pid[zombie]}"
events 2001 2000 | feed in3
expect "woken up, it does nothing twice" out3 1 4000
worker_end a TERM
worker_end zombie TERM
identity "after the stop"

# one partition has records, three are idle
events 1 2000 | feed in5 -p 2
: >worker.err
worker_start a 5 --state s5
expect "idle partitions hold nothing up" out5 1 2000
until_true 20 is_level s5
verdict "an idle partition is no lag" 0 "$(metric s5 lag_messages)"
worker_end a TERM
verdict "the worker ends with 0 on idle partitions" 0 $?

# asked to end when the cluster does not answer
for topic in in1 out1; do # the topic that it reads is none that it writes
    "$picket" worker --brokers "$brokers" --group g9 --input in1 --output out1 --dlq "$topic" \
        --rules rules.yml 2>>worker.err
    verdict "a worker that would write into $topic twice over is refused" 2 $?
done
: >worker.err
(brokers=127.0.0.1:1 && worker_start a 9 && sleep 1 && worker_end a TERM)
verdict "asked to end before a broker is there, it ends" "0 1" \
    "$? $(grep -c 'before it had joined' worker.err)"
events 1 20000 | feed in9
worker_start a 9 --commit-interval 5s
until_true 20 grep -q '^picket: ready' worker.err
sleep 1
kill -STOP "${broker_pid[1]}"
SECONDS=0
worker_end a TERM
verdict "asked to end while the cluster is silent, it ends within 30 s" "1 yes" \
    "$? $([ $SECONDS -lt 30 ] && echo yes)"
kill -CONT "${broker_pid[1]}"
worker_start a 9
expect "what it had not committed is done by the next" out9 1 20000
worker_end a TERM
done_testing
