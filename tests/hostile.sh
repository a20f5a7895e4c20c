#!/usr/bin/env bash
# A file name that attacks whoever reads about it: escaped for people, exact for programs. (That the
# evidence is the record itself is a unit test of the live loop.)
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/sensor.sh"

# newline, clear screen, right-to-left override, a byte that is no UTF-8
hostile=$'m-\n\e[2J\u202e\xff-end'

run_with() { # OUTPUT
    watch_rule Hostile m >"$work/rule.yml"
    "$PICKET" run --output "$1" --state "$work/state" --rules "$work/rule.yml" \
        >"$work/signals" 2>"$work/log.picket" &
    picket_pid=$!
    echo "$picket_pid" >>"$work/pids"
    wait_for 60 says ready
    mark "$hostile"
    wait_for 20 grep -qaF -e '-end' "$work/signals"
    stop_picket
}

case_people_see_no_control_byte() {
    need_root
    run_with text
    python3 - "$work/signals" <<'PY'
import sys
text = open(sys.argv[1], "rb").read()
line = text.decode("utf-8") # valid throughout
bad = [hex(ord(c)) for c in line if (ord(c) < 32 and c != "\n") or 0x7f <= ord(c) < 0xa0 or ord(c) in range(0x202a, 0x202f)]
assert not bad, bad
assert "m-\\n\\e[2J\\u{202e}\\xff-end" in line or "m-\\n\\e[2J\\u{202E}\\xff-end" in line, line
PY
    "$PICKET" query --state "$work/state" --output csv >"$work/csv"
    "$PICKET" query --state "$work/state" --output text >"$work/text"
    grep -qF 'm-\n\e[2J' "$work/csv"
    ! LC_ALL=C grep -qaP '[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xe2\x80\xae' "$work/csv" "$work/text"
}

case_programs_get_the_name_exactly() {
    need_root
    run_with json
    "$PICKET" query --state "$work/state" --output json --rule Hostile >"$work/queried"
    python3 - "$work/marks/m-" "$work/signals" "$work/queried" <<'PY'
import json, sys
wanted = sys.argv[1] + "\n\x1b[2J\u202e\\xff-end"
for path in sys.argv[2:]:
    lines = open(path, "rb").read().decode("utf-8").splitlines()
    names = [json.loads(line)["output_fields"]["fd.name"] for line in lines]
    assert names == [wanted], (path, names)
    assert not any(ord(c) < 32 for line in lines for c in line)
PY
}

run_cases
