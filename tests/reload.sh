#!/usr/bin/env bash
# Rules are loaded anew while events flow: by a signal or because their files changed, without an event
# lost or doubled, whoever does not read the lines. A set that does not load leaves the old one running.
: "${seconds_max:=280}"
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/sensor.sh
source "$(dirname "$0")/sensor.sh"

rules_loaded() { # how many sets were taken since the start
    "$PICKET" status --state "$work/state" --output json 2>/dev/null |
        sed -nE 's/.*"rules_reloaded":([0-9]+).*/\1/p'
}
is_loaded() { [[ $(rules_loaded || true) -ge $1 ]]; }

# The set number N: Marked is in each; beside it a rule that is in no other, which changes what is
# hooked and which opens the kernel may leave out.
write_set() {
    local others=('evt.type = connect and fd.sport = 1' 'evt.type in (open, openat)'
        'evt.type = chmod' 'evt.type in (mkdir, unlink) and proc.name = none')
    {
        watch_rule Marked m
        printf -- '- rule: Number %s\n  desc: d\n  condition: %s and proc.name = nobody%s\n' \
            "$1" "${others[$1 % 4]}" "$1"
        printf '  output: x\n  priority: INFO\n'
    } >"$work/rules/next"
    mv "$work/rules/next" "$work/rules/rule.yml"
}

case_twenty_reloads_under_load_lose_and_double_nothing() {
    need_root
    mkdir "$work/rules"
    write_set 0
    start_picket --rules "$work/rules" --reload signal --ring-size 64M
    mark_load >"$work/count" &
    local load=$! number total
    echo "$load" >>"$work/pids"
    for number in $(seq 20); do
        write_set "$number"
        kill -HUP "$picket_pid"
        wait_for 30 is_loaded "$number"
    done
    touch "$work/stop"
    wait "$load"
    total=$(cat "$work/count")
    wait_for 60 is_seen "m$total"
    stop_picket
    echo "$total opens"
    [[ $total -gt 2000 ]]
    [[ $(tally "$work/signals" "$total") == "missing 0 doubled 0" ]] || { tally "$work/signals" "$total"; return 1; }
    grep -q ' 0 drops' "$work/summary"
    if says role_; then return 1; fi
}

case_a_reload_is_done_while_nobody_reads_the_lines() {
    need_root
    mkdir "$work/rules"
    write_set 0
    mkfifo "$work/pipe"
    exec 9<>"$work/pipe" # nobody reads yet
    "$PICKET" run --output json --state "$work/state" --rules "$work/rules" --reload signal \
        >"$work/pipe" 2>"$work/log.picket" &
    picket_pid=$!
    echo "$picket_pid" >>"$work/pids"
    wait_for 60 says ready
    for n in $(seq 3000); do mark "m$n"; done
    sleep 1
    for number in 1 2 3; do
        write_set "$number"
        kill -HUP "$picket_pid"
        wait_for 20 is_loaded "$number"
    done
    for n in $(seq 3001 3200); do mark "m$n"; done
    "$PICKET" status --state "$work/state" --output json >"$work/status" # the engine lives
    cat <&9 >"$work/signals" &
    echo $! >>"$work/pids"
    wait_for 20 is_seen m3200
    stop_picket
    [[ $(tally "$work/signals" 3200) == "missing 0 doubled 0" ]]
    if says role_; then return 1; fi
}

case_changed_files_are_loaded_by_themselves() {
    need_root
    mkdir "$work/rules"
    watch_rule First m1 >"$work/rules/rule.yml"
    start_picket --rules "$work/rules"
    mkdir "$work/rules/more" # a folder that was not there at the start
    watch_rule Second m2 >"$work/rules/more/second.yaml"
    wait_for 20 is_loaded 1
    mark m2-file
    wait_for 10 is_seen m2-file
    watch_rule Third m3 >"$work/rules/more/second.yaml" # in place, in that folder
    wait_for 20 is_loaded 2
    mark m3-file
    wait_for 10 is_seen m3-file
    watch_rule Fourth m4 >"$work/new" # as editors and git do it
    mv "$work/new" "$work/rules/rule.yml"
    wait_for 20 is_loaded 3
    mark m4-file
    wait_for 10 is_seen m4-file
    mkdir "$work/other"
    watch_rule Fifth m5 >"$work/other/rule.yml"
    mv "$work/rules" "$work/old" # the whole folder is another one
    mv "$work/other" "$work/rules"
    wait_for 20 is_loaded 4
    mark m5-file
    wait_for 10 is_seen m5-file
    touch "$work/rules/rule.yml" "$work/rules/note.txt" # nothing changes for the rules
    sleep 2
    [[ $(rules_loaded) -eq 4 ]]
    stop_picket
}

case_one_file_and_a_link_swapped_under_it_are_watched() {
    need_root
    mkdir -p "$work/set/..one" "$work/set/..two" # as a mounted ConfigMap lies
    watch_rule First m1 >"$work/set/..one/rule.yml"
    watch_rule Second m2 >"$work/set/..two/rule.yml"
    ln -s ..one "$work/set/..data"
    ln -s ..data/rule.yml "$work/set/rule.yml"
    start_picket --rules "$work/set"
    mark m1-file
    wait_for 10 is_seen m1-file
    [[ $(count_seen m1-file) -eq 1 ]] # the hidden copies are no rules of their own
    ln -s ..two "$work/set/..next"
    mv -T "$work/set/..next" "$work/set/..data"
    wait_for 20 is_loaded 1
    mark m2-file
    wait_for 10 is_seen m2-file
    stop_picket
}

case_a_set_that_does_not_load_leaves_the_old_one_running() {
    need_root
    watch_rule First m1 >"$work/rule.yml"
    start_picket --rules "$work/rule.yml"
    echo '- rule: Broken' >"$work/rule.yml"
    wait_for 20 says rules_refused
    grep -q 'rule.yml:1:' "$work/log.picket" # says where
    wait_for 10 grep -q '"rule":"Rules were not loaded"' "$work/signals"
    grep -F '"rule":"Rules were not loaded"' "$work/signals" | grep -q 'rule.yml:1:'
    mark m1-after
    wait_for 10 is_seen m1-after
    kill -KILL "$(role_pid engine)" # the next engine takes the old set, and tells no second time
    mark m1-again
    wait_for 20 is_seen m1-again
    wait_for 10 status_shows '^rules_refused +1$'
    grep -qE '^rules_refused_for +.*rule.yml:1:' "$work/status"
    rm "$work/rule.yml"
    wait_for 20 grep -q 'No such file' "$work/log.picket"
    mark m1-gone
    wait_for 10 is_seen m1-gone
    watch_rule Second m2 >"$work/rule.yml"
    wait_for 20 is_loaded 1
    mark m2-new
    wait_for 10 is_seen m2-new
    wait_for 10 status_shows '^rules_reloaded +1$'
    if grep -q '^rules_refused_for' "$work/status"; then return 1; fi
    stop_picket
    [[ $(grep -cF '"rule":"Rules were not loaded"' "$work/signals") -eq 2 ]]
}

run_cases
