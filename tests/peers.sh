#!/usr/bin/env bash
# Picket beside other engines for Sigma: pySigma's parser says what loads, rsigma what matches. Their
# answers are written down in peers/*.tsv beside Picket's own, which every run checks; docs/
# sigma-differences.md says why they differ. With PICKET_PEERS (a folder made by peers/get.sh) they are
# asked again, over SigmaHQ's rules and Windows events too (PICKET_DATA, default ../shared/data).
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
peers=${PICKET_PEERS:-}
data=${PICKET_DATA:-$root/../shared/data}/sigma

need_peer() { # PROGRAM: sets $peer
    peer=$peers/$1
    [[ -n $peers && -x $peer ]] || skip "PICKET_PEERS does not name a folder made by peers/get.sh"
}

need_data() {
    [[ -r $data/$1 ]] || skip "no $data/$1"
}

# One rule file a row, each with an event that is for this rule alone: rules/*.yml, list, events.
match_rows_write() {
    mkdir rules
    awk -F '\t' '!/^#/ {
        file = sprintf("rules/%03d.yml", ++number)
        printf "title: \"%s\"\nid: 00000000-0000-4000-8000-%012d\nlogsource: {product: p%d}\n" \
            "level: low\ndetection: %s\n", $1, number, number, $4 >file
        close(file)
        event = $5
        sub(/^\{/, sprintf("{\"product\":\"p%d\",", number), event)
        print event >"events"
    }' "$root/tests/peers/match.tsv"
    ls rules/*.yml >list
}

# COLUMN <EVENT NUMBERS: each row's answer must be that of the column.
match_rows_check() {
    sort -n >found
    awk -F '\t' -v column="$1" 'FILENAME == "found" { is_found[$1] = 1; next } !/^#/ {
        answer = ++number in is_found
        if (answer != ($column == "yes")) { print "answers otherwise: " $0; bad = 1 }
    } END { exit bad || !number }' found "$root/tests/peers/match.tsv"
}

case_each_answer_is_as_written() {
    match_rows_write
    "$PICKET" replay --source json --rules rules --output json events 2>err | jq -r .event |
        match_rows_check 2
}

case_rsigma_answers_as_written() {
    need_peer rsigma/release/rsigma-answers
    match_rows_write
    "$peer" list events 2>err | cut -f 1 | match_rows_check 3
    [[ $(grep -c ': refused: ' err) == $(cut -f 3 "$root/tests/peers/match.tsv" | grep -cx refused) ]]
}

load_rows_write() { # rules/*.yml
    mkdir rules
    awk -F '\t' '!/^#/ {
        file = sprintf("rules/%03d.yml", ++number)
        gsub(/\\n/, "\n", $4)
        print $4 >file
        close(file)
    }' "$root/tests/peers/load.tsv"
}

case_each_rule_loads_as_written() {
    local file verdict
    load_rows_write
    for file in rules/*.yml; do
        verdict=good
        "$PICKET" check "$file" 2>said || verdict=error
        if [[ $verdict == good ]] && grep -q ': warning: ' said; then verdict=warning; fi
        echo "$verdict"
    done >found
    diff <(grep -v '^#' "$root/tests/peers/load.tsv" | cut -f 2) found
}

case_pysigma_reads_as_written() {
    need_peer pysigma/bin/python
    load_rows_write
    "$peer" "$root/tests/peers/pysigma_load.py" rules/*.yml 2>err | cut -f 2 | sed 's/:.*//' >found
    diff <(grep -v '^#' "$root/tests/peers/load.tsv" | cut -f 3) found
}

# What each refuses of SigmaHQ's rules: Picket only what asks for values of the site.
case_all_of_sigmahq_is_read() {
    need_peer pysigma/bin/python
    need_data sigmahq-rules.tar.zst
    tar --zstd -xf "$data/sigmahq-rules.tar.zst"
    find . -path './rules*' -name '*.yml' | sort >all
    xargs -d '\n' "$peer" "$root/tests/peers/pysigma_load.py" <all >pysigma 2>err
    [[ $(wc -l <all) -gt 3700 ]]
    if grep -v 'good$' pysigma; then return 1; fi
    "$PICKET" check . 2>said || true
    grep 'error: ' said | grep -v "error: placeholder '%" && return 1
    [[ $(grep 'error: ' said | cut -d : -f 1 | sort -u | wc -l) == 25 ]]
}

both_answer() { # EVENTS: which rules match which events
    "$PICKET" replay --source json --rules rules --output json "$1" 2>err |
        jq -r '"\(.event)\t\(.rule_id)"' | sort >ours
    "$peer" list "$1" 2>err | sort >theirs
    [[ -s ours ]]
    diff ours theirs >"differences" || { head -20 differences; return 1; }
    echo "$(wc -l <ours) matches, the same"
}

case_windows_events_match_the_same_rules() {
    need_peer rsigma/release/rsigma-answers
    need_data windows-events.ndjson.zst
    mkdir rules
    tar --zstd -xf "$data/sigmahq-rules.tar.zst" -C rules
    grep -rlE '\|expand' rules | xargs -d '\n' rm
    find rules -name '*.yml' | sort >list
    zstd -dqc "$data/windows-events.ndjson.zst" >events
    both_answer events
    # without a logsource, when every rule is for every event
    sed -E 's/"(product|category|service)":"([a-z_-]*)"/"x\1":"\2"/g' events >bare
    both_answer bare
}

run_cases
