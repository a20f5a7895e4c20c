#!/bin/bash
# A worker on a real broker of its own: what came in goes out, or lies in the dead letters, once,
# whatever is killed. Needs java, maven (for the broker's jars, kept in BUILD/kafka) and kcat. The
# broker listens on loopback and ends with the test. About 2 minutes. Output is TAP.
# shellcheck disable=SC2317 # cleanup runs by the trap
set -u
build=$(realpath "${BUILD:-build}")
picket=${PICKET:-$build/picket}
here=$(cd "$(dirname "$0")" && pwd)
leave() { echo "1..0 # SKIP $*"; exit 0; }
for tool in java mvn kcat jq; do
    command -v "$tool" >/dev/null || leave "$tool is not installed"
done
jars=$build/kafka
if ! ls "$jars"/kafka_*.jar >/dev/null 2>&1; then
    mkdir -p "$jars"
    mvn -q -B -f "$here/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$jars" \
        -DincludeScope=runtime >"$jars/maven.log" 2>&1 || leave "maven got no jars: $(tail -1 "$jars/maven.log")"
fi

lab=$(mktemp -d /tmp/picket-kafka.XXXXXX) || exit 1
port=$((20000 + $$ % 10000))
broker=127.0.0.1:$port
broker_pid='' worker_pid='' number=0 failed=0
cleanup() {
    [ -n "$worker_pid" ] && kill -CONT "$worker_pid" 2>/dev/null
    [ -n "$worker_pid" ] && kill -9 "$worker_pid" 2>/dev/null
    [ -n "$broker_pid" ] && kill -9 "$broker_pid" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$lab"
}
trap cleanup EXIT
cd "$lab" || exit 1

verdict() { # NAME WANTED FOUND
    number=$((number + 1))
    if [ "$2" = "$3" ]; then echo "ok $number - $1"; return; fi
    failed=$((failed + 1))
    echo "not ok $number - $1"
    echo "# wanted $2, found $3"
    tail -5 worker.err 2>/dev/null | sed 's/^/# /'
}
until_true() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do [ $SECONDS -lt "$end" ] || return 1; sleep 0.2; done
}

# ---- the broker ----
cat >server.properties <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://$broker,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://$broker
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$lab/data
num.partitions=4
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
P
kafka() { java -Xmx384m -cp "$jars/*" "$@"; }
broker_answers() { kcat -b "$broker" -L -m 2; }
broker_start() {
    java -Xmx384m -cp "$jars/*" kafka.Kafka server.properties >>broker.log 2>&1 &
    broker_pid=$!
    until_true 120 broker_answers
}
id=$(kafka kafka.tools.StorageTool random-uuid 2>/dev/null | tail -1)
kafka kafka.tools.StorageTool format -t "$id" -c server.properties >format.log 2>&1
broker_start || { echo "1..1"; echo "not ok 1 - the broker starts"; tail -3 broker.log; exit 1; }

# ---- events and the worker ----
cat >rules.yml <<'R'
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
events() { # FIRST COUNT: numbered events; every one whose number holds a 7 matches
    seq "$1" $(($1 + $2 - 1)) | sed 's/.*/{"n":"&"}/'
}
worker_start() { # TOPIC-SUFFIX [options]
    local suffix=$1
    shift
    "$picket" worker --brokers "$broker" --group "g$suffix" --source json --input "in$suffix" \
        --logsource product=app --rules rules.yml --output "out$suffix" --dlq "dead$suffix" \
        "$@" 2>>worker.err >/dev/null &
    worker_pid=$!
}
worker_kill() {
    kill "-$1" "$worker_pid" 2>/dev/null
    wait "$worker_pid" 2>/dev/null
}
seen() { # TOPIC: the numbers in committed signals
    kcat -b "$broker" -C -t "$1" -e -q -X isolation.level=read_committed 2>/dev/null |
        jq -r .output_fields.n
}
seen_count() { seen "$1" | wc -l; }
has_all() { [ "$(seen_count "$1")" -ge "$2" ]; }
# expect NAME TOPIC FIRST COUNT: each event that matches is there once, and nothing else
expect() {
    events "$3" "$4" | jq -r .n | grep 7 | sort >wanted
    until_true 60 has_all "$2" "$(wc -l <wanted)"
    seen "$2" | sort >found
    verdict "$1: missing, doubled" "0 0" \
        "$(comm -23 wanted <(sort -u found) | wc -l) $(uniq -d found | wc -l)"
}
summary() { grep -o 'in=.* dead=[0-9]*' worker.err | tail -1; }

# ---- cases ----
events 1 5000 | kcat -b "$broker" -P -t in1
printf 'broken\n{"n":"7"\n' | kcat -b "$broker" -P -t in1
: >worker.err
worker_start 1 --state s1
expect "every event is read" out1 1 5000
worker_kill TERM
verdict "the worker ends with 0" 0 $?
verdict "in = out + filtered + dead" "in=5002 out=$(wc -l <wanted) filtered=$((5000 - $(wc -l <wanted))) dead=2" "$(summary)"
verdict "dead letters carry the record and its place" "in1 broken" \
    "$(kcat -b "$broker" -C -t dead1 -e -q 2>/dev/null |
        jq -r 'select(.payload == "broken") | (.position | sub("/.*"; "")) + " " + .payload')"
verdict "the position is topic/partition@offset" 0 \
    "$(kcat -b "$broker" -C -t out1 -e -q 2>/dev/null | jq -r .event | grep -cvE '^in1/[0-9]+@[0-9]+$')"

dlq() { # VERB [options]: on the dead letters of the first case
    local verb=$1
    shift
    "$picket" dlq "$verb" --brokers "$broker" --dlq dead1 "$@" 2>>dlq.err
}
verdict "dlq list shows reason, stage, source, position, payload" "detect json broken" \
    "$(dlq list --reason value --output json |
        jq -r 'select(.reason and (.position | startswith("in1/"))) | [.stage, .source, .payload] | join(" ")')"
dlq replay --position in1/ >/dev/null &
first=$!
dlq replay --position in1/ >/dev/null
wait "$first"
dlq replay >/dev/null
in1_count() { # LINE: how often it is in the input
    kcat -b "$broker" -C -t in1 -e -q -X isolation.level=read_committed 2>/dev/null | grep -cxF "$1"
}
verdict "replayed by three at once, each letter is back in its topic once" "2 2 2" \
    "$(dlq list --output json | jq -r 'select(.replayed) | .id' | wc -l) $(
        in1_count broken) $(in1_count '{"n":"7"')"

(for first in $(seq 1 1000 60000); do events "$first" 1000; sleep 0.1; done) |
    kcat -b "$broker" -P -t in2 -z zstd &
feeder=$!
: >worker.err
for _ in $(seq "${KILLS:-50}"); do
    worker_start 2 --state s2
    sleep "0.$((RANDOM % 9 + 1))"
    sleep "0.$((RANDOM % 5))"
    worker_kill KILL
done
wait "$feeder"
worker_start 2 --state s2
expect "a worker killed ${KILLS:-50} times" out2 1 60000
worker_kill TERM

# stopped past its session: another takes its partitions; woken up, it must not write
events 1 2000 | kcat -b "$broker" -P -t in3
: >worker.err
worker_start 3 --commit-interval 3s
zombie=$worker_pid
until_true 20 grep -q ready worker.err
sleep 0.5
kill -STOP "$zombie"
worker_start 3
expect "a stopped worker's work is done by another" out3 1 2000
kill -CONT "$zombie"
events 2001 2000 | kcat -b "$broker" -P -t in3
expect "woken up, it does nothing twice" out3 1 4000
worker_kill TERM
kill -9 "$zombie" 2>/dev/null
wait "$zombie" 2>/dev/null

events 1 20000 | kcat -b "$broker" -P -t in4
: >worker.err
worker_start 4 --state s4 --commit-interval 10ms
until_true 20 grep -q ready worker.err
for first in 20001 25001; do
    kill -9 "$broker_pid"
    wait "$broker_pid" 2>/dev/null
    broker_start
    events "$first" 5000 | kcat -b "$broker" -P -t in4
    sleep 0.3
done
expect "a broker killed under load" out4 1 30000
worker_kill TERM
verdict "the worker outlives its broker" 0 $?

echo "1..$number"
exit $((failed > 0))
