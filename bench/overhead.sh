#!/usr/bin/env bash
# What the sensor adds to jobs of the host: each job alone, with empty programs on the same hooks (the
# floor), and with picket, in turn, ROUNDS times. Prints the medians and the ratios to "alone", what
# the roles' own work came to (CPU for 1,000 events, drops), and their memory.
#   bench/overhead.sh [JOB...]      ROUNDS=5 RULES=path COMPAT=auto|on|off EXECS=20000 SECONDS_HTTP=5
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
need_root
rounds=${ROUNDS:-5}
rules=${RULES:-$here/rules}
compat=${COMPAT:-on}
command -v wrk >/dev/null || echo "bench: no wrk (Debian package wrk): ab instead" >&2

tool storm
tool floor -lbpf -lelf -lz
clang-14 -target bpf -O2 -g -I"/usr/include/$(uname -m)-linux-gnu" -c "$here/bench/floor.bpf.c" \
    -o "$work/floor.o"

job_open() { "$work/storm" open 200000; }
job_open_watched() { "$work/storm" open 100000 "$work/watched"; }
job_stat() { "$work/storm" stat 1000000; }
job_read() { "$work/storm" read 2000000; }
job_exec() { "$work/storm" exec "${EXECS:-20000}"; }
timed() { # COMMAND...: wall ns of it
    local start
    start=$(date +%s%N)
    "$@" >/dev/null 2>&1
    echo "$(($(date +%s%N) - start)) 0 1"
}
job_compile() { timed compile_all; }
compile_all() { (cd "$work/c" && for f in *.c; do gcc -O1 -c "$f" -o "$f.o"; done); }
job_http() { # wrk: ns for each request; ab: time for a fixed number of them
    if command -v wrk >/dev/null; then
        wrk -t 1 -c 8 -d "${SECONDS_HTTP:-5}s" "http://127.0.0.1:$port/index.html" |
            awk '/^Requests\/sec:/ { printf "%.0f 0 1\n", 1e9 / $2 }'
    else
        timed ab -q -n 20000 -c 8 "http://127.0.0.1:$port/index.html"
    fi
}

prepare() {
    mkdir "$work/c" "$work/www"
    touch "$work/watched"
    for n in $(seq 200); do
        printf '#include <stdio.h>\nint f%d(int x) { printf("%%d", x * %d); return x; }\n' "$n" "$n" \
            >"$work/c/f$n.c"
    done
    echo hello >"$work/www/index.html"
    port=$((20000 + RANDOM % 20000))
}

tracefs() {
    mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null || true
}

hooks_in_use() { # as `picket status` shows them
    "$build/picket" status --state "$work/state" --output json |
        python3 -c 'import json,sys
for hook in json.load(sys.stdin)["hooks"]:
    if hook["state"] == "attached": print(hook["hook"])'
}

one() { # JOB MODE: wall ns on stdout
    local mode=$2
    case $mode in
    floor)
        mkfifo "$work/hold"
        # shellcheck disable=SC2046
        "$work/floor" "$work/floor.o" $(cat "$work/hooks") <"$work/hold" >"$work/floor.out" &
        local floor=$!
        exec 9>"$work/hold"
        until grep -q ready "$work/floor.out" 2>/dev/null; do sleep 0.05; done
        ;;
    picket) start_picket --rules "$rules" --compat "$compat"; work_of_roles >"$work/before" ;;
    esac
    "job_$1" >"$work/result"
    case $mode in
    floor) exec 9>&-; wait "$floor"; rm "$work/hold" ;;
    picket)
        sleep 1 # the engine may have some to read yet
        work_of_roles | paste "$work/before" - >>"$work/roles.$1"
        stop_picket >>"$work/summary.$1"
        ;;
    esac
    cut -d' ' -f1 "$work/result"
}

work_of_roles() { # "CPU-ticks events drops" so far, of the supervisor and its children
    local pid total=0
    for pid in $picket_pid $(pgrep -P "$picket_pid"); do
        total=$((total + $(awk '{print $14 + $15}' "/proc/$pid/stat")))
    done
    "$build/picket" status --state "$work/state" --output json | python3 -c 'import json,sys
status = json.load(sys.stdin)
print(sys.argv[1], status["events"], status["drops"])' "$total"
}

memory_of_roles() {
    local pid
    for pid in $picket_pid $(pgrep -P "$picket_pid"); do
        printf 'memory %-28s RSS %s KiB, PSS %s KiB\n' \
            "$(tr '\0' ' ' <"/proc/$pid/cmdline" | grep -oE 'role [a-z]+' || echo supervisor)" \
            "$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")" \
            "$(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup")"
    done
}

prepare
tracefs
start_picket --rules "$rules" --compat "$compat"
sleep 2
hooks_in_use >"$work/hooks"
echo "hooks: $(wc -l <"$work/hooks"); rounds: $rounds; $(uname -r); $(nproc) CPUs"
memory_of_roles
stop_picket
(cd "$work/www" && exec python3 -m http.server --protocol HTTP/1.1 "$port" --bind 127.0.0.1 >/dev/null 2>&1) &
server=$!
trap 'kill "$server" 2>/dev/null; finish' EXIT

jobs=${*:-open open_watched stat read exec compile http}
for job in $jobs; do
    for round in $(seq "$rounds"); do
        for mode in alone floor picket; do
            one "$job" $mode >>"$work/$job.$mode"
        done
        : "$round"
    done
    alone=$(median <"$work/$job.alone")
    floor=$(median <"$work/$job.floor")
    with=$(median <"$work/$job.picket")
    awk -v job="$job" -v a="$alone" -v f="$floor" -v p="$with" 'BEGIN{
        printf "%-12s alone %.4g s  floor %.4g s (%+.1f %%)  picket %.4g s (%+.1f %%)\n",
            job, a/1e9, f/1e9, (f/a-1)*100, p/1e9, (p/a-1)*100}'
    awk '{ cpu += $4 - $1; events += $5 - $2; drops += $6 - $3 } END {
        printf "         roles: %.0f ms CPU for each 1,000 of %d events, %d drops\n",
            events ? cpu * 10 / (events / 1000) : 0, events, drops }' "$work/roles.$job"
done
