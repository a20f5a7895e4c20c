#!/usr/bin/env bash
# What the sensor adds to jobs of the host: in each round every job alone, with empty programs on the
# same hooks (the floor), and with picket, in changing order. Prints medians of the differences within
# a round, in wall time and in CPU time (of the job, and of picket's roles besides): the latter hold
# on a machine that does other things too. Then the roles' CPU for 1,000 events, drops, memory.
#   bench/overhead.sh [JOB...]   ROUNDS=6 RULES=path COMPAT=auto|on|off EXECS=20000 SOURCES=200 SECONDS_HTTP=2
# EXECS are those of all rounds together. Ended early (INT, TERM), it sums up the rounds that are whole.
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
need_root
rounds=${ROUNDS:-6}
rules=${RULES:-$here/rules}
compat=${COMPAT:-on}
sources=${SOURCES:-200}
jobs=${*:-compile http open recorded stat read exec}
port=$((20000 + RANDOM % 20000))

tool storm
tool floor -lbpf -lelf -lz
clang-14 -target bpf -O2 -g -I"/usr/include/$(uname -m)-linux-gnu" -c "$here/bench/floor.bpf.c" \
    -o "$work/floor.o"

# Each prints "wall_ns cpu_ns count".
job_open() { "$work/storm" open 60000; }
job_recorded() { "$work/storm" open 30000 "$work/shadow"; } # a name that rules ask for: kept, walked
job_stat() { "$work/storm" stat 200000; }
job_read() { "$work/storm" read 300000; }
job_exec() { "$work/storm" exec $((${EXECS:-20000} / rounds)); }
job_compile() { "$work/storm" run "$sources" "$work/compile"; }
job_http() { # for each request: the CPU time of server and client
    local before
    before=$(cpu_of "$server")
    "$work/storm" run 1 "$work/load" >"$work/http"
    awk -v server=$(($(cpu_of "$server") - before)) '
        NR == FNR && / requests in / { count = $1 }
        NR != FNR { printf "%.0f %.0f %d\n", $1, $2 + server, count }' "$work/wrk" "$work/http"
}

cpu_of() { # PID...: ns on a processor so far, all threads
    local pid
    for pid; do cat "/proc/$pid/task/"*/schedstat; done 2>/dev/null |
        awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

prepare() {
    mkdir "$work/c" "$work/www"
    touch "$work/shadow"
    for n in $(seq "$sources"); do
        printf '#include <stdio.h>\nint f%d(int x) { printf("%%d", x * %d); return x; }\n' "$n" "$n" \
            >"$work/c/f$n.c"
    done
    # shellcheck disable=SC2016 # the script's own variables
    printf '#!/bin/sh\ncd %s/c && for f in *.c; do gcc -O1 -c "$f" -o "$f.o"; done\n' "$work" \
        >"$work/compile"
    printf '#!/bin/sh\nwrk -t 1 -c 8 -d %ss http://127.0.0.1:%s/index.html >%s/wrk\n' \
        "${SECONDS_HTTP:-2}" "$port" "$work" >"$work/load"
    chmod +x "$work/compile" "$work/load"
    echo hello >"$work/www/index.html"
}

start_server() { # one process, so that its CPU time is easily told
    cat >"$work/nginx.conf" <<CONF
daemon off; master_process off; pid $work/nginx.pid; error_log $work/nginx.log; events { }
http { access_log $work/access.log; sendfile on; keepalive_requests 1000000;
       server { listen 127.0.0.1:$port; root $work/www; } }
CONF
    nginx -c "$work/nginx.conf" >/dev/null 2>&1 &
    server=$!
}
server=''

counts_of_roles() { # "CPU-ns events drops" so far, of the supervisor and its children
    local children
    children=$(pgrep -P "$picket_pid")
    # shellcheck disable=SC2086
    status_of | jq -r --arg cpu "$(cpu_of "$picket_pid" $children)" '"\($cpu) \(.events) \(.drops)"'
}

status_of() { # right after "ready" there may be none yet
    local try
    for try in $(seq 50); do
        "$build/picket" status --state "$work/state" --output json 2>"$work/status.log" && return
        sleep 0.1
    done
    : "$try"
    cat "$work/status.log" >&2
    return 1
}

hooks_in_use() { status_of | jq -r '.hooks[] | select(.state == "attached") | .hook | split(" ")[0]' | sort -u; }

begin() { # MODE
    case $1 in
    floor)
        rm -f "$work/hold"
        mkfifo "$work/hold"
        # shellcheck disable=SC2046
        "$work/floor" "$work/floor.o" $(cat "$work/hooks") <"$work/hold" >"$work/floor.out" &
        floor=$!
        exec 9>"$work/hold"
        until grep -q ready "$work/floor.out" 2>/dev/null; do sleep 0.05; done
        ;;
    picket)
        start_picket --rules "$rules" --compat "$compat"
        sleep 1 # what ran before has been read
        ;;
    esac
}

end() { # MODE
    case $1 in
    floor) exec 9>&-; wait "$floor" ;;
    picket) stop_picket >/dev/null ;;
    esac
}

measure() { # JOB MODE ROUND: a line for the summary
    local before='0 0 0' after='0 0 0' taken
    [ "$2" != picket ] || before=$(counts_of_roles)
    taken=$("job_$1")
    if [ "$2" = picket ]; then
        sleep 1.2 # the engine may have some to read yet, and tells once a second
        after=$(counts_of_roles)
    fi
    echo "$1 $2 $3 $taken $before $after" >>"$work/taken"
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

summary() {
    python3 - "$work/taken" <<'SUMMARY'
import collections, statistics, sys
runs = collections.defaultdict(dict)
for line in open(sys.argv[1]):
    job, mode, number, *rest = line.split()
    wall, cpu, count, cpu0, events0, drops0, cpu1, events1, drops1 = map(int, rest)
    runs[job].setdefault(number, {})[mode] = (
        wall / count, cpu / count, (cpu1 - cpu0) / count, events1 - events0, drops1 - drops0, count)

for job in runs:
    runs[job] = {n: r for n, r in runs[job].items() if len(r) == 3}
runs = {job: rounds for job, rounds in runs.items() if rounds}

def added(job, mode, value):
    pairs = [(value(r[mode]), value(r["alone"])) for r in runs[job].values()]
    return (100 * statistics.median(a / b - 1 for a, b in pairs),
            statistics.median(a - b for a, b in pairs))

wall, cpu, both = (lambda r: r[0]), (lambda r: r[1]), (lambda r: r[1] + r[2])
print(f"{'job':13}{'alone':>11}  {'floor: wall':>12}{'cpu':>8}  {'picket: wall':>13}{'cpu':>8}"
      f"{'and roles':>11}{'ns of cpu':>11}{'and roles':>11}")
for job in runs:
    rows = runs[job].values()
    alone = statistics.median(r["alone"][1] for r in rows)
    print(f"{job:13}{alone:8.0f} ns  {added(job, 'floor', wall)[0]:+10.1f} %"
          f"{added(job, 'floor', cpu)[0]:+6.1f} %  {added(job, 'picket', wall)[0]:+11.1f} %"
          f"{added(job, 'picket', cpu)[0]:+6.1f} %{added(job, 'picket', both)[0]:+9.1f} %"
          f"{added(job, 'picket', cpu)[1]:+11.0f}{added(job, 'picket', both)[1]:+11.0f}")
print("ns: for each of what the job does, medians; percent: of alone, in the same round")
for job in runs:
    rows = [r["picket"] for r in runs[job].values()]
    events, drops = sum(r[3] for r in rows), sum(r[4] for r in rows)
    spent = sum(r[2] * r[5] for r in rows)
    each = f"{spent / events / 1000:.2f} ms of CPU for 1,000" if events >= 1000 else "few"
    print(f"roles, {job:13} {events:8} events ({each}), {drops} drops")
SUMMARY
}

if ! command -v wrk >/dev/null || ! command -v nginx >/dev/null; then
    echo "bench: no wrk or no nginx (Debian packages wrk, nginx-light): no job http" >&2
    jobs=${jobs//http/}
fi
prepare
mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null || true
start_picket --rules "$rules" --compat "$compat"
until hooks_in_use >"$work/hooks" && [ -s "$work/hooks" ]; do sleep 0.5; done # told once a second
echo "hooks: $(wc -l <"$work/hooks"); rounds: $rounds; $(uname -r); $(nproc) CPUs"
memory_of_roles
stop_picket
[[ $jobs != *http* ]] || start_server

last() {
    [ ! -s "$work/taken" ] || summary
    [ -z "$server" ] || kill "$server" 2>/dev/null
    finish
}
trap last EXIT
trap 'exit 1' INT TERM

order=(alone floor picket)
for round in $(seq "$rounds"); do
    for mode in "${order[@]}"; do
        begin "$mode"
        for job in $jobs; do measure "$job" "$mode" "$round"; done
        end "$mode"
    done
    order=("${order[@]:1}" "${order[0]}")
done
