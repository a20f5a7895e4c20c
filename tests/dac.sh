#!/usr/bin/env bash
# Detection as code: tests, stages, coverage, differences, costs, exceptions, the commit hook.
source "$(dirname "$0")/lib.sh"

# ends CODE COMMAND...: output in $work/out and $work/err
ends() {
    local wanted=$1 code=0
    shift
    "$@" >"$work/out" 2>"$work/err" || code=$?
    [[ $code -eq $wanted ]] || { echo "$*: exit code $code, expected $wanted"; return 1; }
}

says() { grep -qF -- "$1" "${2:-$work/out}" || { echo "expected '$1'"; return 1; }; }

# rule NAME CONDITION [TAGS]
rule() {
    printf -- '- rule: %s\n  desc: d\n  condition: %s\n  output: saw %%fd.name by %%proc.name\n' "$1" "$2"
    printf '  priority: INFO\n  tags: [%s]\n' "${3:-}"
}

# strategy STAGE: front matter alone
strategy() { printf -- '---\nowner: team one\nstage: %s\nattack: [T1003]\n---\n# Title\n' "$1"; }

# opened FILE PROGRAM...: an event a program
opened() {
    local file=$1 program
    shift
    for program; do
        printf '{"evt.type": "open", "fd.name": "%s", "proc.name": "%s"}\n' "$file" "$program"
    done
}

# ---- test ----

test_line() { # test_line RULE MATCH FILE
    printf '{"rule": "%s", "match": %s, "why": "w", "event": {"evt.type": "open", "fd.name": "%s"}}\n' "$@"
}

case_a_failing_test_says_where_and_why() {
    rule Read 'evt.type = open and fd.name = /a' >r.yml
    { test_line Read true /a && test_line Read true /b && test_line Read false /a; } >r.test.ndjson
    ends 1 "$PICKET" test r.yml
    says '1 passed, 2 failed'
    says "r.test.ndjson:2: rule 'Read': must match, but does not: w" "$work/err"
    says 'no        fd.name = /a  [/b]' "$work/err"
    says "r.test.ndjson:3: rule 'Read': must not match, but does" "$work/err"
}

case_what_cannot_be_read_fails() {
    rule Read 'evt.type = open' >r.yml
    printf '%s\n' '{' '{"rule": "Read", "match": "yes", "event": {}}' \
        '{"rule": "Raed", "match": true, "event": {}}' >r.test.ndjson
    ends 1 "$PICKET" test r.yml
    says '0 passed, 3 failed'
    says 'r.test.ndjson:1:' "$work/err"
    says 'r.test.ndjson:2:' "$work/err"
    says "r.test.ndjson:3: rule 'Raed': no such rule is loaded" "$work/err"
}

case_results_as_tap_and_junit() {
    rule 'Read <&"' 'evt.type = open and fd.name = /a' >r.yml
    { test_line 'Read <&\"' true /a && test_line 'Read <&\"' true /b; } >r.test.ndjson
    ends 1 "$PICKET" test --tap --junit j.xml r.yml
    says 'ok 1 - Read <&": w'
    says 'not ok 2 - Read <&": w'
    says '1..2'
    says '<testsuite name="picket" tests="2" failures="1" errors="0" skipped="0"' j.xml
    says 'classname="Read &lt;&amp;&quot;" name="w" file="r.test.ndjson" line="2"' j.xml
    says '<failure message="r.test.ndjson:2: rule' j.xml
}

case_only_one_rules_tests() {
    { rule One 'evt.type = open' && rule Two 'evt.type = close'; } >r.yml
    { test_line One true /a && test_line Two true /a; } >r.test.ndjson
    ends 0 "$PICKET" test --only One r.yml
    says '1 passed, 0 failed'
    ends 1 "$PICKET" test --only Two r.yml
    ends 1 "$PICKET" test --only Three r.yml
    says "no rule 'Three'" "$work/err"
}

# ---- stages ----

stages_write() {
    local stage
    mkdir set
    for stage in draft shadow live retired; do
        rule "$stage rule" 'evt.type = open' >"set/$stage.yml"
        strategy "$stage" >"set/$stage.md"
    done
    opened /a cat >events
}

fired() { "$PICKET" replay --rules set --output json "$@" events | jq -r .rule | sort | paste -sd,; }

case_a_stage_decides_what_runs() {
    stages_write
    [[ $(fired) == 'live rule,shadow rule' ]]
    [[ $(fired --stage live) == 'live rule' ]]
    [[ $(fired --stage draft,retired) == 'draft rule,retired rule' ]]
    "$PICKET" replay --rules set --output json events >all
    [[ $(jq -r 'select(.rule == "shadow rule") | .stage' all) == shadow ]]
    [[ $(jq -r 'select(.rule == "live rule") | has("stage")' all) == false ]]
    ends 2 "$PICKET" replay --rules set --stage lively events
    says 'expected draft, shadow, live or retired' "$work/err"
}

case_a_draft_is_checked_and_a_retired_rule_is_not() {
    stages_write
    rule 'retired rule' 'evt.tpye = open' >set/retired.yml
    ends 0 "$PICKET" check set
    rule 'draft rule' 'evt.tpye = open' >set/draft.yml
    ends 1 "$PICKET" check set
    says 'set/draft.yml:3:14: error: ' "$work/err"
    ends 0 "$PICKET" replay --rules set events # a draft that is wrong does not stop the others
}

case_a_stage_that_there_is_not_is_an_error() {
    stages_write
    strategy alive >set/live.md
    ends 1 "$PICKET" check set
    says 'set/live.md:3:8: error: stage: expected draft, shadow, live or retired' "$work/err"
}

case_list_tells_stage_owner_techniques_and_tests() {
    stages_write
    rule 'live rule' 'evt.type = open' 'T1003.008, container' >set/live.yml
    { test_line 'live rule' true /a && test_line 'live rule' true /b; } >set/live.test.ndjson
    "$PICKET" rules list --rules set --output json >list
    [[ $(jq -s length list) -eq 4 ]]
    [[ $(jq -c 'select(.rule == "live rule") | [.stage, .owner, .attack, .tests, .enabled]' list) == \
        '["live","team one",["T1003.008"],2,true]' ]]
    [[ $(jq -c 'select(.rule == "retired rule") | [.stage, .tests, .enabled]' list) == \
        '["retired",0,false]' ]]
    ends 0 "$PICKET" rules list set
    grep -qE '^live +Informational +2 tests +T1003.008 +live rule +owner team one' "$work/out"
}

# ---- coverage ----

case_coverage_counts_rules_by_technique() {
    { rule One 'evt.type = open' 'T1003.008, mitre_credential_access' &&
        rule Two 'evt.type = open' 'attack.t1003.008, attack.t1059' &&
        rule Three 'evt.type = open' 'T9999' && rule Four 'evt.type = open'; } >r.yml
    "$PICKET" rules coverage r.yml --output navigator --name 'our layer' >layer.json
    [[ $(jq -r '[.name, .domain, .versions.layer] | join(",")' layer.json) == \
        'our layer,enterprise-attack,4.5' ]]
    [[ $(jq -c '[.techniques[] | select(.score) | [.techniqueID, .score, .comment]]' layer.json) == \
        '[["T1003.008",2,"One\nTwo"],["T1059",1,"Two"]]' ]]
    [[ $(jq -c '[.techniques[] | select(.showSubtechniques) | .techniqueID]' layer.json) == \
        '["T1003"]' ]]
    "$PICKET" rules coverage r.yml >table.md
    says '| T1003.008 | OS Credential Dumping: /etc/passwd and /etc/shadow | 2 | One, Two |' table.md
    says '## Credential Access' table.md
    says '| T9999 | Three |' table.md
    "$PICKET" rules coverage r.yml --output json >all.json
    [[ $(jq -c '[.rules, .without_technique, (.techniques | length), .unknown[0].tag]' all.json) == \
        '[4,2,2,"T9999"]' ]]
}

case_coverage_leaves_out_what_does_not_run() {
    stages_write
    local stage
    for stage in draft shadow live retired; do
        rule "$stage rule" 'evt.type = open' T1059 >"set/$stage.yml"
    done
    "$PICKET" rules coverage set --output json >c.json
    [[ $(jq -c '.techniques[0].rules' c.json) == '["live rule","shadow rule"]' ]]
    "$PICKET" rules coverage set --output json --stage draft >c.json
    [[ $(jq -c '.techniques[0].rules' c.json) == '["draft rule"]' ]]
}

# ---- diff ----

case_diff_tells_matches_gained_and_lost() {
    { rule Kept 'evt.type = open and fd.name = /a' && rule Moved 'evt.type = open and fd.name = /b' &&
        rule Gone 'evt.type = open and fd.name = /a'; } >before.yml
    { rule Kept 'evt.type=open and (fd.name=/a)' && rule Moved 'evt.type = open and fd.name = /c' &&
        rule New 'evt.type = open and fd.name = /a'; } >after.yml
    { opened /a cat && opened /b cat cp && opened /c cat && opened /d cat; } >events
    ends 1 "$PICKET" rules diff before.yml after.yml --events events --output json
    [[ $(jq -c '[.events, .added, .removed, .changed, .same, .gained, .lost]' "$work/out") == \
        '[5,1,1,1,1,2,3]' ]]
    [[ $(jq -c '[.rules[] | [.rule, .status, .matches]]' "$work/out") == \
        '[["Gone","removed",[1,0]],["Moved","changed",[2,1]],["New","added",[0,1]]]' ]]
    jq -c '.rules[] | select(.rule == "Moved") | [.lost.samples[].event, .gained.samples[]]' \
        "$work/out" >moved
    [[ $(cat moved) == '[2,3,{"file":"events","event":4,"output":"saw /c by cat"}]' ]]
    ends 1 "$PICKET" rules diff before.yml after.yml --events events
    says '- events:2  saw /b by cat'
    says '+ events:4  saw /c by cat'
    ends 1 "$PICKET" rules diff before.yml after.yml --events events --output markdown
    says '| `Moved` | changed | 2 | 1 | 1 | 2 |'
}

case_diff_of_equal_rules_ends_with_0() {
    rule Kept 'evt.type = open and fd.name in (/a, /b)' >before.yml
    rule Kept 'evt.type = open and fd.name in (/a, /b)' >after.yml
    opened /a cat >events
    ends 0 "$PICKET" rules diff before.yml after.yml --events events
    says '1 events: 0 rules added, 0 removed, 0 changed, 1 the same; 0 matches gained, 0 lost'
    ends 2 "$PICKET" rules diff before.yml after.yml
    ends 1 "$PICKET" rules diff before.yml missing.yml --events events
    says 'missing.yml: No such file' "$work/err"
}

run_cases
