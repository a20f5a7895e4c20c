# shellcheck shell=bash disable=SC2317 # what is called by the trap, or by until_true
# Brokers of our own and workers on them, for tests and benches. Sourced; needs java, maven (for the
# brokers' jars, kept in BUILD/kafka), kcat and jq. Everything listens on loopback and ends with the
# script that sourced this. Output is TAP.
#   lab_open NODES [N]     starts so many brokers; $brokers is where to meet them; the data of broker N
#                          lie on a disk of 128 MB, if root may make one: $small is then their folder
#   broker_start N, broker_kill N
#   worker_start NAME TOPIC-SUFFIX [options], worker_end NAME SIGNAL
#   events FIRST COUNT, feed TOPIC [kcat options], feed_slowly, feed_while, expect NAME TOPIC FIRST COUNT
set -u
build=$(realpath "${BUILD:-build}")
picket=$(realpath "${PICKET:-$build/picket}")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
number=0 failed=0
declare -A broker_pid=() worker_pid=()
leave() { echo "1..0 # SKIP $*"; exit 0; }

verdict() { # NAME WANTED FOUND
    number=$((number + 1))
    if [ "$2" = "$3" ]; then echo "ok $number - $1"; return; fi
    failed=$((failed + 1))
    echo "not ok $number - $1"
    { # on both: what runs this shows only one of them
        echo "# wanted $2, found $3"
        tail -5 worker.err 2>/dev/null | sed 's/^/# /'
    } | tee /dev/stderr
}
done_testing() {
    echo "1..$number"
    exit $((failed > 0))
}
until_true() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do [ $SECONDS -lt "$end" ] || return 1; sleep 0.2; done
}

# ---- brokers ----
jars=$build/kafka
java=(java -Xmx384m -cp "$jars/*") # no function: its pid would be that of a shell before the broker
jars_get() {
    local tool
    for tool in java mvn kcat jq curl; do
        command -v "$tool" >/dev/null || leave "$tool is not installed"
    done
    if ls "$jars"/kafka_*.jar >/dev/null 2>&1; then return; fi
    mkdir -p "$jars"
    mvn -q -B -f "$here/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$jars" \
        -DincludeScope=runtime >"$jars/maven.log" 2>&1 ||
        leave "maven got no jars: $(tail -1 "$jars/maven.log")"
}
lab_close() {
    local pid
    for pid in "${worker_pid[@]}" "${broker_pid[@]}"; do
        kill -CONT "$pid" 2>/dev/null
        kill -9 "$pid" 2>/dev/null
    done
    wait 2>/dev/null
    [ -z "${small:-}" ] || umount -l "$small" # whatever the broker still maps
    rm -rf "$lab"
}
broker_at() { echo "127.0.0.1:$((port + 2 * $1))"; }
broker_properties() { # N: three copies of everything where there are three brokers
    local copies=1 insync=1
    [ "$nodes" -lt 3 ] || { copies=3 insync=2; }
    cat <<P
process.roles=broker,controller
node.id=$1
controller.quorum.voters=$voters
listeners=PLAINTEXT://$(broker_at "$1"),CONTROLLER://127.0.0.1:$((port + 2 * $1 + 1))
advertised.listeners=PLAINTEXT://$(broker_at "$1")
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$lab/data$1
num.partitions=4
message.max.bytes=${record_bytes:-1048588}
default.replication.factor=$copies
min.insync.replicas=$insync
offsets.topic.replication.factor=$copies
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=$insync
transaction.state.log.num.partitions=4
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
group.initial.rebalance.delay.ms=0
P
}
broker_answers() { kcat -b "$(broker_at "$1")" -L -m 2; }
broker_start() { # N
    "${java[@]}" kafka.Kafka "$lab/broker$1.properties" >>"$lab/broker$1.log" 2>&1 &
    broker_pid[$1]=$!
}
broker_wait() { until_true 120 broker_answers "$1"; }
broker_kill() { # N
    kill -9 "${broker_pid[$1]}"
    wait "${broker_pid[$1]}" 2>/dev/null
}
copies_whole() { # TOPIC: every partition's copies are in step
    kcat -b "$brokers" -L -J -t "$1" 2>/dev/null |
        jq -e --argjson n "$nodes" '[.topics[].partitions[].isrs | length] | min >= ([$n, 3] | min)'
}
lab_open() { # NODES [N]
    nodes=$1 small=''
    jars_get
    lab=$(mktemp -d /tmp/picket-kafka.XXXXXX) || exit 1
    trap lab_close EXIT
    cd "$lab" || exit 1
    if [ -n "${2:-}" ] && [ "$(id -u)" = 0 ] && mkdir "data$2" &&
        mount -t tmpfs -o size=128m none "data$2" 2>/dev/null; then
        small=$lab/data$2
    fi
    port=$((20000 + $$ % 1000 * 10)) # ten for each, whoever runs beside it
    local node id
    voters='' brokers=''
    for node in $(seq "$nodes"); do
        voters+="${voters:+,}$node@127.0.0.1:$((port + 2 * node + 1))"
        brokers+="${brokers:+,}$(broker_at "$node")"
    done
    id=$("${java[@]}" kafka.tools.StorageTool random-uuid 2>/dev/null | tail -1)
    for node in $(seq "$nodes"); do
        broker_properties "$node" >"broker$node.properties"
        "${java[@]}" kafka.tools.StorageTool format -t "$id" -c "broker$node.properties" >format.log 2>&1
        broker_start "$node"
    done
    for node in $(seq "$nodes"); do
        broker_wait "$node" && continue
        echo "1..1"
        echo "not ok 1 - broker $node starts"
        tail -3 "broker$node.log" | sed 's/^/# /'
        exit 1
    done
}

# ---- events and workers ----
rules_write() { cp "$here/data/sevens.yml" rules.yml; }
events() { # FIRST COUNT: numbered events; every one whose number holds a 7 matches
    seq "$1" $(($1 + $2 - 1)) | sed 's/.*/{"n":"&"}/'
}
feed() { # TOPIC [kcat options]: stdin into it, each line once whatever befalls a broker
    local topic=$1
    shift
    kcat -E -b "$brokers" -P -t "$topic" -X enable.idempotence=true "$@" 2>>feed.err
}
feed_slowly() { # TOPIC FIRST COUNT: a thousand every 0.1 s
    local first
    for first in $(seq "$2" 1000 $(($2 + $3 - 1))); do
        events "$first" 1000
        sleep 0.1
    done | feed "$1"
}
# feed_while FILE TOPIC FIRST: a thousand every 0.4 s while the file is there; FILE.last then says how far
feed_while() {
    local first=$3
    while [ -e "$1" ]; do
        events "$first" 1000
        first=$((first + 1000))
        echo $((first - 1)) >"$1.last"
        sleep 0.4
    done | feed "$2"
}
worker_start() { # NAME TOPIC-SUFFIX [options]
    local name=$1 suffix=$2
    shift 2
    "$picket" worker --brokers "$brokers" --group "g$suffix" --source json --input "in$suffix" \
        --logsource product=app --rules rules.yml --output "out$suffix" --dlq "dead$suffix" \
        "$@" 2>>worker.err >/dev/null &
    worker_pid[$name]=$!
}
worker_end() { # NAME SIGNAL: its exit code
    kill "-$2" "${worker_pid[$1]}" 2>/dev/null
    wait "${worker_pid[$1]}" 2>/dev/null
}
consume() { # TOPIC [kcat options]: what is committed
    local topic=$1
    shift
    kcat -b "$brokers" -C -t "$topic" -e -q -X isolation.level=read_committed "$@" 2>/dev/null
}
seen() { consume "$1" | jq -r .output_fields.n; } # the numbers in signals
has_lines() { [ "$(consume "$1" | wc -l)" -ge "$2" ]; }
# expect NAME TOPIC FIRST COUNT: each event that matches is there once, and nothing else
expect() {
    events "$3" "$4" | jq -r .n | grep 7 | sort >wanted
    local end=$((SECONDS + ${patience:-90}))
    # one reading serves for both: kcat gives up on the way when brokers come and go
    until seen "$2" | sort >found && [ "$(wc -l <found)" -ge "$(wc -l <wanted)" ] ||
        [ $SECONDS -gt $end ]; do
        sleep 0.5
    done
    verdict "$1: missing, doubled" "0 0" \
        "$(comm -23 wanted <(sort -u found) | wc -l) $(uniq -d found | wc -l)"
}
# is_whole TOPIC: all of `wanted` is there, once or more often; what there is lies in `found`
is_whole() {
    seen "$1" | sort -u >found
    [ -z "$(comm -23 wanted found)" ]
}
summary() { grep -o 'in=.* dead=[0-9]*' worker.err | tail -1; }
# identity NAME: of every worker that ended by itself since worker.err was emptied
identity() {
    verdict "$1: in = out + filtered + dead" "" "$(grep -o 'in=.* dead=[0-9]*' worker.err |
        sed 's/[a-z]*=//g' | awk '$1 != $2 + $3 + $4')"
}
metric() { # STATE-FOLDER NAME: its value, of the first worker there
    sed -n "s/^picket_$2{[^}]*} //p" "$1/worker-0.prom"
}
is_level() { [ "$(metric "$1" lag_messages)" = 0 ]; } # STATE-FOLDER: nothing waits
is_keyed() { [ "$(consume "$1" -f '%k\n')" = "$2" ]; } # TOPIC KEY: its one record has that key
