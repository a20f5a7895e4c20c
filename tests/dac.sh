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
    "$PICKET" rules list --rules set --output json >listed
    [[ $(jq -s length listed) -eq 4 ]]
    [[ $(jq -c 'select(.rule == "live rule") | [.stage, .owner, .attack, .tests, .enabled]' listed) == \
        '["live","team one",["T1003.008"],2,true]' ]]
    [[ $(jq -c 'select(.rule == "retired rule") | [.stage, .tests, .enabled]' listed) == \
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

# ---- cost ----

case_cost_counts_looks_and_matches_of_each_rule() {
    { rule Rare 'evt.type = open and fd.name = /a' &&
        rule Often 'evt.type = open and fd.name startswith / and not proc.name = cat' &&
        rule Never 'evt.type = close and fd.name = /a'; } >r.yml
    for _ in {1..200}; do opened /b cat cp; done >events
    opened /a cat >>events
    ends 0 "$PICKET" rules cost r.yml --events events --output json
    [[ $(jq -c '[.events, (.rules | length), .ns_per_event > 0]' "$work/out") == '[401,3,true]' ]]
    [[ $(jq -c '.rules[] | select(.rule == "Rare") | [.asked, .matches, .shared_predicates]' \
        "$work/out") == '[1,1,2]' ]]
    [[ $(jq -c '.rules[] | select(.rule == "Often") | .matches' "$work/out") == 200 ]]
    [[ $(jq -c '.rules[] | select(.rule == "Never") | [.asked, .ns_per_event == 0]' "$work/out") == \
        '[0,true]' ]]
    [[ $(jq -r '.rules[0].rule' "$work/out") == Often ]]
    ends 0 "$PICKET" rules cost r.yml --events events
    grep -qE '401 events, .* which all rules share' "$work/out"
    ends 2 "$PICKET" rules cost r.yml
    : >none
    ends 1 "$PICKET" rules cost r.yml --events none
    says 'there is no event in the files' "$work/err"
}

# ---- exceptions ----

except_events() { # who reads what: four times agent, once by another parent, once another file
    local line
    while read -r line; do
        # shellcheck disable=SC2086 # words
        printf '{"evt.type": "open", "fd.name": "%s", "proc.name": "%s", "proc.pname": "%s", "proc.pid": %s}\n' $line
    done <<'END'
/etc/shadow agent cron 1
/etc/shadow agent sshd 2
/etc/shadow other cron 3
/etc/gshadow agent cron 4
/etc/shadow agent cron 5
END
}

except_rule() {
    rule Read 'evt.type = open and fd.name startswith /etc' |
        sed 's/by %proc.name/by %proc.name of %proc.pname (%proc.pid)/'
}

case_an_exception_silences_its_signal_and_few_others() {
    except_rule >r.yml
    except_events >events
    "$PICKET" replay --rules r.yml --output json events >signals
    head -n 1 signals >signal
    ends 0 "$PICKET" rules except signal --rules r.yml --events events --output json
    [[ $(jq -c '[.rule, .language, [.fields[].name], .others.of, .others.silenced, .verified]' \
        "$work/out") == '["Read","falco",["proc.name","fd.name","proc.pname"],4,1,true]' ]]
    [[ $(jq -r '.others.samples[].output' "$work/out") == 'saw /etc/shadow by agent of cron (5)' ]]
    jq -r .exception "$work/out" >exception.yml
    ends 0 "$PICKET" check r.yml exception.yml
    "$PICKET" replay --rules r.yml --rules exception.yml --output json events | jq .event |
        paste -sd, >left
    [[ $(cat left) == 2,3,4 ]] # its own event, 1, is silent; so is 5, as was said
}

case_an_exception_from_signals_and_from_stdin() {
    except_rule >r.yml
    except_events >events
    "$PICKET" replay --rules r.yml --output json events >signals
    # the fourth reads another file: two fields are enough to spare all others
    sed -n 4p signals | "$PICKET" rules except - --rules r.yml --signals signals >exception.yml
    says '# Of 4 other signals of the rule that were looked at it silences 0.' exception.yml
    says 'fields: ["proc.name", "fd.name"]' exception.yml
    "$PICKET" replay --rules r.yml --rules exception.yml --output json events | jq .event |
        paste -sd, >left
    [[ $(cat left) == 1,2,3,5 ]]
}

case_no_exception_without_a_signal_or_its_rule() {
    except_rule >r.yml
    ends 2 "$PICKET" rules except
    ends 1 "$PICKET" rules except 0123abcd --rules r.yml --state "$work/none"
    says "$work/none" "$work/err"
    echo '{"rule": "Other", "output_fields": {"fd.name": "/a"}}' >signal
    ends 1 "$PICKET" rules except signal --rules r.yml
    says "no rule 'Other' is loaded" "$work/err"
    echo '{"rule": "Read", "output_fields": {"proc.pid": 1}}' >signal
    ends 1 "$PICKET" rules except signal --rules r.yml
    says 'names no field that an exception could hold on to' "$work/err"
}

case_an_exception_from_the_store() {
    need_root
    { rule Read 'evt.type in (open, openat, openat2) and fd.name startswith /etc/host' &&
        rule Other 'evt.type in (open, openat, openat2) and fd.name = /etc/passwd'; } >r.yml
    background "$PICKET" run --rules r.yml --state "$work/state" --output json
    wait_for 30 grep -qs 'picket: ready' "$work/err"
    cat /etc/hosts /etc/hostname /etc/passwd >/dev/null
    wait_for 20 eval '[[ $(grep -cE "/etc/(hosts|hostname) by cat" "$work/out") -ge 2 ]]'
    kill -INT "$started"
    wait "$started" || true
    id=$(grep -m 1 'saw /etc/hosts by cat' "$work/out" | jq -r .id)
    "$PICKET" rules except "$id" --rules r.yml --state "$work/state" --output json >report
    [[ $(jq -r .signal report) == "$id" ]]
    [[ $(jq -c '[.fields[].value]' report) == '["cat","/etc/hosts"]' ]]
    [[ $(jq '.others.of' report) -ge 1 && $(jq '.others.silenced' report) -eq 0 ]]
}

case_a_shadow_signal_is_kept_and_not_printed() {
    need_root
    mkdir set
    rule Live 'evt.type in (open, openat, openat2) and fd.name = /etc/hosts' >set/live.yml
    rule Shadow 'evt.type in (open, openat, openat2) and fd.name = /etc/hosts' >set/shadow.yml
    strategy shadow >set/shadow.md
    local words
    for words in '' --shadow; do
        rm -f "$work/out" "$work/err"
        background "$PICKET" run --rules set --state "$work/state$words" --output json $words
        wait_for 30 grep -qs 'picket: ready' "$work/err"
        cat /etc/hosts >/dev/null
        wait_for 20 grep -q '"rule":"Live"' "$work/out"
        kill -INT "$started"
        wait "$started" || true
        cp "$work/out" "printed$words"
        "$PICKET" query --state "$work/state$words" --output json >"kept$words"
        grep -q '"stage":"shadow"' "kept$words"
    done
    if grep -q '"rule":"Shadow"' printed; then return 1; fi
    grep -q '"rule":"Shadow"' printed--shadow
}

# ---- the hook ----


repository() { # a git repository of rules with the hook in place
    command -v git >/dev/null || skip 'needs git'
    "$PICKET" check --help | grep -q -- --strict || skip 'this picket has no check --strict'
    export PICKET GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example \
        GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example
    git init -q -b main repo
    cp -r "$root/rules" repo/rules
    cp "$root/packaging/hooks/check-rules" repo/.git/hooks/pre-commit
    cd repo
    git add .
    git commit -q -m first >"$work/out" 2>"$work/err"
}

case_the_hook_lets_good_rules_pass_and_no_others() {
    repository
    grep -qE '^[0-9]+ passed, 0 failed$' "$work/out" "$work/err"
    sed -i 's,/etc/shadow,/etc/shadwo,g' rules/credential/shadow_read.yml
    git add .
    ends 1 git commit -q -m 'a rule that fails its tests'
    says "credential/shadow_read.test.ndjson:1: rule 'Password hashes read': must match" "$work/err"
    git checkout -q HEAD -- rules
    sed -i 's/^owner: .*//' rules/credential/shadow_read.md
    git add .
    ends 1 git commit -q -m 'a rule without an owner'
    says 'rules/credential/shadow_read' "$work/err"
    git checkout -q HEAD -- rules
    sed -i 's/  priority: WARNING/  priority: WARNIG/' rules/credential/shadow_read.yml
    ends 0 git commit -q --allow-empty -m 'what is wrong is not staged'
    git add .
    ends 1 git commit -q -m 'a rule that does not load'
    [[ $(git log --format=%s | head -n 1) == 'what is wrong is not staged' ]]
}

case_the_hook_minds_its_own_files() {
    repository
    echo text >README.md
    git add .
    PICKET=/bin/false ends 0 git commit -q -m 'no rules'
    sed -i 's/^# Password/# Password/; s/week/week /' rules/credential/shadow_read.md
    echo >>rules/credential/shadow_read.md
    git add .
    PICKET=/bin/false ends 1 git commit -q -m 'rules, and no picket'
    ends 0 git commit -q -m 'the same with it'
    # as a hook of pre-commit: the files are named
    ends 0 "$root/packaging/hooks/check-rules" README.md
    ends 0 "$root/packaging/hooks/check-rules" rules/macros.yml README.md
    rm rules/macros.yml
    ends 1 "$root/packaging/hooks/check-rules" rules/macros.yml
}

case_the_build_servers_job_tells_what_changes() {
    repository
    mkdir corpus
    head -n 1 rules/credential/shadow_read.test.ndjson | jq -c .event >corpus/day.ndjson
    ends 0 "$root/docs/examples/ci/check-rules.sh" main
    says '0 matches gained, 0 lost' changes.md
    says 'failures="0"' results.xml
    [[ $(jq .domain layer.json) == '"enterprise-attack"' ]]
    local file
    for file in yml md test.ndjson; do rm "rules/credential/shadow_read.$file"; done
    ends 0 "$root/docs/examples/ci/check-rules.sh" main
    says '| `Password hashes read` | removed | 1 | 0 | 0 | 1 |' changes.md
    echo '- rule: broken' >rules/broken.yml
    ends 1 "$root/docs/examples/ci/check-rules.sh" main
}

# ---- Sigma ----

sigma_rule() { # sigma_rule ID FILE
    printf 'title: %s\nid: %s\nstatus: test\nlogsource:\n  product: windows\n' "Reads $2" "$1"
    printf 'detection:\n  sel:\n    EventID: 11\n    TargetFilename|endswith: %s\n' "'\\$2'"
    printf '  condition: sel\nlevel: high\ntags: [attack.t1003.001, attack.credential-access]\n'
}

windows_event() { # windows_event IMAGE FILE: as evtx_dump prints it
    jq -n --arg image "$1" --arg file "$2" '{Event: {System: {Provider: {"#attributes": {Name: "P"}},
        EventID: 11, Channel: "Sysmon", Computer: "c"}, EventData: {Image: $image,
        TargetFilename: $file, ProcessGuid: "g", User: "u"}}}'
}

regression() { # regression FOLDER ID COUNT: its info.yml
    printf 'id: x\nrule_metadata:\n  - id: %s\n    title: t\nregression_tests_info:\n' "$2"
    printf '  - name: Positive Detection Test\n    type: evtx\n    provider: P\n'
    [[ -z $3 ]] || printf '    match_count: %s\n' "$3"
    printf '    path: %s/%s.evtx\n' "$1" "$2"
}

one=11111111-1111-4111-8111-111111111111
two=22222222-2222-4222-8222-222222222222

sigma_tree() {
    local id
    mkdir -p s/rules
    sigma_rule $one lsass.dmp >s/rules/one.yml
    sigma_rule $two sam.hiv >s/rules/two.yml
    for id in $one $two; do
        mkdir -p "s/regression_data/rules/$id"
        windows_event 'C:\a.exe' 'C:\lsass.dmp' >"s/regression_data/rules/$id/$id.json"
    done
    windows_event 'C:\b.exe' 'C:\other' >>"s/regression_data/rules/$one/$one.json"
    regression regression_data/rules/$one $one 1 >s/regression_data/rules/$one/info.yml
    regression regression_data/rules/$two $two '' >s/regression_data/rules/$two/info.yml
}

case_sigmas_regression_data_are_tests() {
    sigma_tree
    ends 1 "$PICKET" test s
    says '1 passed, 1 failed'
    says "$two.json:1: rule '$two': must match, but does not" "$work/err"
    ends 0 "$PICKET" test s --only $one
    regression regression_data/rules/$one $one 2 >s/regression_data/rules/$one/info.yml
    ends 1 "$PICKET" test --rules s/rules s/regression_data
    says 'must match 2 or more of 2 events, but matches 1' "$work/err"
    rm "s/regression_data/rules/$two/$two.json"
    ends 1 "$PICKET" test s
    says '0 passed, 1 failed, 1 skipped'
    echo 'id: [' >"s/regression_data/rules/$two/info.yml"
    ends 1 "$PICKET" test s
    says "rules/$two/info.yml:2:1: error: " "$work/err"
}

case_stage_and_owner_stand_in_a_sigma_rule() {
    sigma_tree
    printf 'stage: shadow\nowner: us\n' >>s/rules/one.yml
    printf 'stage: retired\n' >>s/rules/two.yml
    "$PICKET" rules list s --output json | jq -c '[.rule, .stage, .owner, .attack, .tests]' >listed
    grep -qxF '["Reads lsass.dmp","shadow","us",["T1003.001"],1]' listed
    grep -qxF '["Reads sam.hiv","retired",null,["T1003.001"],1]' listed
    printf '%s\n' '{"EventID": 11, "TargetFilename": "C:\\lsass.dmp"}' >events
    "$PICKET" replay --source json --rules s/rules --output json events >signals
    [[ $(jq -r .stage signals) == shadow ]]
    printf 'stage: sleeping\n' >>s/rules/two.yml
    ends 1 "$PICKET" check s/rules/two.yml
}

case_a_filter_silences_a_sigma_signal() {
    sigma_tree
    { windows_event 'C:\Tools [x]\a*b?.exe' 'C:\lsass.dmp' && windows_event 'C:\b.exe' 'C:\lsass.dmp' &&
        windows_event 'C:\Tools [x]\aXbY.exe' 'C:\lsass.dmp'; } | jq -c '.Event.EventData + {EventID: 11}' >events
    sed -i 's/^level:/fields: [Image, TargetFilename, User]\nlevel:/' s/rules/one.yml
    "$PICKET" replay --source json --rules s/rules --output json events >signals
    head -n 1 signals >signal
    ends 0 "$PICKET" rules except signal --source json --rules s/rules --events events --output json
    [[ $(jq -c '[.language, .verified, .others.of, .others.silenced]' "$work/out") == \
        '["sigma",true,2,0]' ]]
    jq -r .exception "$work/out" >s/rules/filter.yml
    "$PICKET" replay --source json --rules s/rules --output json events | jq .event | paste -sd, >left
    [[ $(cat left) == 2,3 ]]
    ends 1 "$PICKET" rules diff s/rules/one.yml s/rules --source json --events events
    says ', 1 lost'
}

run_cases
