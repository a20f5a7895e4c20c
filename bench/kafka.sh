#!/bin/bash
# What a worker does: JSON events from a topic, 1,000 Sigma rules, signals into a topic, exactly once.
#   bench/kafka.sh     EVENTS=2000000 FLINK=VENV FLINK_EVENTS=300000 STEADY=0
# One broker of its own on loopback, on the same machine. Prints a line a run: events a second by the
# clock (the broker, and whatever else runs, share the cores), and events and MB for a second of CPU
# time of the worker with its decoders, from `ready` to the last commit: "per core".
# FLINK: a Python environment with apache-flink, its folder `jars` holding flink-sql-connector-kafka
# and zstd-jni; the same job in SQL then runs beside it, its start and compilation taken off.
# STEADY: seconds at full load, over which memory is to stay flat.
set -u
. "$(dirname "$0")/../tests/kafka/lab.sh"
bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
events=${EVENTS:-2000000} flink=${FLINK:-} flink_events=${FLINK_EVENTS:-300000} steady=${STEADY:-0}
ticks=$(getconf CLK_TCK)
[ -z "$flink" ] || flink=$(realpath "$flink")
lab_open 1

awk 'BEGIN { for (n = 0; n < 1000; n++) {
    if (n) print "---"
    printf "title: r%d\nid: 00000000-0000-4000-8000-%012d\nstatus: test\nlevel: low\n", n, n
    print "logsource: {product: windows, category: process_creation}"
    printf "detection:\n  s: {Image|endswith: \"\\\\tool%d.exe\", CommandLine|contains: \" --run%d \"}\n", n, n
    print "  condition: s" } }' >rules.yml
awk 'BEGIN { for (n = 0; n < 1000; n++)
    printf "`Image` like %c%%\\tool%d.exe%c and `CommandLine` like %c%% --run%d %%%c\n", 39, n, 39, 39, n, 39 }' \
    >conditions

fill() { # TOPIC COUNT
    awk -v first=1 -v count="$2" -f "$bench/kafka/events.awk" |
        feed "$1" -z zstd -X batch.size=1000000 -X linger.ms=50
}
family() { # PID...: these processes and all below them
    local pid
    for pid in "$@"; do
        echo "$pid"
        # shellcheck disable=SC2046 # several pids
        family $(pgrep -P "$pid")
    done
}
cpu_of() { # PID...: ticks of these processes and of all below them, so far
    local pid sum=0 part
    for pid in $(family "$@"); do
        part=$(awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$pid/stat" 2>/dev/null)
        sum=$((sum + ${part:-0}))
    done
    echo $sum
}
taken() { cat "$1"/worker-*.prom 2>/dev/null | awk '/^picket_in_total/ { sum += $2 } END { print sum + 0 }'; }
bytes=0
report() { # LABEL EVENTS SECONDS TICKS
    awk -v label="$1" -v n="$2" -v s="$3" -v t="$4" -v hz="$ticks" -v bytes="$bytes" 'BEGIN {
        if (s <= 0) s = 0.001; if (t <= 0) t = 1
        printf "%-44s %9d events %7.1f s %9.0f events/s  %9.0f events/s/core %6.1f MB/s/core\n",
            label, n, s, n / s, n / (t / hz), n * bytes / (t / hz) / 1e6 }'
}
is_done() { # STATE: all events are taken; with correlate, all of their signals too
    [ "$(taken "$1")" -ge "$events" ] || return 1
    [ ! -d "$1/correlate" ] || [ "$(taken "$1/correlate")" -ge $((events / 100)) ]
}
# measure LABEL WORKERS [options]: all events of topic inbench by a new group; sets seconds and spent
runs=0
measure() {
    local label=$1 workers=$2 pids='' start end worker before after
    shift 2
    runs=$((runs + 1))
    for worker in $(seq "$workers"); do
        "$picket" worker --brokers "$brokers" --group "bench$runs" --source json --input inbench \
            --logsource product=windows,category=process_creation --rules rules.yml \
            --output "outbench$runs" --state "state$runs" "$@" 2>"bench$worker.err" >/dev/null &
        worker_pid[bench$worker]=$!
        pids+=" $!"
    done
    for worker in $(seq "$workers"); do
        until grep -q ready "bench$worker.err"; do sleep 0.05; done
    done
    # shellcheck disable=SC2086 # several pids
    start=$(date +%s.%N) before=$(cpu_of $pids)
    until is_done "state$runs"; do sleep 0.05; done
    # shellcheck disable=SC2086
    end=$(date +%s.%N) after=$(cpu_of $pids)
    seconds=$(echo "$end - $start" | bc) spent=$((after - before)) # ticks
    report "$label" "$events" "$seconds" "$spent"
    for worker in $(seq "$workers"); do worker_end "bench$worker" TERM; done
    [ "$(consume "outbench$runs" | wc -l)" = $((events / 100)) ] || echo "# WRONG: not a signal in 100 events"
}

bytes=$(awk -v first=1 -v count=10000 -f "$bench/kafka/events.awk" | wc -c | awk '{ print $1 / 10000 }')
fill inbench "$events"
echo "# $events events of $bytes bytes, 1,000 rules, a signal in 100 events; $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
measure "one worker, commits every 100 ms" 1
measure "one worker, commits every 100 ms, again" 1
exact_spent=$spent exact_seconds=$seconds
measure "the same, at least once" 1 --guarantee at-least-once
awk -v e="$exact_spent" -v a="$spent" -v es="$exact_seconds" -v as="$seconds" 'BEGIN {
    if (a <= 0) a = 1; if (as <= 0) as = 0.001
    printf "# cost of exactly-once: %+.0f %% of CPU time, %+.0f %% by the clock\n",
        (e / a - 1) * 100, (es / as - 1) * 100 }'
measure "one worker, commits every 10 s" 1 --commit-interval 10s
measure "two workers, commits every 100 ms" 2
measure "detect and correlate, commits every 100 ms" 1 --stages detect,correlate

# ---- memory: the same topic, filled on and on ----
if [ "$steady" -gt 0 ]; then
    "$picket" worker --brokers "$brokers" --group steady --source json --input inbench \
        --logsource product=windows,category=process_creation --rules rules.yml \
        --output outsteady --state steady 2>>worker.err >/dev/null &
    worker_pid[steady]=$!
    end=$((SECONDS + steady))
    while [ $SECONDS -lt $end ]; do fill inbench 200000 2>/dev/null; done &
    filler=$!
    while [ $SECONDS -lt $end ]; do
        sleep $((steady / 10))
        pids="${worker_pid[steady]} $(pgrep -P "${worker_pid[steady]}")"
        echo "# $((steady - end + SECONDS)) s: $(taken steady) events, resident kB of worker and decoder:" \
            "$(for pid in $pids; do awk '/^VmRSS/ { printf "%s ", $2 }' "/proc/$pid/status"; done)"
    done
    wait "$filler"
    worker_end steady TERM
fi

# ---- the same job in Flink ----
job() { # TOPIC OUTPUT: sets job_seconds and job_ticks
    local start python now
    start=$(date +%s.%N) job_ticks=0
    "$flink/bin/python" "$bench/kafka/flink.py" "$brokers" "$1" "$2" "$flink/jars" conditions once \
        >flink.log 2>&1 &
    python=$!
    while kill -0 $python 2>/dev/null; do
        now=$(cpu_of $python $(pgrep -P $python))
        [ "$now" -le "$job_ticks" ] || job_ticks=$now
        sleep 0.2
    done
    wait $python || tail -3 flink.log | cut -c1-300
    job_seconds=$(echo "$(date +%s.%N) - $start" | bc)
}
if [ -n "$flink" ]; then
    fill inshort 1000
    fill inflink "$flink_events"
    job inshort flinkshort
    seconds=$job_seconds cpu=$job_ticks
    job inflink flinkout
    report "Flink, checkpoints every 100 ms" $((flink_events - 1000)) \
        "$(echo "$job_seconds - $seconds" | bc)" $((job_ticks - cpu))
    echo "# Flink: its start and compilation, taken off: $seconds s, $((cpu / ticks)) s of CPU time;" \
        "signals $(consume flinkout | wc -l), by picket $((flink_events / 100))"
else
    echo "# no Flink: FLINK is not set"
fi
