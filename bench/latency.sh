#!/usr/bin/env bash
# From the syscall to the printed line, idle and under load.
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
need_root
tool latency
tool storm
mkdir "$work/watched"
cat >"$work/rule.yml" <<RULE
- rule: Latency probe
  desc: a file of the bench was opened
  condition: evt.type in (open, openat) and fd.name startswith $work/watched/
  output: opened %fd.name
  priority: INFO
RULE
measure() { # LABEL
    mkfifo "$work/out"
    rm -rf "$work/state"
    : >"$work/picket.log"
    "$build/picket" run --state "$work/state" --output json --rules "$work/rule.yml" \
        >"$work/out" 2>"$work/picket.log" &
    picket_pid=$!
    exec 8<"$work/out"
    until grep -q '^picket: ready' "$work/picket.log"; do sleep 0.1; done
    printf '%s: ' "$1"
    "$work/latency" "$work/watched" "${COUNT:-500}" 5 <&8
    exec 8<&-
    stop_picket >/dev/null || true
    rm "$work/out"
}
measure idle
"$work/storm" exec 100000 >/dev/null &
load=$!
measure "beside an exec storm"
kill "$load" 2>/dev/null || true
