#!/usr/bin/env bash
# What goes wrong around a running picket, done for real: killed and stopped roles, broken rules at a
# reload, a second instance, a full disk, a folder that cannot be written, a burst beyond the ring.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
need_root

mkdir "$work/marks"
rule() { # NAME PREFIX
    cat <<RULE
- rule: $1
  desc: a file of the test was opened
  condition: evt.type in (open, openat, creat) and fd.name startswith $work/marks/$2
  output: opened %fd.name by %proc.name
  priority: INFO
RULE
}
rule "First rule" first >"$work/rule.yml"
touch_file() { : >"$work/marks/$1"; }
line_of() { grep -qF "$work/marks/$1\"" "$work/signals"; }
lines_of() { grep -cF "$work/marks/$1\"" "$work/signals" || true; }
role_pid() { pgrep -P "$picket_pid" -f "^picket role $1" | head -1; }
log_has() { grep -q "$1" "$work/picket.log"; }

start_picket --rules "$work/rule.yml"
touch_file first-a
check "a rule fires" wait_for 5 line_of first-a

# ---- a sensor's end: the kernel programs stay, held by the supervisor ----
old=$(role_pid sensor)
kill -KILL "$old"
for n in 1 2 3 4 5; do touch_file "first-s$n"; done
check "a killed sensor comes back" wait_for 20 eval '[ -n "$(role_pid sensor)" ] && [ "$(role_pid sensor)" != "$old" ]'
check "nothing is lost while it is gone" wait_for 5 line_of first-s5
touch_file first-after
check "and all goes on" wait_for 5 line_of first-after

# ---- stopped roles ----
pid=$(role_pid engine)
kill -STOP "$pid"
touch_file first-stopped
check "a stopped engine is ended and started again" wait_for 40 log_has role_silent
check "and what happened meanwhile is seen" wait_for 10 line_of first-stopped
pid=$(role_pid sensor)
kill -STOP "$pid"
touch_file first-deaf
check "events flow beside a stopped sensor" wait_for 10 line_of first-deaf
check "which is ended too" wait_for 40 eval '[ "$(grep -c role_silent "$work/picket.log")" -ge 2 ]'

# ---- reload ----
echo "- rule: Broken" >"$work/rule.yml"
kill -HUP "$picket_pid"
check "broken rules are refused at reload" wait_for 10 log_has rules_reload
touch_file first-b
check "and the old ones run on" wait_for 5 line_of first-b
rule "Second rule" second >"$work/rule.yml"
kill -HUP "$picket_pid"
check "good rules are taken" wait_for 10 log_has rules_reloaded
touch_file second-a
check "and fire" wait_for 5 line_of second-a

# ---- a second instance ----
check "a second instance is refused" eval \
    '! "$build/picket" run --state "$work/state" --rules "$work/rule.yml" --for 1s 2>"$work/second.log" &&
        grep -q "another picket" "$work/second.log"'
check "each line came once" test "$(lines_of first-s3)" = 1
stop_picket >/dev/null

# ---- a burst beyond a small ring is counted, shown and a signal ----
rule "First rule" first >"$work/rule.yml"
start_picket --rules "$work/rule.yml" --ring-size 64k
kill -STOP "$(role_pid engine)"
for n in $(seq 2000); do touch_file "first-burst$n"; done
kill -CONT "$(role_pid engine)"
check "a burst beyond the ring is a signal" wait_for 20 grep -q '"rule":"Events were lost"' "$work/signals"
check "status says why" eval '"$build/picket" status --state "$work/state" | grep -q "lost: ring_full"'
stop_picket >"$work/summary"
check "and so does the summary" eval '! grep -q " 0 drops" "$work/summary"'

# ---- a full disk ----
mkdir "$work/small"
mount -t tmpfs -o size=8m tmpfs "$work/small"
start_picket_in "$work/small/state" --rules "$work/rule.yml"
dd if=/dev/zero of="$work/small/fill" bs=64k 2>/dev/null
for n in $(seq 300); do touch_file "first-full$n"; done
check "a full disk is reported" wait_for 20 log_has store_refuses
rm "$work/small/fill"
check "and nothing is lost when there is room again" wait_for 20 line_of first-full300
check "each of them" eval '[ "$(grep -cF "$work/marks/first-full" "$work/signals")" = 300 ]'
stop_picket >/dev/null
umount "$work/small"

# ---- a folder that cannot be written ----
check "an unwritable state folder is said plainly" eval \
    '! "$build/picket" run --state /proc/nowhere --rules "$work/rule.yml" 2>"$work/bad.log" &&
        grep -q "state folder" "$work/bad.log"'
check "without root it says what it needs" eval \
    '! setpriv --reuid 65534 --regid 65534 --clear-groups "$build/picket" run 2>"$work/bad.log" &&
        grep -q "needs root" "$work/bad.log"'
finish_tests
