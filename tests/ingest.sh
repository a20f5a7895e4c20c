#!/usr/bin/env bash
# Events over HTTP: what is acknowledged is on the disk and goes through the rules once.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/ingest/lib.sh
source "$(dirname "$0")/ingest/lib.sh"

post() { # OPTIONS...: the answer in $work/answer, the code on stdout
    curl -s -o "$work/answer" -w '%{http_code}' "$@" "$at/v1/events/app"
}

metric() { # NAME: its value
    curl -sk "$at/metrics" | awk -v name="picket_$1" 'index($1, name "{") == 1 { print $2 }'
}

events() { # FIRST COUNT: numbered events; every one whose number holds a 7 matches
    seq "$1" $(($1 + $2 - 1)) | sed 's/.*/{"n":"&"}/'
}

is_worked_off() { [[ $(metric lag_records) == 0 && $(metric in_total) -ge $1 ]]; }

case_events_are_acknowledged_and_their_signals_printed_and_kept() {
    ingest
    events 1 1000 >"$work/events"
    [[ $(post --data-binary @"$work/events") == 202 ]]
    jq -e '.accepted == 1000 and .broken == 0' "$work/answer"
    wait_for 5 is_worked_off 1000
    stop_it
    grep -q 'in=1000 out=271 filtered=729 dead=0 signals=271 dropped=0' <<<"$summary"
    jq -r .output_fields.n "$work/out" | sort | diff - <(seq 1000 | grep 7 | sort)
    head -n 1 "$work/out" | jq -e '.event == "events.app@6"'
    "$PICKET" query --state "$work/state" --limit 1000000 --output json | jq -r .output_fields.n | sort |
        diff - <(seq 1000 | grep 7 | sort)
}

case_a_broken_line_is_a_dead_letter_and_takes_no_other_with_it() {
    ingest
    printf '%s\n' '{"n":"7"}' 'no json' '' '{"n":"17"}' '{"n":' >"$work/events"
    [[ $(post --data-binary @"$work/events") == 202 ]]
    wait_for 5 is_worked_off 4
    [[ $(metric dead_total) == 2 && $(metric out_total) == 2 ]]
    stop_it
    grep -q 'in=4 out=2 filtered=0 dead=2 ' <<<"$summary"
}

case_who_may_not_and_what_is_not_there_is_refused() {
    echo secret-token >"$work/token"
    chmod 600 "$work/token"
    ingest --token-file "$work/token"
    [[ $(post -d '{"n":"7"}') == 401 ]]
    [[ $(post -H 'Authorization: Bearer secret-tokeX' -d '{"n":"7"}') == 401 ]]
    [[ $(post -H 'Authorization: Bearer secret-token' -d '{"n":"7"}') == 202 ]]
    [[ $(curl -s -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer secret-token' -d '{}' \
        "$at/v1/events/other") == 404 ]]
    [[ $(curl -s -o /dev/null -w '%{http_code}' "$at/v1/events/app") == 405 ]]
    [[ $(curl -s -o /dev/null -w '%{http_code}' "$at/health") == 200 ]]
    stop_it
    grep -q 'in=1 out=1 ' <<<"$summary"
}

case_a_body_without_its_length_is_refused() {
    ingest
    [[ $(printf '{"n":"7"}\n' | post --http1.0 -H 'Transfer-Encoding:' -H 'Content-Length:' --data-binary @-) == 411 ]]
    [[ $(post -H 'Transfer-Encoding: gzip, chunked' -d '{"n":"7"}') =~ ^(400|501)$ ]]
    [[ $(post -H 'Transfer-Encoding: chunked' -d '{"n":"7"}') == 202 ]]
    wait_for 5 is_worked_off 1
    stop_it
    grep -q 'in=1 out=1 ' <<<"$summary"
}

case_packed_bodies_are_unpacked_and_bombs_refused() {
    ingest --body-size 1M
    events 1 1000 >"$work/events"
    [[ $(gzip -c "$work/events" | post -H 'Content-Encoding: gzip' --data-binary @-) == 202 ]]
    [[ $(zstd -qc "$work/events" | post -H 'Content-Encoding: zstd' --data-binary @-) == 202 ]]
    gzip -c "$work/events" >"$work/twice"
    gzip -c "$work/events" >>"$work/twice"
    [[ $(post -H 'Content-Encoding: gzip' --data-binary @"$work/twice") == 202 ]]
    jq -e '.accepted == 2000' "$work/answer"
    [[ $(head -c 1000 "$work/twice" | post -H 'Content-Encoding: gzip' --data-binary @-) == 400 ]]
    [[ $(post -H 'Content-Encoding: zstd' --data-binary @"$work/events") == 400 ]]
    [[ $(post -H 'Content-Encoding: br' --data-binary @"$work/events") == 415 ]]
    head -c 300000000 /dev/zero | tee >(gzip -1c >"$work/bomb.gz") | zstd -qc >"$work/bomb.zst"
    [[ $(post -H 'Content-Encoding: gzip' --data-binary @"$work/bomb.gz") == 413 ]]
    [[ $(post -H 'Content-Encoding: zstd' --data-binary @"$work/bomb.zst") == 413 ]]
    [[ $(head -c 2000000 /dev/zero | tr '\0' ' ' | post --data-binary @-) == 413 ]]
    [[ $(head -c 2000000 /dev/zero | post -H 'Transfer-Encoding: chunked' --data-binary @-) == 413 ]]
    wait_for 5 is_worked_off 4000
    stop_it
    grep -q 'in=4000 out=1084 filtered=2916 dead=0 ' <<<"$summary"
}

certificates() { # an issuer, a server's and a client's certificate, and one of a stranger
    local name
    for name in ca stranger; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$name" \
            -keyout "$work/$name.key" -out "$work/$name.pem"
    done
    for name in server client; do
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
            -addext subjectAltName=IP:127.0.0.1 -keyout "$work/$name.key" -out "$work/$name.csr"
        openssl x509 -req -days 2 -in "$work/$name.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" \
            -CAcreateserial -copy_extensions copy -out "$work/$name.pem"
    done
} 2>/dev/null

case_tls_with_certificates_of_clients() {
    certificates
    ingest --tls-cert "$work/server.pem" --tls-key "$work/server.key" --client-ca "$work/ca.pem"
    at=https://${at#http://}
    with=(--cacert "$work/ca.pem" -d '{"n":"7"}')
    [[ $(post "${with[@]}" --cert "$work/client.pem" --key "$work/client.key") == 202 ]]
    [[ $(post "${with[@]}") == 401 ]]
    [[ $(post "${with[@]}" --cert "$work/stranger.pem" --key "$work/stranger.key" || true) != 202 ]]
    [[ $(post "${with[@]}" --tls-max 1.1 || true) == 000 ]]
    [[ $(curl -s -o /dev/null -w '%{http_code}' --cacert "$work/ca.pem" "$at/health") == 200 ]]
    stop_it
    grep -q 'in=1 out=1 ' <<<"$summary"
}

send_all() { # FIRST LAST: bodies of 20 events, each sent until it is acknowledged; its tries noted
    local body tries
    for ((body = $1; body <= $2; body++)); do
        tries=1
        events $((body * 20)) 20 >"$work/body.$1"
        until [[ $(curl -s -m 5 -o /dev/null -w '%{http_code}' --data-binary @"$work/body.$1" \
            "$at/v1/events/app") == 202 ]]; do
            tries=$((tries + 1))
            sleep 0.02
        done
        echo "$body $tries" >>"$work/tries.$1"
    done
}

child_of() { # PID ROLE
    pgrep -P "$1" -f "role $2"
}

# By number: every acknowledged event with a 7 has its signal, and no more of them than it was sent.
signals_check() {
    cat "$work"/tries.* >"$work/tries"
    "$PICKET" query --state "$work/state" --limit 1000000 --output json | jq -r .output_fields.n |
        sort -n | uniq -c >"$work/counted"
    awk 'FNR == NR { seen[$2] = $1; next }
        { for (n = $1 * 20; n < $1 * 20 + 20; n++) if (n ~ /7/) {
            sent++; missing += !seen[n]; doubled += seen[n] > $2; known[n] = 1; resent += $2 > 1 } }
        END { for (n in seen) foreign += !known[n]
            printf "signals to be %d, in bodies sent again %d, missing %d, doubled %d, foreign %d\n", sent, resent,
                missing, doubled, foreign
            exit missing + doubled + foreign > 0 || !sent }' "$work/counted" "$work/tries"
}

start_again() { # on the same port
    local port=${at##*:}
    "$PICKET" ingest --source app --listen "127.0.0.1:$port" --logsource product=app \
        --rules "$work/rules.yml" --state "$work/state" --output json >>"$work/out" 2>"$work/err" &
    started=$!
    echo "$started" >>"$work/pids"
    wait_for 10 is_listening
}

case_syslog_comes_in_by_streams_and_datagrams() {
    certificates
    cat >"$work/rules.yml" <<'R'
title: Failed password
id: 1f1b5e3a-0f5e-4a2f-9a3c-1c2d3e4f5a6b
logsource: {category: syslog}
detection:
  sel:
    msg|contains: failed
  condition: sel
fields: [msg]
level: high
R
    background "$PICKET" ingest --source syslog --logsource category=syslog --rules "$work/rules.yml" \
        --state "$work/state" --output json --listen 127.0.0.1:0 --syslog tcp://127.0.0.1:0 \
        --syslog udp://127.0.0.1:0 --syslog tls://127.0.0.1:0 --syslog "unix://$work/log.sock" \
        --tls-cert "$work/server.pem" --tls-key "$work/server.key"
    wait_for 10 is_listening
    address() { grep -o "$1://[0-9.:]*" "$work/err" | head -n 1 | sed 's,.*://,,'; }
    at=https://$(sed -n 's/.*listening on \([^,]*\).*/\1/p' "$work/err")
    line='<34>Oct 11 22:14:15 web su: failed'
    tcp=$(address tcp) udp=$(address udp) tls=$(address tls)
    printf '%s\n' "$line tcp-1" "$line tcp-2" >"/dev/tcp/${tcp%:*}/${tcp#*:}"
    counted="$line tcp-3 with a
newline"
    printf '%d %s%d %s' ${#counted} "$counted" $((${#line} + 6)) "$line tcp-4" >"/dev/tcp/${tcp%:*}/${tcp#*:}"
    printf '%s' "$line tcp-5 cut off" >"/dev/tcp/${tcp%:*}/${tcp#*:}"
    printf '%s' "$line udp-1" >"/dev/udp/${udp%:*}/${udp#*:}"
    (printf '%s\n' "$line tls-1" && wait_for 5 is_worked_off 7) |
        openssl s_client -quiet -no_ign_eof -connect "$tls" -CAfile "$work/ca.pem" -verify_return_error
    logger --socket "$work/log.sock" --rfc3164 "failed unix-1"
    wait_for 5 is_worked_off 8
    stop_it
    jq -r .output_fields.msg "$work/out" | grep -oE '(tcp|udp|tls|unix)-[0-9]' | sort |
        diff - <(printf '%s\n' tcp-{1,2,3,4,5} tls-1 udp-1 unix-1)
    grep -q 'in=8 out=8 ' <<<"$summary"
}

case_a_silent_source_is_a_signal_once() {
    ingest --silence 1s
    is_told() { [[ $(grep -c 'A source fell silent' "$work/out") -eq $1 ]]; }
    [[ $(post -d '{"n":"1"}') == 202 ]]
    wait_for 5 is_told 1
    sleep 1.5
    is_told 1
    [[ $(post -d '{"n":"1"}') == 202 ]]
    wait_for 5 is_told 2
    stop_it
    "$PICKET" status --state "$work/state" >"$work/status"
    grep -qE '^in +2$' "$work/status"
    grep -qE '^lag_records +0$' "$work/status"
    "$PICKET" status --state "$work/state" --output json | jq -e '.in == .out + .filtered + .dead'
}

case_killed_fifty_times_it_loses_and_doubles_nothing() {
    local kills=0 sender senders=()
    ingest
    for sender in 0 1; do
        send_all $((sender * 100000)) $((sender * 100000 + 700)) &
        senders+=($!)
    done
    while [[ $kills -lt 52 ]]; do
        case $((kills % 4)) in
        0 | 2) kill -KILL "$(child_of "$started" intake)" ;;
        1) kill -KILL "$(child_of "$started" gateway)" ;;
        3) kill -KILL "$started"; wait "$started" || true; start_again ;;
        esac || true
        kills=$((kills + 1))
        sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
    done
    wait "${senders[@]}"
    stop_it
    start_again # works off what the last stop may have left
    wait_for 10 is_worked_off 0
    [[ $(metric in_total) -eq $(metric accepted_total) ]]
    [[ $(metric in_total) -eq $(($(metric out_total) + $(metric filtered_total) + $(metric dead_total))) ]]
    stop_it
    signals_check
}

is_taken() { [[ $(post -d '{"n":"77"}') == 202 ]]; }

case_a_full_disk_is_answered_and_gone_when_there_is_room() {
    need_root
    mkdir "$work/disk"
    mount -t tmpfs -o size=8m none "$work/disk" || skip "no tmpfs can be mounted"
    trap 'end_all; umount "$work/disk"' EXIT
    mkdir "$work/disk/state"
    ln -s disk/state "$work/state"
    ingest
    [[ $(post -d '{"n":"7"}') == 202 ]]
    head -c 20000000 /dev/zero >"$work/disk/filler" 2>/dev/null || true
    events 1 20000 >"$work/events"
    local code=202
    for _ in {1..100}; do
        code=$(post --data-binary @"$work/events")
        [[ $code == 202 ]] || break
    done
    [[ $code == 429 ]]
    curl -s -D - -o /dev/null --data-binary '{"n":"1"}' "$at/v1/events/app" | grep -qi '^retry-after: [1-9]'
    [[ $(curl -s -o /dev/null -w '%{http_code}' "$at/health") == 503 ]]
    rm "$work/disk/filler"
    wait_for 5 is_taken
    wait_for 10 is_worked_off 2
    [[ $(metric in_total) -eq $(metric accepted_total) ]]
    stop_it
    "$PICKET" query --state "$work/state/" --limit 1000000 --output json | jq -r .output_fields.n | grep -qx 77
}

run_cases
