#!/bin/bash
# Workers on three brokers, three copies of everything: brokers killed one after the other, members
# that come and go, records made to hurt, full disks of a broker and of a worker, a clock that jumps.
# By event id nothing is missing and nothing doubled under read_committed. About two minutes;
# `kafka3.sh --long` goes on longer.
# Output is TAP.
set -u
. "$(dirname "$0")/kafka/lab.sh"
rounds=1 joins=10 kills=0
[ "${1:-}" != --long ] || { rounds=4 joins=60 kills=50; }
lab_open 3 3
rules_write

# ---- each broker in turn: so each leader, and the coordinators of group and transactions ----
events 1 5000 | feed in1
: >worker.err
worker_start a 1 --state s1 --commit-interval 20ms
until_true 30 grep -q ready worker.err
"$picket" worker --stages correlate --window 4s --brokers "$brokers" --group g1 --source json --input out1 \
    --output al1 --dlq dead1 --state c1 2>correlate.err >/dev/null &
worker_pid[c]=$!
touch load
feed_while load in1 5001 &
feeder=$!
for _ in $(seq "$rounds"); do
    for node in 1 2 3; do
        sleep 2
        broker_kill "$node"
        sleep 2
        broker_start "$node"
        broker_wait "$node"
        until_true 60 copies_whole in1
        until_true 60 copies_whole __transaction_state
    done
done
rm load
wait "$feeder"
expect "each of three brokers killed under load, $((rounds * 3)) kills" out1 1 "$(cat load.last)"
worker_end a TERM
verdict "the worker outlives its brokers" 0 $?
identity "after the brokers' kills"
counted() { consume al1 | jq -s 'group_by(.id) | map(max_by(.version).count) | add'; }
# shellcheck disable=SC2317 # called by until_true
sums_up() { [ "$(counted)" = "$(wc -l <wanted)" ]; }
until_true 60 sums_up
verdict "correlate counts each signal once, and says no version twice" "$(wc -l <wanted) 0" \
    "$(counted) $(consume al1 | jq -r '"\(.id) \(.version)"' | sort | uniq -d | wc -l)"
worker_end c TERM
verdict "and outlives the brokers" 0 $?

# ---- members come and go ----
events 1 1000 | feed in2
: >worker.err
worker_start stays 2
touch load
feed_while load in2 1001 &
feeder=$!
for turn in $(seq "$joins"); do
    worker_start "m$((turn % 3))" 2
    sleep 1
    signal=TERM
    [ $((RANDOM % 3)) -ne 0 ] || signal=KILL
    leaver=m$(((turn + 1) % 3))
    [ -z "${worker_pid[$leaver]:-}" ] || worker_end "$leaver" $signal
    unset "worker_pid[$leaver]"
done
rm load
wait "$feeder"
patience=180 expect "$joins members that join and leave" out2 1 "$(cat load.last)"
for name in stays m0 m1 m2; do
    [ -z "${worker_pid[$name]:-}" ] || worker_end "$name" TERM
    unset "worker_pid[$name]"
done
identity "after the storm"

# ---- records made to hurt ----
: >worker.err
events 1 500 | feed in3
{ printf '{"n":"big7","x":"'; head -c 900000 /dev/zero | tr '\0' a; printf '"}\n'; } | feed in3
{ head -c 600000 /dev/zero | tr '\0' '\377'; echo; } | feed in3 # its letter is too large: cut
printf '\xff\xfe\xc0\x80\n' | feed in3
{ head -c 200000 /dev/zero | tr '\0' '['; echo; } | feed in3
{ printf '{"a":%.0s' $(seq 5000); echo; } | feed in3
printf '{"n":"7"}trailing\n{"n":\n"7"\n[]\n' | feed in3
printf 'key:\n' | feed in3 -K: -Z # a tombstone
events 501 500 | feed in3
worker_start a 3 --state s3
expect "events around poisoned records" out3 1 1000
until_true 30 is_level s3
worker_end a TERM
verdict "the worker outlives poison" 0 $?
bad=$(consume dead3 | wc -l)
identity "poison"
verdict "every record is accounted for" "in=1010 dead=$bad" \
    "$(summary | sed -E 's/(in=[0-9]*) .*(dead=[0-9]*)/\1 \2/')"
verdict "a tombstone is a letter without payload" 1 \
    "$(consume dead3 | jq -r 'select(.payload == null and (.reason | test("tombstone"))) | .stage' | wc -l)"
verdict "a letter too large keeps its place" 1 \
    "$(consume dead3 | jq -r 'select(.reason | test("too large")) | .position' | grep -c '^in3/')"

# ---- a clock that jumps, there and back ----
# By less than the 30 s that a call waits: librdkafka's waits end by the kernel's clock, which this
# does not move, so a jump holds them up for as long.
faketime=$(find /usr/lib -name libfaketimeMT.so.1 2>/dev/null | head -1)
if [ -n "$faketime" ]; then
    echo "+0" >clock
    : >worker.err
    feed_slowly in4 1 20000 &
    feeder=$!
    LD_PRELOAD=$faketime FAKETIME_TIMESTAMP_FILE=$lab/clock FAKETIME_NO_CACHE=1 \
        DONT_FAKE_MONOTONIC=1 worker_start a 4 --state s4
    for jump in +15 -15 +0; do
        sleep 1
        echo "$jump" >clock
    done
    wait "$feeder"
    expect "a clock that jumps" out4 1 20000
    worker_end a TERM
    verdict "the worker outlives a clock's jumps" 0 $?
    identity "after the clock's jumps"
else
    echo "# no libfaketime: the clock does not jump"
fi

# ---- a full disk under the state folder ----
mkdir full
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=64k none full 2>/dev/null; then
    : >worker.err
    events 1 2000 | feed in5
    worker_start a 5 --state full
    expect "before the disk is full" out5 1 2000
    head -c 1000000 /dev/zero >full/rest 2>/dev/null
    events 2001 2000 | feed in5
    expect "on a full disk" out5 1 4000
    worker_end a KILL
    worker_start a 5 --state full
    events 4001 2000 | feed in5
    expect "started anew on a full disk" out5 1 6000
    worker_end a TERM
    verdict "a full disk is said once a worker" 2 "$(grep -c 'warn metrics' worker.err)"
    umount full
else
    echo "# no tmpfs to fill"
fi

# ---- a broker's disk fills up under load, and is emptied ----
# shellcheck disable=SC2317 # called by until_true
broker_is_gone() { ! kill -0 "${broker_pid[$1]}"; }
if [ -n "$small" ]; then
    : >worker.err
    events 1 1000 | feed in7
    worker_start a 7 --state s7
    until_true 30 grep -q ready worker.err
    touch load
    feed_while load in7 1001 &
    feeder=$!
    for round in $(seq "$rounds"); do
        : >broker3.log
        head -c 200000000 /dev/zero >"$small/rest" 2>/dev/null
        until_true 60 broker_is_gone 3
        verdict "a broker whose disk is full ends, $round" "0 full" \
            "$? $(grep -q 'No space left on device' broker3.log && echo full)"
        rm "$small/rest"
        broker_start 3
        broker_wait 3
        until_true 60 copies_whole in7
    done
    rm load
    wait "$feeder"
    expect "a broker's disk was full" out7 1 "$(cat load.last)"
    worker_end a TERM
    verdict "the worker outlives a broker's full disk" 0 $?
    identity "after the broker's full disk"
else
    echo "# no disk of a broker to fill"
fi

# ---- the kill loop, on three brokers ----
if [ "$kills" -gt 0 ]; then
    touch load
    feed_while load in6 1 &
    feeder=$!
    : >worker.err
    for _ in $(seq "$kills"); do
        worker_start a 6 --state s6
        worker_start b 6 --state s6
        sleep "0.$((RANDOM % 9 + 1))"
        worker_end a KILL
        sleep "0.$((RANDOM % 9 + 1))"
        worker_end b KILL
    done
    rm load
    wait "$feeder"
    worker_start a 6 --state s6
    patience=180 expect "two workers killed $kills times each" out6 1 "$(cat load.last)"
    worker_end a TERM
    identity "after the kills"
fi
done_testing
