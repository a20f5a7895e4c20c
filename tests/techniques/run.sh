#!/bin/sh
# Does the techniques for real under a running sensor and checks that each fires its rule.
#   run.sh PICKET [NAME...]      NAME is a file here without .sh; none: all of them
# Needs root. Starts a docker daemon of its own where docker is installed and TECHNIQUE_DOCKER is
# not set. Exit 0: every technique that could be done was seen; 1: one was missed or failed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { echo "usage: $0 PICKET [NAME...]" >&2; exit 2; }
picket=$1
shift
[ "$(id -u)" = 0 ] || { echo "skipped: needs root" >&2; exit 77; }
if [ $# = 0 ]; then
    # shellcheck disable=SC2046 # names without blanks
    set -- $(grep -l '^# rule: ' "$here"/*.sh | sed 's|.*/||; s|\.sh$||')
fi

scratch=$(mktemp -d /tmp/technique-run.XXXXXX)
sensor=
engine=
finish() {
    [ -z "$sensor" ] || { kill -TERM "$sensor" 2>/dev/null || true; wait "$sensor" || true; }
    [ -z "$engine" ] || "$here/engine.sh" stop "$engine"
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

if [ -z "${TECHNIQUE_DOCKER:-}" ]; then
    if "$here/engine.sh" start "$scratch/engine" 2>"$scratch/engine.error"; then
        engine=$scratch/engine
        export TECHNIQUE_DOCKER="$engine/docker.sock" TECHNIQUE_IMAGE=technique:1
    else
        cat "$scratch/engine.error" >&2
    fi
fi

"$picket" run --shadow --rules "$here/../../rules" --state "$scratch/state" --console none --output json \
    >"$scratch/signals" 2>"$scratch/log" &
sensor=$!
tries=0
until grep -qs ready "$scratch/log"; do
    tries=$((tries + 1))
    if [ $tries -gt 100 ] || ! kill -0 "$sensor" 2>/dev/null; then
        cat "$scratch/log" >&2
        echo "the sensor did not get ready" >&2
        exit 1
    fi
    sleep 0.1
done

passed=0 failed=0 skipped=0
for name in "$@"; do
    rule=$(sed -n 's/^# rule: //p' "$here/$name.sh")
    before=$(wc -c <"$scratch/signals")
    code=0
    timeout 60 "$here/$name.sh" </dev/null >"$scratch/said" 2>&1 || code=$?
    if [ $code = 77 ]; then
        skipped=$((skipped + 1))
        echo "skip $name: $(cat "$scratch/said")"
        continue
    fi
    if [ $code != 0 ]; then
        failed=$((failed + 1))
        echo "FAIL $name: exit $code: $(cat "$scratch/said")"
        continue
    fi
    tries=0
    until tail -c "+$((before + 1))" "$scratch/signals" | grep -qF "\"rule\":\"$rule\""; do
        tries=$((tries + 1))
        [ $tries -lt 50 ] || break # five seconds
        sleep 0.1
    done
    if [ $tries -lt 50 ]; then
        passed=$((passed + 1))
        echo "ok   $name"
    else
        failed=$((failed + 1))
        echo "FAIL $name: no signal of \"$rule\""
    fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
