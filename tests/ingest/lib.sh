# shellcheck shell=bash disable=SC2034 # $address, $at and $summary are for whoever sources this
# A `picket ingest` with one rule, for tests; sourced after tests/lib.sh.

sevens_rule() { cp "$root/tests/data/sevens.yml" "$work/rules.yml"; }

is_listening() { grep -q 'ready, listening on' "$work/err"; }

ingest() { # OPTIONS...: starts it; its pid in $started, HOST:PORT in $address, its URL in $at
    [[ -f $work/rules.yml ]] || sevens_rule
    background "$PICKET" ingest --source app --listen 127.0.0.1:0 --logsource product=app \
        --rules "$work/rules.yml" --state "$work/state" --output json "$@"
    wait_for 10 is_listening
    address=$(sed -n 's/.*listening on //p' "$work/err")
    at=http://$address
}

stop_it() { # ends it in peace; the last line of stderr in $summary
    kill -TERM "$started"
    wait "$started"
    summary=$(grep 'in=' "$work/err")
}
