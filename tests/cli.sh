#!/usr/bin/env bash
# The command line as a contract: help, exit codes, what is refused and how it is said.
source "$(dirname "$0")/lib.sh"

# fails CODE TEXT COMMAND...: ends with that code and says TEXT on stderr
fails() {
    local wanted=$1 text=$2 code=0
    shift 2
    "$@" >"$work/out" 2>"$work/err" || code=$?
    [[ $code -eq $wanted ]] || { echo "$*: exit code $code, expected $wanted"; return 1; }
    [[ -z $text ]] || grep -qF -- "$text" "$work/err" || { echo "$*: expected '$text'"; return 1; }
}

good_rule() {
    printf -- '- rule: %s\n  desc: d\n  condition: evt.type = open\n  output: x\n  priority: INFO\n' "$1"
}

case_every_command_has_help_that_names_its_options() {
    local command option
    declare -A options=(
        [run]='config rules state console output for' [replay]='source logsource rules output stage'
        [query]='state from to rule container output' [status]='state output'
        [record]='output for' [rules]='' [test]='rules only junit tap' [check]=strict)
    "$PICKET" --help >"$work/all"
    for command in "${!options[@]}"; do
        grep -qE "^  $command " "$work/all"
        "$PICKET" "$command" --help >"$work/help" 2>"$work/err"
        [[ ! -s $work/err ]]
        grep -q "^usage: picket $command" "$work/help"
        for option in ${options[$command]}; do
            grep -qE -- "--$option\b" "$work/help" || { echo "$command: no --$option"; return 1; }
        done
    done
}

case_wrong_usage_ends_with_2() {
    local command
    fails 2 "no command 'wach'" "$PICKET" wach
    for command in run replay query status record rules test check; do
        fails 2 "unknown option '--bogus'" "$PICKET" "$command" --bogus
    done
    fails 2 "unknown option '--for'" "$PICKET" replay --for 1s events
    fails 2 'replay what?' "$PICKET" replay
    fails 2 'check what?' "$PICKET" check
    fails 2 'test what?' "$PICKET" test
    fails 2 'usage: picket rules' "$PICKET" rules
    fails 2 'no subcommand of rules' "$PICKET" rules lst
    fails 2 'rules list' "$PICKET" rules explain
    fails 2 "run takes no operand, found 'x'" "$PICKET" run x
    fails 2 "query takes no operand but 'alerts', found 'x'" "$PICKET" query x
    fails 2 'expected a time' "$PICKET" query --from yesterday
    fails 2 output "$PICKET" replay --output xml events
    fails 2 for "$PICKET" run --for soon
}

case_what_is_not_there_is_named() {
    fails 1 "$work/missing: No such file" "$PICKET" check "$work/missing"
    fails 1 "$work/missing: No such file" "$PICKET" test "$work/missing"
    good_rule Any >"$work/rule.yml"
    fails 1 "$work/missing: No such file" "$PICKET" replay --rules "$work/rule.yml" "$work/missing"
    fails 1 "$work/missing: No such file" "$PICKET" replay --rules "$work/missing" /dev/null
    fails 1 "$work/missing: No such file" "$PICKET" run --config "$work/missing"
    mkdir "$work/none"
    "$PICKET" replay --rules "$work/none" /dev/null 2>"$work/said"
    grep -q 'no rule file' "$work/said"
    "$PICKET" replay --rules "$work/none" --rules "$work/rule.yml" /dev/null 2>"$work/said"
    ! grep 'no rule file' "$work/said"
}

case_as_many_files_as_a_pattern_gives_are_taken() {
    local number
    mkdir "$work/rules" "$work/events"
    for number in {1..300}; do
        good_rule "Rule $number" >"$work/rules/$number.yml"
        echo '{"evt.type": "open"}' >"$work/events/$number"
    done
    "$PICKET" check "$work"/rules/*.yml
    good_rule Any >"$work/rule.yml"
    "$PICKET" replay --rules "$work/rule.yml" --output json "$work"/events/* >"$work/out"
    [[ $(grep -c '"event":1,' "$work/out") -eq 300 ]]
    fails 1 "$work/events: Is a directory" "$PICKET" replay --rules "$work/rule.yml" "$work/events"
}

case_a_callers_limit_on_memory_is_kept() {
    good_rule Any >"$work/rule.yml"
    echo '{"evt.type": "open"}' >"$work/events"
    (
        ulimit -v 1500000
        "$PICKET" replay --rules "$work/rule.yml" --output json "$work/events" | grep -q '"Any"'
    )
}

case_check_says_where_a_file_is_wrong() {
    good_rule Any >"$work/rule.yml"
    "$PICKET" check "$work/rule.yml"
    mkdir "$work/set"
    good_rule Any >"$work/set/a.yml"
    { good_rule Other && printf -- '- rule: Broken\n  desc: d\n  condition: evt.tpye = open\n'; } \
        >"$work/set/b.yaml"
    printf '  output: x\n  priority: INFO\n' >>"$work/set/b.yaml"
    fails 1 "$work/set/b.yaml:8:" "$PICKET" check "$work/set"
    grep -qE 'b.yaml:8:[0-9]+: error: ' "$work/err"
    grep -q 'did you mean' "$work/err"
}

case_check_names_all_that_is_wrong_in_one_run() {
    cat >"$work/rule.yml" <<'END'
- list: shells
  items: [bash, [zsh]]
- macro: opened
  condition: evt.type = opn
- rule: One
  desc: d
  condition: >
    opend and proc.nmae = a and (proc.pid = x or
    proc.name contians y) and proc.name in shels
  output: "%proc.nmae %"
  priority: loud
  tgas: [a]
END
    fails 1 '' "$PICKET" check "$work/rule.yml"
    grep -oE 'rule.yml:[0-9]+:[0-9]+: (error|warning): .*' "$work/err" >"$work/found"
    for wanted in "2:17: error: expected a value" "4:25: error: unknown event type 'opn'; did you" \
        "8:5: error: unknown macro 'opend'; did you mean 'opened'" \
        "8:15: error: unknown field 'proc.nmae'; did you mean 'proc.name'" \
        "8:45: error: expected a number, found 'x'" "9:15: error: expected an operator" \
        "9:44: error: unknown list 'shels'; did you mean 'shells'" \
        "10:13: error: unknown field 'proc.nmae'" "10:23: error: expected a field behind '%'" \
        "11:13: error: rule 'One': 'priority'" "12:3: warning: unknown key 'tgas'"; do
        grep -qF "rule.yml:$wanted" "$work/found" || { echo "no $wanted"; cat "$work/found"; return 1; }
    done
}

case_check_strict_asks_for_what_a_rule_in_service_needs() {
    good_rule Any >"$work/rule.yml"
    "$PICKET" check "$work/rule.yml"
    fails 1 "no strategy" "$PICKET" check --strict "$work/rule.yml"
    grep -q 'no events' "$work/err"
    grep -q 'no tag names a technique' "$work/err"
    cp -r "$root/rules" "$work/rules"
    "$PICKET" check --strict "$work/rules"
    cd "$work/rules/credential"
    sed -i 's/^owner: .*//; s/^## False Positives$/## Nothing/' shadow_read.md
    sed -i '/"match": false/d' shadow_read.test.ndjson
    sed -i 's/T1003.008/T1003.999/; s/^  condition: >$/&\n    proc.name = a and proc.name = b and/' \
        shadow_read.yml
    "$PICKET" check "$work/rules"
    fails 1 "no such technique in ATT&CK" "$PICKET" check --strict "$work/rules"
    grep -qF "lacks the section '## False Positives'" "$work/err"
    grep -qF "names no 'owner'" "$work/err"
    grep -qF "no event that must not fire it" "$work/err"
    grep -qE "shadow_read.yml:[0-9]+:23: error: .* can never hold: 'proc.name = a', 'proc.name = b'" \
        "$work/err"
}

case_warnings_fail_a_strict_check() {
    printf -- '- list: unused\n  items: [a]\n' >"$work/list.yml"
    "$PICKET" check "$work/list.yml"
    fails 1 "warning: list 'unused' is used by nothing" "$PICKET" check --strict "$work/list.yml"
}

case_a_strict_check_says_what_lists_say_twice() {
    good_rule Any >"$work/rule.yml"
    printf -- '- list: l\n  items: [a, b, a]\n' >>"$work/rule.yml"
    sed -i 's/^  condition: .*/  condition: evt.type = open and proc.name in (l, c, d, c, b)/' "$work/rule.yml"
    printf '%s\n' 'title: T' 'logsource: {product: windows}' 'detection:' \
        '  s: {A|contains: [x, y, X, x]}' '  k: [foo, bar, foo]' '  condition: s or k' >"$work/s.yml"
    "$PICKET" check "$work/rule.yml" "$work/s.yml" 2>"$work/err"
    if grep twice "$work/err"; then return 1; fi
    fails 1 '' "$PICKET" check --strict "$work/rule.yml" "$work/s.yml"
    [[ $(grep -o "'.*' stands in this list twice" "$work/err" | sort | cut -d ' ' -f 1 | tr -d '\n') \
        == "'a''b''c''foo''x'" ]]
}

case_an_empty_state_folder_is_told() {
    local command
    mkdir -p "$work/empty" "$work/started/store"
    for command in query status; do
        fails 1 "$work/missing" "$PICKET" "$command" --state "$work/missing"
        fails 1 "$work/empty" "$PICKET" "$command" --state "$work/empty"
        fails 1 "$work/started" "$PICKET" "$command" --state "$work/started"
    done
}

case_tests_pass_fail_or_are_missing() {
    mkdir "$work/set"
    good_rule Any >"$work/set/rule.yml"
    fails 1 '' "$PICKET" test "$work/set"
    grep -qx '0 passed, 0 failed' "$work/out"
    echo '{"rule": "Any", "match": true, "why": "w", "event": {"evt.type": "open"}}' \
        >"$work/set/rule.test.ndjson"
    "$PICKET" test "$work/set" | grep -qx '1 passed, 0 failed'
    echo '{"rule": "Any", "match": false, "why": "w", "event": {"evt.type": "open"}}' \
        >>"$work/set/rule.test.ndjson"
    fails 1 "rule.test.ndjson:2" "$PICKET" test "$work/set/rule.yml"
    grep -qx '1 passed, 1 failed' "$work/out"
}

case_a_configuration_file_is_checked() {
    local config=$work/config.yml
    fails 1 "$work: expected a file" "$PICKET" run --config "$work"
    printf 'output: json\nbogus: 1\n' >"$config"
    fails 1 "$config: unknown option 'bogus'" "$PICKET" run --config "$config"
    printf 'output: xml\n' >"$config"
    fails 1 "$config: " "$PICKET" run --config "$config"
    printf 'output: json\nstate: [\n' >"$config"
    fails 1 "$config:3:1: error: " "$PICKET" run --config "$config"
    printf -- '- output\n' >"$config"
    fails 1 "$config:1:1: error: expected one mapping" "$PICKET" run --config "$config"
    printf 'output:\n  a: b\n' >"$config"
    fails 1 "$config:2:3: error: expected a value" "$PICKET" run --config "$config"
    printf 'state: "a\\0b"\n' >"$config"
    fails 1 "$config:1:8: error: a NUL byte" "$PICKET" run --config "$config"
}

case_a_configuration_file_gives_values_and_lists_and_the_command_line_wins() {
    need_root
    mkdir "$work/rules"
    good_rule One >"$work/rules/one.yml"
    echo '- rule: Broken one' >"$work/broken1.yml"
    echo '- rule: Broken two' >"$work/broken2.yml"
    printf 'output: json\nfor: 1s\nstate: %s\nrules:\n  - %s\n  - %s\n' "$work/from-file" \
        "$work/broken1.yml" "$work/broken2.yml" >"$work/config.yml"
    fails 1 'the rules do not load' "$PICKET" run --config "$work/config.yml"
    grep -q broken1.yml "$work/err" # the whole list
    grep -q broken2.yml "$work/err"
    [[ -d $work/from-file ]]
    fails 1 'the rules do not load' "$PICKET" run --config "$work/config.yml" \
        --rules "$work/broken2.yml" --state "$work/from-line"
    if grep -q broken1.yml "$work/err"; then return 1; fi
    [[ -d $work/from-line ]]
    # the value `for` of the file ends it
    fails 0 'picket: ready' timeout 60 "$PICKET" run --config "$work/config.yml" \
        --rules "$work/rules"
    grep -qE '^picket: [0-9]+ events, [0-9]+ signals, [0-9]+ drops$' "$work/err"
}

case_closed_standard_descriptors_do_no_harm() {
    good_rule Any >"$work/rule.yml"
    echo '{"evt.type": "open"}' >"$work/events"
    "$PICKET" replay --rules "$work/rule.yml" "$work/events" <&- 2>&- | grep -q Any
    "$PICKET" replay --rules "$work/rule.yml" "$work/events" <&- >&- 2>"$work/err"
    grep -q '1 matches' "$work/err"
}

case_a_command_outlives_the_shell_that_started_it() {
    good_rule Any >"$work/rule.yml"
    mkfifo "$work/events"
    # the shell that starts it ends before its input comes
    bash -c '"$0" replay --rules "$1" --output json - <"$2" >"$3" 2>/dev/null &' \
        "$PICKET" "$work/rule.yml" "$work/events" "$work/signals"
    exec 9>"$work/events"
    echo '{"evt.type": "open"}' >&9
    wait_for 20 grep -q Any "$work/signals"
    echo '{"evt.type": "open"}' >&9
    exec 9>&-
    wait_for 20 eval '[[ $(grep -c Any "$work/signals") -eq 2 ]]'
}

run_cases
