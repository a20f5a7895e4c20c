#!/usr/bin/env bash
# shellcheck disable=SC2119 # ingest takes options, and needs none
# Renderings against the schemas that others publish: OCSF's, Elastic's field definitions, OTLP's protobuf
# definition, Splunk's rules for events. Schemas come from PyPI and npm, once, and are kept in
# BUILD/schemas. schemas/records.ndjson has what stores hold in all its forms.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/ingest/lib.sh
source "$(dirname "$0")/ingest/lib.sh"
build=$(realpath "${BUILD:-$root/build}")
schemas=$build/schemas
here=$root/tests/schemas

need_python() { # sets $python
    python=$schemas/python/bin/python
    cmp -s "$here/requirements.txt" "$schemas/python/got" && return
    command -v python3 >/dev/null || skip "python3 is not installed"
    rm -rf "$schemas/python"
    mkdir -p "$schemas"
    { python3 -m venv "$schemas/python" &&
        timeout 100 "$schemas/python/bin/pip" install --no-deps --only-binary :all: \
            -r "$here/requirements.txt"; } >"$schemas/pip.log" 2>&1 ||
        skip "pip got no schemas: $(tail -n 1 "$schemas/pip.log")"
    cp "$here/requirements.txt" "$schemas/python/got"
}

need_node() {
    cmp -s "$here/package.json" "$schemas/node/package.json" &&
        [[ -e $schemas/node/node_modules/@elastic/ecs/package.json ]] && return
    command -v npm >/dev/null || skip "npm is not installed"
    rm -rf "$schemas/node"
    mkdir -p "$schemas/node"
    cp "$here/package.json" "$schemas/node"
    timeout 100 npm install --prefix "$schemas/node" --no-package-lock --ignore-scripts --no-audit \
        --no-fund >"$schemas/npm.log" 2>&1 ||
        { rm "$schemas/node/package.json"; skip "npm got no schemas: $(grep -m 1 error "$schemas/npm.log")"; }
}

count=0
# Alerts and signals of every form, those of a generator, and those that an engine makes meanwhile; $count is
# how many.
records() {
    mkdir -p "$work/state/pipelines"
    "$build/src/live_delivery" "$work/state/pipelines/forms" "$here/records.ndjson"
    "$build/src/live_delivery" "$work/state/pipelines/many" 1001 60
    ingest
    printf '{"n":"7","hostname":"h1"}\n{"n":"17","pid":3}\n' |
        curl -sf -o "$work/answer" --data-binary @- "$at/v1/events/app"
    count=$(($(wc -l <"$here/records.ndjson") + 60 + 66 + 4)) # each of two hosts has a signal, an alert
    own
}
own() { # as a supervisor leaves it: root's folder, the engine's stores
    [[ $(id -u) -ne 0 ]] || { chmod 711 "$work" "$work/state"; chown -R 60517:60517 "$work/state/pipelines"; }
}

receiver() { # its URL is in $url
    python3 "$root/tests/sinks/receiver.py" "$work/port" "$work/taken" "$work/plan" 2>"$work/err.receiver" &
    echo $! >>"$work/pids"
    wait_for 10 test -s "$work/port"
    url=http://127.0.0.1:$(<"$work/port")
}
counter() { # KEY
    "$PICKET" sink status --state "$work/state" --output json 2>/dev/null | jq -sr "(.[0][0].$1) // 0"
}
has_read() { [[ $(counter in) -ge $count && $(counter lag) -eq 0 ]]; }
# All that the stores hold, through one sink; none is refused.
send() { # DECLARATION
    mkdir -p "$work/sinks"
    echo "$1" >"$work/sinks/one.yml"
    "$PICKET" sink run "$work/sinks" --state "$work/state" 2>"$work/err.sinks" &
    local sinks=$!
    echo "$sinks" >>"$work/pids"
    wait_for 20 has_read
    kill -TERM "$sinks"
    wait "$sinks"
    [[ $(counter out) -eq $count ]]
}

case_ocsf_findings_fit_the_schema_of_their_class() {
    need_python
    records
    send "{kind: file, path: $work/found, format: ocsf, topics: [alerts, signals]}"
    "$python" "$here/ocsf.py" "$work/found" "$count"
}

case_ecs_documents_have_elastics_fields() {
    need_node
    records
    send "{kind: file, path: $work/found, format: ecs, topics: [alerts, signals]}"
    node "$here/ecs.js" "$schemas/node" "$work/found" "$count"
}

case_otlp_requests_are_read_by_their_definition() {
    need_python
    records
    receiver
    send "{kind: otlp-logs, url: \"$url\", topics: [alerts, signals]}"
    "$python" "$here/otlp.py" "$work/taken" "$count"
}

case_hec_events_keep_splunks_rules() {
    records
    receiver
    echo 'hec-token' >"$work/token"
    send "{kind: splunk-hec, url: \"$url\", token_file: $work/token, index: main, topics: [alerts, signals]}"
    python3 "$here/hec.py" "$work/taken" hec-token "$count"
}

case_what_the_kernel_gives_fits_too() {
    need_root
    need_python
    need_node
    # shellcheck source=tests/sensor.sh
    source "$root/tests/sensor.sh"
    cat >"$work/rule.yml" <<'RULE'
- rule: Ran
  desc: a program of the test
  condition: evt.type = execve and proc.args contains schema-test
  output: ran %proc.cmdline %user.name %fd.name %proc.aname[2] %evt.time
  priority: WARNING
  tags: [mitre_execution, T1059]
RULE
    chmod 711 "$work"
    start_picket --rules "$work/rule.yml"
    /bin/true schema-test
    count=2 # the signal and its alert
    send "{kind: file, path: $work/found.ocsf, format: ocsf, topics: [alerts, signals]}"
    rm -r "$work/state/sinks"
    send "{kind: file, path: $work/found.ecs, format: ecs, topics: [alerts, signals]}"
    stop_picket
    "$python" "$here/ocsf.py" "$work/found.ocsf" "$count"
    node "$here/ecs.js" "$schemas/node" "$work/found.ecs" "$count"
}

run_cases
