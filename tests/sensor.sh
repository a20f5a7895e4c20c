# shellcheck shell=bash
# What tests of a running picket share, on top of lib.sh: one picket a case, its signals in $work/signals
# and its log in $work/log.picket.

start_picket() { # OPTIONS...
    "$PICKET" run --output json --state "$work/state" "$@" >"$work/signals" 2>"$work/log.picket" &
    picket_pid=$!
    echo "$picket_pid" >>"$work/pids"
    wait_for 60 says ready || { cat "$work/log.picket"; return 1; }
}

stop_picket() { # leaves the summary in $work/summary
    kill -INT "$picket_pid"
    wait "$picket_pid"
    grep -E '^picket: [0-9]+ events' "$work/log.picket" >"$work/summary"
}

says() { grep -q "$1" "$work/log.picket"; }

role_pid() { pgrep -P "$picket_pid" -f "^picket role $1" | head -n 1; }

is_other() { # ROLE PID: the role runs, and not as that process any more
    local now
    now=$(role_pid "$1")
    [[ -n $now && $now != "$2" ]]
}

# A rule for files of this case whose names begin with PREFIX.
watch_rule() { # NAME PREFIX
    mkdir -p "$work/marks"
    cat <<RULE
- rule: $1
  desc: a file of the test was opened
  condition: evt.type in (open, openat, creat) and fd.name startswith $work/marks/$2
  output: opened %fd.name by %proc.name
  priority: INFO
RULE
}

mark() { : >"$work/marks/$1"; }
is_seen() { grep -qF "\"fd.name\":\"$work/marks/$1\"" "$work/signals"; }
count_seen() { grep -cF "\"fd.name\":\"$work/marks/$1" "$work/signals" || true; }
