#!/bin/sh
# A container holds the address itself, listens on it and connects to it.
# rule: Cloud metadata service reached from a container
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2016 # the inner shell expands
in_container --cap-add NET_ADMIN -- sh -c '
ip addr add 169.254.169.254/32 dev lo || exit 1
nc -l -p 80 </dev/null >/dev/null 2>&1 &
tries=0
until nc 169.254.169.254 80 </dev/null >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 20 ] || exit 1
    sleep 0.1
done'
