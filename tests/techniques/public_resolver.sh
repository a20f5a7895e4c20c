#!/bin/sh
# A container holds the address itself, listens on it and connects to it.
# rule: Container asks a public name server
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2016 # the inner shell expands
in_container --cap-add NET_ADMIN -- sh -c '
ip addr add 9.9.9.9/32 dev lo || exit 1
nc -l -p 53 </dev/null >/dev/null 2>&1 &
tries=0
until nc 9.9.9.9 53 </dev/null >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 20 ] || exit 1
    sleep 0.1
done'
