#!/usr/bin/env bash
# Every source over the bytes of real programs (data/source/README.md): which events match a small
# rule, which line or event each stands at, and what a broken frame does.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
data=$root/tests/data/source

rule() { # PRODUCT SERVICE SELECTION
    {
        printf 'title: Found\nid: 0b1d1bd4-4d0c-4f3a-9a43-6f3c2b8f2c11\nstatus: test\n'
        printf 'logsource: {product: %s%s}\n' "$1" "${2:+, service: $2}"
        printf 'detection:\n  selection:\n'
        printf '    %s\n' "${3//$'\n'/$'\n'    }"
        printf '  condition: selection\nlevel: high\n'
    } >"$work/rule.yml"
}

# SOURCE FILE...: the numbers of the events that match, whose signals name the source; stderr in $work/err
matches() {
    local source=$1
    shift
    "$PICKET" replay --source "$source" --rules "$work/rule.yml" --output json "$@" 2>"$work/err" |
        jq --arg source "$source" 'select(.source == $source) | .event' | paste -sd' '
}

# SOURCE FILE NUMBERS COUNT: just these match, of so many events, all of which can be read
expect() {
    local found
    found=$(matches "$1" "$2")
    [[ $found == "$3" ]] || { echo "$1 $2: matched '$found', expected '$3'"; return 1; }
    grep -q "picket: $4 events, .* 0 unreadable" "$work/err" || { cat "$work/err"; return 1; }
}

case_syslog() {
    rule linux syslog $'app-name: sshd\nmsg|startswith: Failed password for invalid user'
    expect syslog "$data/rsyslog-rfc5424.log" 1 5
    expect syslog "$data/rsyslog-file.log" 1 5
    expect syslog "$data/rsyslog-traditional.log" 1 5
    rule linux syslog $'structured-data.origin@32473.user: bob "x"\nfacility: 20'
    expect syslog "$data/rsyslog-rfc5424.log" 3 5
}

case_journald() {
    rule linux journald 'MESSAGE|contains: reverse shell'
    expect journald "$data/journald.export" 4 4
    expect journald "$data/journald.json" 4 4
    rule linux journald $'CARAVAN: twice\nPRIORITY|lt: 4'
    expect journald "$data/journald.export" 2 4
    expect journald "$data/journald.json" 2 4
}

case_auditd() {
    rule linux auditd $'type: EXECVE\na1: an arg\na2: q"uote'
    expect auditd "$data/auditd.log" 30 23
    rule linux auditd $'key: watched\nnametype: DELETE\nname|endswith: /a name\nUID: root'
    expect auditd "$data/auditd.log" 25 23
    rule linux auditd $'SYSCALL: connect\nladdr: 127.0.0.1\nlport: 1'
    expect auditd "$data/auditd.log" "$(grep -n 'SYSCALL msg=audit([0-9.]*:61)' "$data/auditd.log" | cut -d: -f1)" 23
    # their records lie between one another
    rule linux auditd $'type: PROCTITLE\nproctitle|startswith: /bin/ls'
    expect auditd "$data/auditd.log" "$(grep -n 'SYSCALL msg=audit([0-9.]*:6[34])' "$data/auditd.log" |
        cut -d: -f1 | paste -sd' ')" 23
    rule linux auditd $'a13|endswith: "00007"'
    expect auditd "$data/auditd.log" "$(grep -n 'SYSCALL msg=audit([0-9.]*:65)' "$data/auditd.log" | cut -d: -f1)" 23
}

case_kubernetes_audit() {
    rule kubernetes audit $'verb: create\nobjectRef.subresource: exec'
    expect kubernetes-audit "$data/kubernetes-audit.log" "3 4" 6
    rule kubernetes audit 'requestObject.spec.containers.securityContext.privileged: true'
    expect kubernetes-audit "$data/kubernetes-audit.log" 2 6
    rule kubernetes audit $'user.username: mallory\nresponseStatus.code: 403'
    expect kubernetes-audit "$data/kubernetes-audit.log" 5 6
    expect kubernetes-audit "$data/kubernetes-audit-webhook.json" 1 5
}

case_cloudtrail() {
    rule aws cloudtrail $'eventName: StopLogging\nuserIdentity.type: Root'
    for name in cloudtrail.json cloudtrail.json.gz cloudtrail-sns.json cloudtrail-sqs.json; do
        expect cloudtrail "$data/$name" 2 2
    done
    rule aws cloudtrail $'additionalEventData.MFAUsed: "No"\nresponseElements.ConsoleLogin: Failure\nrequestParameters: null'
    expect cloudtrail "$data/cloudtrail-forms.json" 1 4
    expect cloudtrail "$data/cloudtrail-lookup.json" 2 2
    rule aws cloudtrail $'insightDetails.eventName: CreateAccessKey\ninsightDetails.insightContext.statistics.insight.average|gt: 7'
    expect cloudtrail "$data/cloudtrail-forms.json" 2 4
    rule aws cloudtrail $'eventType: AwsServiceEvent\nresources.type: AWS::KMS::Key'
    expect cloudtrail "$data/cloudtrail-forms.json" 3 4
    expect cloudtrail "$data/cloudtrail-lookup.json" 1 2
    rule aws cloudtrail 'logFiles.hashAlgorithm: SHA-256' # a digest
    expect cloudtrail "$data/cloudtrail-forms.json" 4 4
}

case_envoy() {
    rule envoy access $'REQ(USER-AGENT)|contains: sqlmap\nRESPONSE_CODE: 200'
    expect envoy "$data/envoy.log" 2 6
    rule envoy access "'REQ(X-ENVOY-ORIGINAL-PATH?:PATH)|contains': /../"
    expect envoy "$data/envoy.log" 3 6
    rule envoy access "'REQ(USER-AGENT)': 'a\" \"b'"
    expect envoy "$data/envoy.log" 5 6
    rule envoy access $'user_agent|contains: sqlmap\nresponse_code|lt: 300'
    expect envoy "$data/envoy.json" 2 6
}

case_zipkin() {
    rule zipkin '' $'kind: SERVER\ntags.user_agent|startswith: sqlmap'
    expect zipkin "$data/zipkin-envoy.json" 2 5
    rule zipkin '' $'tags.error: timeout\nremoteEndpoint.ipv6: 2001:db8::5'
    expect zipkin "$data/zipkin-client.json" 1 2
    expect zipkin "$data/zipkin-client.pb" 1 2
}

case_rules_are_measured_and_silenced_on_events_of_a_source() {
    rule zipkin '' 'tags.error: timeout'
    local over=(--source zipkin --events "$data/zipkin-client.pb" --output json)
    "$PICKET" rules cost "$work/rule.yml" "${over[@]}" | jq -e '.events == 2 and .rules[0].matches == 1'
    "$PICKET" replay --source zipkin --rules "$work/rule.yml" --output json "$data/zipkin-client.pb" >"$work/signal"
    "$PICKET" rules except "$work/signal" --rules "$work/rule.yml" "${over[@]}" | jq -e .verified
    echo '[]' >"$work/none.yml"
    "$PICKET" rules diff "$work/none.yml" "$work/rule.yml" "${over[@]}" >"$work/diff" || true
    jq -e '.gained == 1' "$work/diff"
}

case_otlp() {
    rule opentelemetry traces $'attributes.http.response.status_code|gte: 500\nresource.attributes.service.name: cart'
    expect otlp-traces "$data/otlp-traces-javascript.json" 1 1
    rule opentelemetry traces $'attributes.db.query.text|contains: or 1=1\nstatus.code: 2\nevents.attributes.exception.type: ValueError'
    expect otlp-traces "$data/otlp-traces-python.pb" 1 2
    rule opentelemetry logs $'severityText: ERROR\nattributes.user.id: root'
    expect otlp-logs "$data/otlp-logs-python.pb" 2 2
    rule opentelemetry logs 'body|contains: /../'
    expect otlp-logs "$data/otlp-logs-envoy.pb" 2 4
    rule opentelemetry logs $'body.what: payment failed\nresource.attributes.replica: 3'
    expect otlp-logs "$data/otlp-logs-javascript.json" 1 1
}

case_falco() {
    rule falco '' $'rule: Read sensitive file untrusted\noutput_fields.proc.name: cat'
    expect falco "$data/falco.json" 1 2
    rule falco '' $'output_fields.k8s.ns.name: null\noutput_fields.proc.aname[2]: containerd-shim\noutput_fields.proc.aname[3]: null\noutput_fields.k8s.pod.labels: app:shop\noutput_fields.user.loginuid: -1'
    expect falco "$data/falco-forms.json" 1 3
    rule falco '' $'source: k8s_audit\noutput_fields.ka.req.pod.containers.image: busybox'
    expect falco "$data/falco-forms.json" 2 3
    rule falco '' 'output_fields.falco.cpu_usage_perc|lt: 1'
    expect falco "$data/falco-forms.json" 3 3
}

case_osquery() {
    rule osquery '' $'columns.port: 4444\naction: added'
    expect osquery "$data/osquery.log" 1 7
    rule osquery '' 'columns.path|startswith: /tmp/'
    expect osquery "$data/osquery.log" "3 4" 7
    # numbers as such, the logger's kind beside them, rows left out, a list of either kind
    rule osquery '' $'columns.port: 4444\ncolumns.path: /opt/shop/bin/nc'
    expect osquery "$data/osquery-forms.log" "1 2 3" 9
    rule osquery '' $'columns.load|lt: 0.5\ndecorations.username: deploy'
    expect osquery "$data/osquery-forms.log" 1 9
    rule osquery '' $'columns.port: 4444\nhostIdentifier: web-2\naction: snapshot'
    expect osquery "$data/osquery-forms.log" 5 9
    rule osquery '' $'severity|gte: 2\nmessage|contains: too long'
    expect osquery "$data/osquery-forms.log" 6 9
}

# the event's own time is the signal's
case_the_time_is_the_events() {
    time_of() { # SOURCE FILE SELECTION PRODUCT: of the first match
        rule "$4" '' "$3"
        "$PICKET" replay --source "$1" --rules "$work/rule.yml" --output json "$data/$2" 2>/dev/null |
            jq -r .time | head -n 1
    }
    [[ $(time_of auditd auditd.log 'serial: 57' linux) == 2026-11-21T11:04:48.924000000Z ]]
    [[ $(time_of zipkin zipkin-envoy.json 'tags.user_agent: curl/7.88.1' zipkin) == 2026-11-21T11:04:54.* ]]
    [[ $(time_of otlp-logs otlp-logs-envoy.pb 'body|contains: search' opentelemetry) == 2026-11-21T11:04:54.471953000Z ]]
    [[ $(time_of envoy envoy.log 'RESPONSE_CODE: 404' envoy) == 2026-11-21T11:04:54.593000000Z ]]
    [[ $(time_of envoy envoy.json 'response_code: 404' envoy) == 2026-11-21T11:04:54.593000000Z ]]
    [[ $(time_of osquery osquery.log 'columns.port: 4444' osquery) == 2014-09-30T17:37:30.000000000Z ]]
    [[ $(time_of journald journald.json 'DOGS: bark' linux) == 2026-11-21T11:24:22.* ]]
    [[ $(time_of kubernetes-audit kubernetes-audit.log 'verb: list' kubernetes) == 2026-11-21T11:06:* ]]
    [[ $(time_of cloudtrail cloudtrail.json 'eventName: StopLogging' aws) == 2023-07-19T21:40:02.000000000Z ]]
}

# posts SOURCE FILE TYPE IN OUT DEAD: as clients do, with a rule of its own; each event is counted once
posts() {
    local options=() body=$2
    [[ $2 == /* ]] || body=$data/$2
    [[ $3 != *+gzip ]] || { gzip -c "$body" >packed && body=packed && options=(-H 'Content-Encoding: gzip'); }
    rm -rf state err
    background "$PICKET" ingest --source "$1" --listen 127.0.0.1:0 --rules "$work/rule.yml" --state "$work/state" \
        --output json
    wait_for 10 grep -q 'ready, listening on' err
    curl -sf -H "Content-Type: ${3%+gzip}" "${options[@]}" --data-binary @"$body" -o answer \
        "http://$(sed -n 's/.*listening on //p' err)/v1/events/$1" || { cat answer err; [[ $6 -eq $4 ]]; }
    kill -TERM "$started"
    wait "$started"
    grep -q "in=$4 out=$5 filtered=$(($4 - $5 - $6)) dead=$6 signals=$5 " err || { cat answer err; return 1; }
}

case_what_clients_post_over_http() {
    local name json=application/json protobuf=application/x-protobuf
    rule aws cloudtrail $'eventName: StopLogging\nuserIdentity.type: Root'
    for name in sns sqs; do
        posts cloudtrail "cloudtrail-$name.json" text/plain 2 1 0
    done
    jq -c --arg text "$(gzip -c "$data/cloudtrail.json" | base64 -w0)" '.Message = $text' \
        "$data/cloudtrail-sns.json" >packed.json
    posts cloudtrail "$work/packed.json" text/plain 2 1 0
    jq -c '.Message = ({Records: [{eventSource: "aws:s3", s3: {object: {key: "k"}}}]} | tojson)' \
        "$data/cloudtrail-sns.json" >file.json
    posts cloudtrail "$work/file.json" text/plain 1 0 1
    "$PICKET" dlq list --state state --output json |
        jq -se 'length == 1 and (.[0].reason | test("a file in S3 carries no records"))'
    rule kubernetes audit $'user.username: mallory\nresponseStatus.code: 403'
    posts kubernetes-audit kubernetes-audit-webhook.json $json 5 1 0
    rule opentelemetry logs $'severityText: ERROR\nattributes.user.id: root'
    posts otlp-logs otlp-logs-python.pb $protobuf 2 1 0
    rule opentelemetry logs $'body.what: payment failed\nresource.attributes.replica: 3'
    posts otlp-logs otlp-logs-javascript.json $json 1 1 0
    rule opentelemetry traces $'attributes.http.response.status_code|gte: 500\nresource.attributes.service.name: cart'
    posts otlp-traces otlp-traces-javascript.json $json+gzip 1 1 0
    rule opentelemetry traces $'attributes.db.query.text|contains: or 1=1\nstatus.code: 2'
    posts otlp-traces otlp-traces-python.pb $protobuf+gzip 2 1 0
    rule zipkin '' $'tags.error: timeout\nremoteEndpoint.ipv6: 2001:db8::5'
    posts zipkin zipkin-client.json $json 2 1 0
    posts zipkin zipkin-client.pb $protobuf 2 1 0
}

# what cannot be read is said with its place; what stands before it counts
case_a_broken_frame_is_said() {
    rule linux syslog 'msg: x'
    printf '<13>x\n<999>x\n\n<13>x\n' >lines
    [[ $(matches syslog lines) == "1 4" ]]
    grep -q '^lines:2:1: error: the priority is over 191$' err
    grep -q 'picket: 3 events, 2 matches, 1 unreadable' err
    rule zipkin '' 'id: a'
    printf '[{"id":"a"},\n {"id":"a"}\n {"id"' >spans
    [[ $(matches zipkin spans) == "1 2" ]]
    grep -q "^spans:3:2: error: expected ',' or '\]' behind a whole value$" err
    head -c 300 "$data/zipkin-client.pb" | head -c 200 >cut.pb
    matches zipkin cut.pb >/dev/null
    grep -q '^cut.pb:.*: error: protobuf: a length goes beyond the end$' err
    gzip -c spans >spans.gz
    [[ $(matches zipkin spans.gz) == "1 2" ]]
}

# a name that is none ends it, and tells those that are
case_a_wrong_name_is_told() {
    if "$PICKET" replay x --source zipkn 2>err; then return 1; fi
    grep -q "no source 'zipkn'; did you mean 'zipkin'? there are kernel, auditd, " err
}

run_cases
