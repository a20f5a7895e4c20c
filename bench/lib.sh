# Shared by the benches: a private folder, programs built once, a sensor started and stopped by pid.
# shellcheck shell=bash
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$here/build
work=$(mktemp -d)
picket_pid=''

finish() {
    [ -z "$picket_pid" ] || kill "$picket_pid" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

tool() { # NAME [FLAGS...]: builds bench/NAME.c
    local name=$1
    shift
    cc -O2 -Wall -Wextra -D_GNU_SOURCE "$here/bench/$name.c" -o "$work/$name" "$@"
}

median() { sort -n | awk '{v[NR]=$1} END{print (NR%2) ? v[(NR+1)/2] : (v[NR/2]+v[NR/2+1])/2}'; }

start_picket() { # OPTIONS...: returns when it says ready; signals go to $work/signals
    rm -rf "$work/state"
    : >"$work/picket.log" # that of a former one says "ready" too
    "$build/picket" run --state "$work/state" --output json "$@" \
        >"$work/signals" 2>"$work/picket.log" &
    picket_pid=$!
    for _ in $(seq 200); do
        grep -q '^picket: ready' "$work/picket.log" && return 0
        kill -0 "$picket_pid" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/picket.log" >&2
    return 1
}

stop_picket() { # prints the summary line
    kill -INT "$picket_pid"
    wait "$picket_pid" || true
    picket_pid=''
    grep -E '^picket: [0-9]+ events' "$work/picket.log"
}

need_root() {
    [ "$(id -u)" = 0 ] || { echo "bench: needs root" >&2; exit 77; }
}
