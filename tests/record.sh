#!/usr/bin/env bash
# A recorder whose disk is full, or whose engine is killed, leaves a file that replays.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/sensor.sh
source "$(dirname "$0")/sensor.sh"

start_recorder() { # OPTIONS...
    "$PICKET" record --state "$work/scratch" "$@" 2>"$work/log.picket" &
    picket_pid=$!
    echo "$picket_pid" >>"$work/pids"
    wait_for 60 says ready || { cat "$work/log.picket"; return 1; }
}

replay_marks() { # FILE: signals into $work/signals
    watch_rule Marked m >"$work/rule.yml"
    "$PICKET" replay --rules "$work/rule.yml" --output json "$1" >"$work/signals" 2>"$work/replayed"
}

case_a_full_disk_ends_the_recorder_and_keeps_what_was_written() {
    need_root
    mkdir "$work/small"
    mount -t tmpfs -o size=2m tmpfs "$work/small" || skip "cannot mount a small disk"
    trap 'end_all; umount "$work/small"' EXIT
    mkdir -p "$work/marks"
    start_recorder --output "$work/small/all.rec"
    for n in $(seq 50); do mark "m$n"; done
    local code=0
    (while :; do head -c 300 /dev/urandom | base64 >/dev/null; done) &
    echo $! >>"$work/pids"
    wait_for 60 eval '! kill -0 "$picket_pid" 2>/dev/null'
    wait "$picket_pid" || code=$?
    [[ $code -eq 1 ]]
    says 'picket: the recording ends here.*No space left on device'
    if says 'role_ended'; then return 1; fi # not again and again
    [[ $(grep -c 'No space left' "$work/log.picket") -eq 1 ]]
    replay_marks "$work/small/all.rec"
    tail -n 2 "$work/replayed"
    [[ $(tally "$work/signals" 50) == "missing 0 doubled 0" ]]
}

case_a_device_that_takes_nothing_is_told_at_once() {
    need_root
    local code=0
    timeout 30 "$PICKET" record --state "$work/scratch" --output /dev/full --for 20s \
        2>"$work/log.picket" || code=$?
    [[ $code -eq 1 ]]
    says 'picket: the recording ends here.*No space left on device'
    if says 'picket: ready'; then return 1; fi
}

case_a_killed_engine_neither_loses_nor_doubles_a_record() {
    need_root
    mkdir -p "$work/marks"
    start_recorder --output "$work/all.rec"
    mark_load >"$work/count" &
    local load=$! old total
    echo "$load" >>"$work/pids"
    for _ in 1 2 3 4 5 6 7 8; do
        sleep 0.4
        old=$(role_pid engine)
        kill -KILL "$old"
        wait_for 20 is_other engine "$old"
    done
    sleep 0.5
    touch "$work/stop"
    wait "$load"
    total=$(cat "$work/count")
    sleep 1
    stop_picket
    grep -q ' 0 drops' "$work/summary"
    replay_marks "$work/all.rec"
    echo "$total opens"
    [[ $(tally "$work/signals" "$total") == "missing 0 doubled 0" ]] || { tally "$work/signals" "$total"; return 1; }
    grep -q ' 0 unreadable' "$work/replayed" || { cat "$work/replayed"; return 1; }
}

run_cases
