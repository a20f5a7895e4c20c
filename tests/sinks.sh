#!/usr/bin/env bash
# shellcheck disable=SC2119 # ingest takes options, and needs none
# Sinks on real receivers: what a store holds arrives, whoever fails in between.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/ingest/lib.sh
source "$(dirname "$0")/ingest/lib.sh"
build=${BUILD:-$root/build}

# store FOLDER FIRST COUNT: alerts and signals of these numbers; every tenth alert has two versions
store() {
    mkdir -p "$work/state"
    "$build/src/live_delivery" "$work/state/$1" "${@:2}"
}
# As a supervisor leaves it: root's folder, the engine's store.
own() {
    if [[ $(id -u) -eq 0 ]]; then
        chmod 711 "$work" "$work/state"
        chown -R 60517:60517 "$work/state/$1"
    fi
}

receiver() { # starts one; its URL is in $url
    python3 "$root/tests/sinks/receiver.py" "$work/port" "$work/taken" "$work/plan" \
        2>"$work/err.receiver" &
    echo $! >>"$work/pids"
    wait_for 10 test -s "$work/port"
    url=http://127.0.0.1:$(<"$work/port")
}

sink() { # NAME: a declaration on stdin
    mkdir -p "$work/sinks"
    cat >"$work/sinks/$1.yml"
}
start() {
    "$PICKET" sink run "$work/sinks" --state "$work/state" >"$work/out" 2>>"$work/err" &
    sinks_pid=$!
    echo "$sinks_pid" >>"$work/pids"
    wait_for 20 grep -q 'picket: ready' "$work/err"
}
stop() {
    kill -TERM "$sinks_pid"
    wait "$sinks_pid"
}
counter() { # SINK KEY
    "$PICKET" sink status --state "$work/state" --output json |
        jq -r ".[] | select(.sink == \"$1\") | .$2"
}
has_read() { [[ $(counter "$1" in) -ge $2 && $(counter "$1" lag) -eq 0 ]]; }
# The documents that were answered with 200, one a line.
taken() { jq -rc 'select(.status == 200) | .body | fromjson' "$work/taken"; }
keys_of() { jq -r 'if .version then "\(.id).\(.version)" else .id end' | sort; }
# every number of FIRST COUNT as an alert's keys
keys_wanted() {
    local n
    for ((n = $1; n < $1 + $2; n++)); do
        printf '%032x.1\n' "$n"
        [[ $((n % 10)) -ne 0 ]] || printf '%032x.2\n' "$n"
    done | sort
}

case_files_and_stdout_get_every_record_once() {
    store store 1 1200
    own store
    mkdir "$work/state/pipelines"
    store pipelines/shop 5001 300
    own pipelines
    sink lines <<<$'kind: stdout\nformat: picket'
    sink file <<Y
kind: file
path: $work/alerts.json
topics: [alerts, signals]
priority: warning
format: falco
Y
    start
    wait_for 20 has_read lines 1650
    wait_for 20 has_read file 3150
    mv "$work/alerts.json" "$work/alerts.1.json" # as logrotate does
    kill -HUP "$sinks_pid"
    wait_for 10 test -e "$work/alerts.json"
    store pipelines/shop 6001 7
    own pipelines
    wait_for 20 has_read file 3164
    stop
    { keys_wanted 1 1200; keys_wanted 5001 300; keys_wanted 6001 7; } | sort >"$work/wanted"
    keys_of <"$work/out" | diff - "$work/wanted"
    [[ $(wc -l <"$work/alerts.json") -gt 0 ]]
    python3 - "$work/alerts.1.json" "$work/alerts.json" <<'PY'
import json, sys
seen = set()
for path in sys.argv[1:]:
    for line in open(path):
        alert = json.loads(line)
        fields = alert["output_fields"]
        key = (fields["picket.id"], fields.get("picket.version"))
        assert key not in seen, key
        seen.add(key)
        assert alert["priority"] == "Warning" and alert["rule"] and alert["time"], alert
        assert int(key[0], 16) % 7, key
numbers = [n for first, count in ((1, 1200), (5001, 300), (6001, 7))
           for n in range(first, first + count) if n % 7]
assert len(seen) == sum(3 if n % 10 == 0 else 2 for n in numbers), len(seen)
PY
    [[ $(counter file in) -eq $(($(counter file out) + $(counter file filtered))) ]]
    "$PICKET" sink status --state "$work/state" --output prometheus >"$work/metrics"
    grep -qx "picket_sink_out_total{sink=\"lines\",kind=\"stdout\"} $(wc -l <"$work/wanted")" "$work/metrics"
}

case_a_webhook_that_fails_gets_each_alert_signed() {
    store store 1 60
    own store
    receiver
    echo 'whsec-0123456789' >"$work/secret"
    echo 'tok-abcdef' >"$work/token"
    echo '503 reset 429:2 ok 400 ok slow:3 500 401' >"$work/plan"
    sink hook <<Y
kind: webhook
url: $url/in
token_file: $work/token
secret_file: $work/secret
headers: {X-Team: soc}
timeout: 1s
retry_max: 1s
Y
    local before=$SECONDS
    start
    wait_for 40 has_read hook 66
    [[ $((SECONDS - before)) -ge 2 ]] # Retry-After
    stop
    [[ $(counter hook in) -eq 66 && $(counter hook dead) -eq 1 && $(counter hook out) -eq 65 ]]
    [[ $(counter hook retried) -ge 5 ]]
    jq -e '.reason and .stage == "sink" and .source == "hook" and (.position | test("^store/alerts@[0-9]+$")) and (.payload | fromjson | .id)' \
        "$work/state/sinks/hook/dead.ndjson" >"$work/dead"
    [[ $(wc -l <"$work/dead") -eq 1 ]]
    { taken | keys_of; jq -r '.payload | fromjson | "\(.id).\(.version)"' "$work/state/sinks/hook/dead.ndjson"; } |
        sort -u | diff - <(keys_wanted 1 60)
    python3 - "$work/taken" <<'PY'
import hashlib, hmac, json, sys
for line in open(sys.argv[1]):
    request = json.loads(line)
    headers = {name.lower(): value for name, value in request["headers"].items()}
    assert headers["authorization"] == "Bearer tok-abcdef" and headers["x-team"] == "soc"
    parts = dict(part.split("=") for part in headers["picket-signature"].split(","))
    signed = f'{parts["t"]}.{request["body"]}'.encode()
    assert parts["v1"] == hmac.new(b"whsec-0123456789", signed, hashlib.sha256).hexdigest()
    body = json.loads(request["body"])
    assert headers["picket-id"] == f'{body["id"]}.{body["version"]}'
PY
}

case_a_sink_killed_again_and_again_loses_nothing() {
    store store 1 400
    own store
    receiver
    sink hook <<Y
kind: webhook
url: $url
batch: 20
retry_max: 1s
Y
    local n
    for n in 1 2 3 4 5 6 7 8; do
        : >"$work/err"
        start
        store store $((n * 1000)) 100
        own store
        sleep "0.0$((RANDOM % 9))"
        kill -9 "$sinks_pid"
        wait "$sinks_pid" 2>/dev/null || true
    done
    : >"$work/err"
    start
    wait_for 30 has_read hook $((440 + 8 * 110))
    stop
    { keys_wanted 1 400; for n in 1 2 3 4 5 6 7 8; do keys_wanted $((n * 1000)) 100; done; } | sort >"$work/wanted"
    taken | jq -c '.[]' | keys_of >"$work/keys"
    sort -u "$work/keys" | diff - "$work/wanted"
    # what came twice is at most the batch that was under way at each kill
    [[ $(($(wc -l <"$work/keys") - $(wc -l <"$work/wanted"))) -le $((8 * 20)) ]]
    [[ $(counter hook in) -eq $(wc -l <"$work/wanted") ]]
}

case_what_the_store_gave_up_is_counted() {
    store store 1 2000 4194304
    own store
    receiver
    sink hook <<<"{kind: webhook, url: \"http://127.0.0.1:1\", batch: 100, retry_max: 1s}"
    start
    wait_for 10 grep -q 'no answer' "$work/state/sinks/hook/status.json"
    stop # it stands at 0 and has sent nothing
    local round
    for round in 1 2 3; do
        store store $((round * 100000)) 3000 4194304
    done
    own store
    sink hook <<<"{kind: webhook, url: \"$url\", batch: 1000}"
    : >"$work/err"
    start
    wait_for 60 has_read hook 1
    stop
    [[ $(counter hook dropped.trimmed) -gt 0 ]]
    [[ $(($(counter hook in) + $(counter hook dropped.trimmed))) -eq $((2200 + 3 * 3300)) ]]
    [[ $(taken | jq -c '.[]' | keys_of | sort -u | wc -l) -eq $(counter hook out) ]]
}

metric() { # NAME: of the sink hook, from the ingest at $at
    curl -s "$at/metrics" | sed -n "s/^picket_sink_$1{sink=\"hook\".*} //p"
}
has_worked_off() { [[ $(curl -s "$at/metrics" | sed -n 's/^picket_in_total{.*} //p') -eq $1 ]]; }
is_down_with() { [[ $(metric up) == 0 && $(metric lag_records) -eq $1 ]]; }
is_up() { [[ $(metric up) == 1 && $(metric lag_records) -eq 0 ]]; }
status_says() { "$PICKET" status --state "$work/state" --output json | jq -e "$1"; }
has_given_up() { [[ $(counter hook dropped.expired) -eq $1 && $(counter hook lag) -eq 0 ]]; }

# A receiver is down while events come in at rate, and comes back: nothing waits for it, everybody
# can see it, and it gets all that is not too old.
case_a_receiver_that_is_down_is_seen_and_slows_nobody() {
    ingest
    local ingest=$started
    seq 20000 | sed 's/.*/{"n":"&"}/' >"$work/events" # 6878 match
    sink hook <<<"{kind: webhook, url: \"http://127.0.0.1:1\", topics: signals, batch: 1000, retry_max: 1s}"
    : >"$work/err"
    start
    local before=$SECONDS n
    for n in 1 2 3 4 5 6 7 8; do
        [[ $(curl -s -o /dev/null -w '%{http_code}' --data-binary @"$work/events" \
            "$at/v1/events/app") == 202 ]]
    done
    wait_for 20 has_worked_off 160000
    echo "160000 events in $((SECONDS - before)) s while the sink is down"
    wait_for 10 is_down_with 55024
    [[ $(metric lag_bytes) -gt 10000 && $(metric out_total) -eq 0 ]]
    [[ $(metric down_since_seconds | cut -d. -f1) -gt 1700000000 ]]
    "$PICKET" status --state "$work/state" >"$work/status"
    grep -qE '^hook +webhook +retrying +0 +0 +0 +0 +0 +55024 ' "$work/status"
    grep -q '^    down since 20' "$work/status"
    grep -q '^    .*no answer' "$work/status"
    wait_for 5 status_says '.in == 160000' # a second old at most
    status_says '.sinks[0].lag == 55024 and .sinks[0].lag_seconds > 0 and .sinks[0].retried > 0'
    status_says '.sinks[0].last_error | length > 0'
    receiver
    stop
    status_says '.sinks[0].state == "stopped"'
    sink hook <<<"{kind: webhook, url: \"$url\", topics: signals, batch: 1000}"
    : >"$work/err"
    start
    wait_for 40 has_read hook 55024
    wait_for 10 is_up
    [[ -z $(metric down_since_seconds) ]]
    kill -9 "$(pgrep -P "$sinks_pid" -f 'role sink')"
    kill -9 "$sinks_pid"
    wait "$sinks_pid" 2>/dev/null || true
    wait_for 15 status_says '.sinks[0].state == "lost"'
    kill -TERM "$ingest"
    wait "$ingest"
    taken | jq -c '.[]' | jq -r .event | sort -u | wc -l | grep -qx 55024
}

case_what_is_too_old_is_given_up() {
    store store 1 100
    own store
    mkdir "$work/state/pipelines"
    receiver
    sink hook <<<"{kind: webhook, url: \"http://127.0.0.1:1\", batch: 30, retry_max: 1s, max_age: 4s}"
    start
    wait_for 10 grep -q 'no answer' "$work/state/sinks/hook/status.json"
    wait_for 20 has_given_up 110
    stop
    sink hook <<<"{kind: webhook, url: \"$url\", batch: 30, max_age: 1h}"
    store store 501 20
    own store
    : >"$work/err"
    start
    wait_for 20 has_read hook 22
    "$PICKET" sink status --state "$work/state" --output prometheus |
        grep -qx 'picket_sink_dropped_total{sink="hook",kind="webhook",reason="expired"} 110'
    stop
    taken | jq -c '.[]' | keys_of | diff - <(keys_wanted 501 20)
}

syslog_receiver() { # FORM [CERT KEY]: its port is in $work/FORM
    python3 "$root/tests/sinks/syslog.py" "$work/$1" "$work/got.$1" "$@" 2>"$work/err.$1" &
    receiver_pid=$!
    echo "$receiver_pid" >>"$work/pids"
    wait_for 10 test -s "$work/$1"
}

case_syslog_over_udp_tcp_tls_and_a_unix_socket() {
    command -v openssl >/dev/null || skip "openssl is not installed"
    store store 1 60
    own store
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key" -out "$work/cert" -days 2 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>"$work/openssl"
    syslog_receiver udp
    syslog_receiver unix
    syslog_receiver tls "$work/cert" "$work/key"
    syslog_receiver tcp
    sink udp <<<"{kind: syslog, url: \"udp://127.0.0.1:$(<"$work/udp")\", rate: 200/s}"
    sink unix <<<"{kind: syslog, url: \"unix://$work/unix.socket\"}"
    sink tls <<<"{kind: syslog, url: \"tls://localhost:$(<"$work/tls")\", tls: {ca_file: $work/cert}, facility: authpriv}"
    sink tcp <<<"{kind: syslog, url: \"tcp://127.0.0.1:$(<"$work/tcp")\", batch: 10, retry_max: 1s}"
    sink wrong <<<"{kind: syslog, url: \"tls://127.0.0.1:$(<"$work/tls")\", tls: {ca_file: $work/cert}}"
    start
    wait_for 20 has_read tcp 66
    kill -USR1 "$receiver_pid" # the connection breaks
    store store 101 10
    own store
    local form
    for form in udp unix tls tcp; do
        wait_for 20 has_read "$form" 77
    done
    sleep 0.3 # what was sent last is read
    stop
    { keys_wanted 1 60; keys_wanted 101 10; } | sort >"$work/wanted"
    for form in udp unix tls tcp; do
        jq -r '.key // .bad' "$work/got.$form" | sort -u | diff - "$work/wanted"
    done
    jq -se 'all(.pri == 16 * 8 + 4 or .pri == 16 * 8 + 7) and all(.app == "picket" and .host == "h1" and .kind == "alert" and .body.id)' "$work/got.tcp"
    jq -se 'all(.pri >= 80 and .pri < 88)' "$work/got.tls"
    # a certificate for another name: nothing is sent
    [[ $(counter wrong out) -eq 0 ]]
    counter wrong trouble | grep -qi mismatch
}

case_what_collectors_take_has_their_shape() {
    store store 1 30
    own store
    receiver
    echo 'hec-token' >"$work/token"
    sink splunk <<<"{kind: splunk-hec, url: \"$url/hec\", token_file: $work/token, index: main}"
    sink otel <<<"{kind: otlp-logs, url: \"$url/v1/logs\", batch: 10}"
    sink sidekick <<<"{kind: falcosidekick, url: \"$url/falco\", topics: [alerts, signals]}"
    start
    wait_for 20 has_read splunk 33
    wait_for 20 has_read otel 33
    wait_for 20 has_read sidekick 63
    stop
    python3 - "$work/taken" <<'PY'
import json, sys
words = {"Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"}
keys = {"/hec": set(), "/v1/logs": set(), "/falco": set()}
for line in open(sys.argv[1]):
    request = json.loads(line)
    body, seen = request["body"], keys[request["path"]]
    headers = {name.lower(): value for name, value in request["headers"].items()}
    if request["path"] == "/hec":
        assert headers["authorization"] == "Splunk hec-token"
        decoder, at = json.JSONDecoder(), 0
        while at < len(body):
            event, at = decoder.raw_decode(body, at)
            at += 1  # the line's end
            assert set(event) == {"time", "host", "source", "sourcetype", "index", "fields", "event"}
            assert isinstance(event["time"], float) and event["sourcetype"] == "picket:alert"
            assert event["event"]["rule"] and event["host"] == "h1"
            seen.add(event["fields"]["picket_id"])
    elif request["path"] == "/v1/logs":
        (resource,) = json.loads(body)["resourceLogs"]
        (scope,) = resource["scopeLogs"]
        assert len(scope["logRecords"]) <= 10
        for record in scope["logRecords"]:
            assert record["timeUnixNano"].isdigit() and record["severityNumber"] in (5, 13), record
            attributes = {a["key"]: a["value"]["stringValue"] for a in record["attributes"]}
            assert json.loads(record["body"]["stringValue"])["id"] == attributes["picket.id"]
            seen.add(attributes["picket.key"])
    else:
        alert = json.loads(body)  # what falcosidekick's own check asks for
        assert alert["priority"] in words and alert["rule"] and alert["time"].endswith("Z")
        assert alert["output_fields"] and isinstance(alert["tags"], list), alert
        fields = alert["output_fields"]
        seen.add((fields["picket.id"], fields.get("picket.version")))
assert [len(seen) for seen in keys.values()] == [33, 33, 63], keys
PY
}

case_secrets_are_not_sent() {
    need_root
    # shellcheck source=tests/sensor.sh
    source "$root/tests/sensor.sh"
    cat >"$work/rule.yml" <<'RULE'
- rule: Ran
  desc: a program of the test
  condition: evt.type = execve and proc.args contains sink-test
  output: ran %proc.cmdline
  priority: WARNING
RULE
    chmod 711 "$work"
    local format
    for format in picket falco ocsf ecs; do
        sink "$format" <<<"{kind: file, path: $work/$format.ndjson, format: $format, topics: [alerts, signals]}"
    done
    start
    start_picket --rules "$work/rule.yml"
    /bin/true sink-test --password hunter2
    for format in picket falco ocsf ecs; do
        wait_for 20 has_read "$format" 2
    done
    stop
    stop_picket
    for format in picket falco ocsf ecs; do
        grep -q 'sink-test --password [*]*' "$work/$format.ndjson"
        if grep -q hunter2 "$work/$format.ndjson"; then return 1; fi
    done
}

case_declarations_are_checked_with_their_places() {
    sink one <<'Y'
kind: webhook
urll: https://x
rate: 10/d
tls: {ca_fil: x}
Y
    sink two <<<'{kind: kafka, url: "http://x", topic: t, token_file: x}'
    sink three <<<'- a list'
    if "$PICKET" sink check "$work/sinks" 2>"$work/found"; then return 1; fi
    sed "s,$work/,," "$work/found" >"$work/err"
    diff - "$work/err" <<'E'
sinks/one.yml:2:1: error: no option 'urll'; did you mean 'url'?
sinks/one.yml:3:7: error: rate: expected a rate such as 10/s, 100/m or 1000/h, found '10/d'
sinks/one.yml:4:7: error: no option 'tls.ca_fil'; did you mean 'tls.ca_file'?
sinks/one.yml:1:1: error: a sink of kind webhook needs 'url'
sinks/three.yml:1:1: error: expected one mapping: a sink's options
sinks/two.yml:1:42: error: a sink of kind kafka has no option 'token_file'
sinks/two.yml:1:20: error: url: expected one that begins with kafka://
E
}

run_cases
