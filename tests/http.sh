#!/usr/bin/env bash
# Ingest over HTTP before clients that are slow, many, large, broken or hostile: what is not whole is
# not taken, what is taken is counted, and others are served meanwhile.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/ingest/lib.sh
source "$(dirname "$0")/ingest/lib.sh"

raw() { python3 "$root/tests/http/raw.py" "$1" "$address" "${@:2}"; }
metric() { # PATTERN: the sum of what has it
    curl -s "$at/metrics" | awk -v pattern="^picket_$1" '$0 ~ pattern { sum += $2 } END { print sum + 0 }'
}
cut() { metric "http_cut_total.*reason=\"$1\""; }
has_left() { [[ $(cut gone) -ge $1 && $(metric http_waiting_bytes) -eq 0 ]]; }
is_at() { [[ $(metric "$1") -eq $2 ]]; }

case_slow_clients_are_cut_off_and_others_served() {
    ingest --request-time 1s
    raw slow
    [[ $(cut slow) -eq 3 && $(cut idle) -eq 1 ]]
    wait_for 5 is_at http_waiting_bytes 0
    stop_it
    grep -qE 'in=([0-9]+) out=\1 filtered=0 dead=0 ' <<<"$summary"
}

case_connections_beyond_the_bounds_give_way_to_new_ones() {
    ingest
    ulimit -n 2000
    raw crowd
    echo "crowded $(cut crowded), refused $(cut refused), open $(metric http_connections)"
    [[ $(cut crowded) -ge 150 && $(cut refused) -eq 0 && $(metric http_connections) -le 512 ]]
    stop_it
    grep -q 'in=4 out=4 ' <<<"$summary"
}

case_what_is_not_whole_is_not_taken() {
    ingest --request-time 2s
    raw mangled
    wait_for 5 has_left 2
    code=$(raw both_lengths)
    stop_it
    grep -q "in=$((2 + (code == 202))) .* dead=0 " <<<"$summary"
}

case_who_asks_first_is_told_and_answers_keep_their_order() {
    ingest
    raw expect
    raw pipelined
    stop_it
    grep -q 'in=12 out=11 filtered=0 dead=1 ' <<<"$summary"
}

case_memory_for_bodies_is_bounded() {
    ingest --body-size 16M
    raw busy
    raw windows
    [[ $(metric 'http_requests_total.*code="429"') -ge 3 ]]
    wait_for 5 is_at http_waiting_bytes 0
    peak=$(awk '/VmHWM/ { print $2 }' "/proc/$(pgrep -P "$started" -f 'role gateway')/status")
    [[ $peak -lt 300000 ]] || { echo "the gateway held $peak KiB"; return 1; }
    stop_it
}

case_large_bodies_and_bombs() {
    ingest --body-size 16M
    [[ $(raw large 1) == 202 && $(raw large 8) == 202 && $(raw large 16) == 202 ]]
    [[ $(raw large 17) == 413 && $(raw large 32) == 413 ]]
    local size
    for size in 17M 1G; do
        head -c $size /dev/zero | gzip -1c >"$work/bomb.gz"
        head -c $size /dev/zero | zstd -qc >"$work/bomb.zst"
        for form in gzip:gz zstd:zst; do
            [[ $(curl -s -o /dev/null -w '%{http_code}' -H "Content-Encoding: ${form%:*}" \
                --data-binary @"$work/bomb.${form#*:}" "$at/v1/events/app") == 413 ]]
        done
    done
    [[ $(metric 'http_requests_total.*code="413"') -eq 6 ]]
    # of three records the one over 1 MiB is a dead letter
    { echo '{"n":"7"}'; head -c 1500000 /dev/zero | tr '\0' x | sed 's/.*/{"n":"7","pad":"&"}/'; echo; echo '{"n":"7"}'; } >"$work/one"
    curl -s --data-binary @"$work/one" "$at/v1/events/app" | jq -e '.accepted == 3 and .broken == 1'
    stop_it
    grep -q 'in=403 out=2 filtered=400 dead=1 ' <<<"$summary"
    "$PICKET" dlq list --state "$work/state" --output json |
        jq -se 'length == 1 and (.[0].reason | test("larger than 1 MiB"))'
}

run_cases
