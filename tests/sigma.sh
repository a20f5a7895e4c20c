#!/usr/bin/env bash
# Sigma rules as their user meets them: errors, pipelines, filters, both sources. The corpus cases
# want SigmaHQ's rules in PICKET_DATA (default ../shared/data), as sigma/sigmahq-rules.tar.zst.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
data=${PICKET_DATA:-$root/../shared/data}

rule() { # CATEGORY PRODUCT, the detection on stdin
    printf 'title: Found\nid: 929a690e-bef0-4204-a928-ef5e620d6fcc\nlevel: high\n'
    printf 'logsource: {category: %s, product: %s}\ndetection:\n' "$1" "$2"
    sed 's/^/    /'
}

matches() { # OPTIONS... FILE: the numbers of the events that match, on one line
    "$PICKET" replay --output json "$@" 2>"$work/err" | jq -r .event | paste -sd ' '
}

fails() { # COMMAND...: it must not succeed
    if "$@"; then
        echo "no failure: $*"
        return 1
    fi
}

case_errors_stand_at_their_place_all_in_one_run() {
    rule process_creation windows <<'RULE' >"$work/a.yml"
selection:
    Image|endwith: '\cmd.exe'
    CommandLine|contains: ' /c '
condition: selektion and 1 of filter_*
RULE
    printf 'title: b\nlogsource: {product: x}\nlevel: hgh\ndetection: {s: {a|re: (}, condition: s}\n' \
        >"$work/b.yml"
    fails "$PICKET" check "$work/a.yml" "$work/b.yml" 2>"$work/err"
    sed "s,^$work/,," "$work/err" >"$work/said"
    diff - "$work/said" <<'SAID'
a.yml:7:15: error: unknown modifier 'endwith'; did you mean 'endswith'?
a.yml:9:16: error: no search is named 'selektion'; did you mean 'selection'?
a.yml:9:35: error: no search matches 'filter_*'
b.yml:3:8: error: 'level': expected one of informational, low, medium, high, critical, found 'hgh'; did you mean 'high'?
b.yml:4:23: error: bad regex at byte 2: missing closing parenthesis
SAID
}

case_a_rule_is_for_its_logsource() {
    rule process_creation windows <<'RULE' >"$work/rule.yml"
selection: {Image|endswith: '\cmd.exe'}
condition: selection
RULE
    printf '%s\n' '{"Image":"C:\\CMD.exe"}' \
        '{"Image":"C:\\CMD.exe","product":"windows","category":"process_creation"}' \
        '{"Image":"C:\\CMD.exe","product":"linux","category":"process_creation"}' >"$work/events"
    [[ $(matches --source json --rules "$work/rule.yml" "$work/events") == "1 2" ]]
    [[ $(matches --source json --logsource product=windows,category=process_creation \
        --rules "$work/rule.yml" "$work/events") == "1 2 3" ]]
    [[ $(matches --source json --logsource product=macos --rules "$work/rule.yml" \
        "$work/events") == "" ]]
}

case_a_title_is_said_once() {
    rule process_creation windows <<'RULE' >"$work/rule.yml"
selection: {Image|endswith: '\cmd.exe'}
condition: selection
RULE
    printf '%s\n' '{"Image":"C:\\CMD.exe"}' >"$work/events"
    "$PICKET" replay --source json --rules "$work/rule.yml" "$work/events" >"$work/said" 2>"$work/err"
    grep -qF 'HIGH  Found: Image=C:\CMD.exe' "$work/said"
}

case_explain_says_what_each_part_of_a_condition_says() {
    rule process_creation windows <<'RULE' >"$work/rule.yml"
selection: {Image|endswith: '\cmd.exe'}
filter: {User: SYSTEM}
condition: selection and not filter
RULE
    printf '%s\n' '{"Image":"C:\\CMD.exe","User":"root"}' '{"Image":"C:\\CMD.exe","User":"system"}' \
        '{"Image":"a","category":"file_event"}' >"$work/events"
    said() { "$PICKET" rules explain Found --rules "$work/rule.yml" --event "$@" >"$work/said"; }
    said "$work/events"
    grep -q '^yes .*Image' "$work/said"
    grep -q '^no .*User' "$work/said"
    grep -qx 'matches: yes' "$work/said"
    said "$work/events:2"
    grep -q '^yes .*User' "$work/said"
    grep -qx 'matches: no' "$work/said"
    said "$work/events:3"
    grep -qx 'matches: no, the event is of another logsource' "$work/said"
    said '{"Image":"b","User":"root"}'
    grep -qx 'matches: no' "$work/said"
    fails said "$work/events:4" 2>/dev/null
}

case_pipelines_and_filters_change_what_matches() {
    rule process_creation windows <<'RULE' >"$work/rule.yml"
selection: {Image|endswith|expand: '%tools%'}
condition: selection
RULE
    cat >"$work/filter.yml" <<'RULE'
title: Not the administrators
logsource: {product: windows}
filter:
    rules: [929a690e-bef0-4204-a928-ef5e620d6fcc]
    admins: {User|startswith: adm_}
    condition: not admins
RULE
    cat >"$work/pipeline.yml" <<'RULE'
name: site
vars: {tools: ['\psexec.exe', '\nc.exe']}
transformations:
    - {type: value_placeholders}
    - {type: field_name_mapping, mapping: {Image: process.path, User: user.name}}
RULE
    printf '%s\n' '{"process":{"path":"C:\\NC.exe"},"user":{"name":"joe"}}' \
        '{"process":{"path":"C:\\nc.exe"},"user":{"name":"ADM_joe"}}' \
        '{"Image":"C:\\nc.exe"}' >"$work/events"
    fails "$PICKET" check "$work/rule.yml" 2>"$work/err"
    grep -q "placeholder '%tools%' has no values" "$work/err"
    "$PICKET" check --pipeline "$work/pipeline.yml" "$work/rule.yml"
    [[ $(matches --source json --pipeline "$work/pipeline.yml" --rules "$work/rule.yml" \
        "$work/events") == "1 2" ]]
    [[ $(matches --source json --pipeline "$work/pipeline.yml" --rules "$work/rule.yml" \
        --rules "$work/filter.yml" "$work/events") == "1" ]]
}

# The kernel's events under Sigma's names: a call that did it, by type, under the taxonomy's names.
case_rules_for_linux_run_on_kernel_events() {
    mkdir "$work/rules"
    rule process_creation linux <<'RULE' >"$work/rules/exec.yml"
selection: {Image|endswith: /nc, CommandLine|contains: ' -e ', CurrentDirectory: /tmp}
condition: selection
RULE
    rule file_event linux <<'RULE' | sed 's/^id: 9/id: 8/' >"$work/rules/file.yml"
selection: {TargetFilename|startswith: /etc/cron.d/}
condition: selection
RULE
    rule network_connection linux <<'RULE' | sed 's/^id: 9/id: 7/' >"$work/rules/net.yml"
selection: {DestinationIp|cidr: 10.0.0.0/8, DestinationPort: 4444, Initiated: 'true'}
condition: selection
RULE
    rule process_creation windows <<'RULE' | sed 's/^id: 9/id: 6/' >"$work/rules/other.yml"
selection: {Image: '*'}
condition: selection
RULE
    local exec='"evt.type":"execve","proc.exepath":"/usr/bin/nc","proc.exeline":"nc -e /bin/sh"'
    {
        echo "{$exec,\"proc.cwd\":\"/tmp/\",\"evt.failed\":false}"
        echo "{$exec,\"proc.cwd\":\"/tmp/\",\"evt.failed\":true}"
        echo "{$exec,\"proc.cwd\":\"/tmpx/\",\"evt.failed\":false}"
        echo '{"evt.type":"openat","fd.name":"/etc/cron.d/x","evt.failed":false,"evt.is_open_write":true}'
        echo '{"evt.type":"openat","fd.name":"/etc/cron.d/x","evt.failed":false,"evt.is_open_write":false}'
        echo '{"evt.type":"renameat","fs.path.target":"/etc/cron.d/x","evt.failed":false}'
        echo '{"evt.type":"connect","fd.rip":"10.1.2.3","fd.rport":4444,"evt.failed":true,"evt.res":"EINPROGRESS"}'
        echo '{"evt.type":"connect","fd.rip":"11.1.2.3","fd.rport":4444,"evt.failed":false}'
    } >"$work/events"
    [[ $(matches --rules "$work/rules" "$work/events") == "1 4 6 7" ]]
    grep -qx "note: 1 of 4 Sigma rules are for other logsources than those of source 'syscall': left out" \
        "$work/err"
}

corpus() {
    [[ -f $data/sigma/sigmahq-rules.tar.zst ]] || skip "no $data/sigma/sigmahq-rules.tar.zst"
    tar -I zstd -xf "$data/sigma/sigmahq-rules.tar.zst" -C "$work"
}

# 25 of the 3,780 ask for values of the site, and load with a pipeline that gives some.
case_all_of_sigmahq_loads() {
    corpus
    fails "$PICKET" check "$work"/rules* 2>"$work/err"
    [[ $(grep -c "error: placeholder '%.*%' has no values" "$work/err") -ge 25 ]]
    fails grep -v "placeholder '%.*%' has no values" "$work/err"
    [[ $(cut -d: -f1 "$work/err" | sort -u | wc -l) -eq 25 ]]
    grep -o "'%.*%'" "$work/err" | tr -d "'%" | sort -u | sed 's/.*/    &: [one, two]/' |
        cat <(echo 'vars:') - <(printf 'transformations:\n    - {type: value_placeholders}\n') \
            >"$work/pipeline.yml"
    "$PICKET" check --pipeline "$work/pipeline.yml" "$work"/rules* 2>"$work/err"
    [[ ! -s $work/err ]]
}

case_sigmahq_rules_for_linux_run_on_kernel_events() {
    corpus
    echo '{"evt.type":"execve","proc.exepath":"/usr/bin/crontab","proc.exeline":"crontab -l","evt.failed":false}' \
        >"$work/events"
    "$PICKET" replay --output json --rules "$work/rules" "$work/events" >"$work/found" 2>"$work/err"
    jq -r .rule "$work/found" | grep -qi cron
    grep -q '^note: .* left out$' "$work/err"
}

run_cases
