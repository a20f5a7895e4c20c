#!/usr/bin/env bash
# JSON events: framing, packed input, logsources, and what is refused. With JSON_SUITE=FOLDER, the
# cases of a conformance suite too: y_*.json must be read, n_*.json refused, i_*.json neither crash.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"

rule() {
    cat >"$work/rule.yml" <<'RULE'
- rule: Found
  desc: one or x, at a.b
  condition: a.b = 1 or a.b = x
  output: "%a.b"
  priority: INFO
RULE
}

replay() { # OPTIONS... FILE: matches as `event output`, one a line; stderr in $work/err
    "$PICKET" replay --source json --rules "$work/rule.yml" --output json "$@" 2>"$work/err" |
        jq -r '"\(.event) \(.output)"'
}

case_a_line_is_a_record_and_a_broken_one_takes_no_other_with_it() {
    rule
    printf '%s\n' '{"a":{"b":1}}' '{"a":[{"b":"x"},{"c":2}]}' '{"a":' '' '{"a.b":"x"}'$'\r' '[1]' \
        $'{"a":{"b":"\xff"}}' '{"z":[1,],"a.b":1}' >"$work/events"
    printf '{"a.b":1}' >>"$work/events" # no newline
    replay "$work/events" >"$work/found"
    diff - "$work/found" <<<$'1 1\n2 x\n5 x\n9 1'
    sed "s,^$work/,," "$work/err" >"$work/said"
    diff - "$work/said" <<'SAID'
events:3:6: error: expected a value, found the end of the line
events:6:1: error: expected an object, found an array
events:7:12: error: bytes that are not UTF-8
events:8:9: error: expected a value
picket: 8 events, 4 matches, 4 unreadable, 0 undecided
SAID
}

case_packed_files_and_stdin_give_the_same() {
    rule
    for _ in {1..5000}; do echo '{"a":{"b":1}}'; done >"$work/events"
    replay "$work/events" >"$work/plain"
    gzip -c "$work/events" >"$work/gz"
    zstd -qc "$work/events" >"$work/zst"
    replay "$work/gz" | diff "$work/plain" -
    replay "$work/zst" | diff "$work/plain" -
    replay - <"$work/gz" | diff "$work/plain" -
    cat "$work/gz" "$work/gz" >"$work/twice.gz"
    cat "$work/zst" "$work/zst" >"$work/twice.zst"
    [[ $(replay "$work/twice.gz" | wc -l) -eq 10000 ]]
    [[ $(replay "$work/twice.zst" | wc -l) -eq 10000 ]]
}

case_a_packed_file_that_ends_early_is_counted_and_used_as_far_as_it_goes() {
    rule
    for n in {1..50000}; do echo "{\"a\":{\"b\":1},\"n\":$n}"; done >"$work/events"
    gzip -k "$work/events"
    zstd -qk "$work/events"
    head -c $(($(stat -c %s "$work/events.gz") / 2)) "$work/events.gz" >"$work/cut.gz"
    head -c $(($(stat -c %s "$work/events.zst") / 2)) "$work/events.zst" >"$work/cut.zst"
    for file in cut.gz cut.zst; do
        [[ $(replay "$work/$file" | wc -l) -gt 100 ]]
        grep -q 'error: the packed data ends early' "$work/err"
        grep -qE ' [12] unreadable' "$work/err"
    done
    { gzip -c "$work/events"; echo "no gzip"; } >"$work/tail.gz"
    [[ $(replay "$work/tail.gz" | wc -l) -eq 50000 ]]
    grep -q 'that are not gzip' "$work/err"
}

case_a_bomb_does_not_fill_the_memory() {
    rule
    { head -c 1000000000 /dev/zero | tr '\0' ' '; echo; echo '{"a.b":1}'; } | gzip -c >"$work/bomb.gz"
    replay "$work/bomb.gz" >"$work/found" &
    wait "$!"
    diff - "$work/found" <<<'2 1'
    grep -q 'bomb.gz:1:1: error: the line is over 16 MiB' "$work/err"
    grep -q ' 2 events, 1 matches, 1 unreadable' "$work/err"
}

case_texts_over_several_lines_are_read_when_asked_for() {
    rule
    cat >"$work/events" <<'TEXTS'
{
  "a": {
    "b": 1
  }
} {"a.b": "x"}{"a.b": 1}
[1, 2]
{
  "a": 1
  "b": 2
}
{"a.b":
1}
TEXTS
    replay --framing concat "$work/events" >"$work/found"
    diff - "$work/found" <<<$'1 1\n2 x\n3 1\n6 1'
    grep -q 'events:6:1: error: expected an object, found an array' "$work/err"
    grep -q "events:9:3: error: expected ',' or '}'" "$work/err"
    grep -q ' 6 events, 4 matches, 2 unreadable' "$work/err"
}

case_inputs_that_only_the_caller_may_read() {
    rule
    mkdir -m 700 "$work/closed"
    echo '{"a.b":1}' >"$work/closed/events"
    cd "$work/closed"
    replay events | diff - <(echo '1 1')
}

case_only_the_first_faults_are_printed_and_all_are_counted() {
    rule
    for _ in {1..1000}; do echo x; done >"$work/events"
    replay "$work/events"
    [[ $(grep -c ': error: ' "$work/err") -eq 20 ]]
    grep -q '980 more such errors' "$work/err"
    grep -q ' 1000 events, 0 matches, 1000 unreadable' "$work/err"
}

case_a_wrong_logsource_is_wrong_usage() {
    rule
    echo '{}' >"$work/events"
    for words in product colour=red product= product=a,product=b; do
        status=0
        "$PICKET" replay --source json --rules "$work/rule.yml" --logsource "$words" \
            "$work/events" 2>"$work/err" || status=$?
        [[ $status -eq 2 ]]
        grep -q 'expected product=, category= or service=' "$work/err"
    done
}

case_each_text_of_the_list_is_taken_or_refused_where_it_says() {
    cat >"$work/rule.yml" <<'RULE'
- rule: Any
  desc: never
  condition: no.such = 1
  output: "x"
  priority: INFO
RULE
    python3 - "$root/tests/json/cases" "$PICKET" "$work" <<'PYTHON'
import re, subprocess, sys
cases, picket, work = sys.argv[1:]
def content(text):
    parts = re.split(r"(<[0-9a-f]{2}>)", text)
    return b"".join(bytes.fromhex(p[1:3]) if re.fullmatch("<[0-9a-f]{2}>", p) else p.encode()
                    for p in parts)
rows = [line.rstrip("\n").split(" ", 2) for line in open(cases) if not line.startswith("#")]
wrong = 0
for start in range(0, len(rows), 20):  # so many faults are printed
    batch = rows[start:start + 20]
    # a first line, so that a mark at the start of a file is not taken for one of encoding
    with open(work + "/events", "wb") as file:
        file.write(b"{}\n" + b"".join(content(row[2]) + b"\n" for row in batch))
    run = subprocess.run([picket, "replay", "--source", "json", "--rules", work + "/rule.yml",
                          "--output", "summary", work + "/events"], capture_output=True, text=True)
    said = dict(re.findall(r"events:(\d+):(\d+): error: ", run.stderr))
    for number, (verdict, column, text) in enumerate(batch, 2):
        found = said.get(str(number))
        if found != (None if verdict == "y" else column):
            wrong += 1
            print(f"expected {verdict} {column}, found {found}: {text}")
print(len(rows), "texts,", wrong, "wrong")
sys.exit(wrong > 0 or len(rows) < 100)
PYTHON
}

case_a_conformance_suite() {
    [[ -n ${JSON_SUITE:-} ]] || skip "JSON_SUITE names no folder"
    [[ -x ${BUILD:-$root/build}/src/live_json ]] || skip "live_json is not built"
    local y n
    find "$JSON_SUITE" -name '*.json' -print0 | sort -z |
        xargs -0 "${BUILD:-$root/build}/src/live_json" judge >"$work/verdicts"
    y=$(grep -c '/y_[^/]*$' "$work/verdicts")
    n=$(grep -c '/n_[^/]*$' "$work/verdicts")
    echo "$y texts to be read, $n to be refused"
    [[ $y -gt 0 && $n -gt 0 ]]
    grep -E '^(no .*/y_|yes .*/n_|disagree )' "$work/verdicts" && return 1
    grep -E '/i_' "$work/verdicts" >"$work/out" || true
}

case_nothing_is_allocated_once_warm() {
    local live=${BUILD:-$root/build}/src/live_json
    [[ -x $live ]] || skip "live_json is not built"
    for n in {1..500}; do
        printf '%s\n' '{"a":{"b":"C:\\x\u00e9 '"$n"'"},"text":"a\nb","list":[{"x":'"$n"'},2.5]}' \
            '{"a":{"b":1},"a":{"c":'"$n"'}}' '{"a":'
    done >"$work/events"
    "$live" allocations "$work/events" >"$work/out"
    [[ $(cat "$work/out") != sanitized ]] || skip "allocations are the sanitizer's"
    grep -q '^0 of [1-9]' "$work/out"
}

run_cases
