#!/bin/sh
# Runs a command in a new container and removes it.
#   in-container.sh SOCKET IMAGE [OPTION...] -- COMMAND...
# SOCKET is the path of a docker daemon's socket, OPTIONs are those of `docker run`.
set -eu
[ $# -ge 4 ] || { echo "usage: $0 SOCKET IMAGE [OPTION...] -- COMMAND..." >&2; exit 2; }
socket=$1 image=$2
shift 2
count=$#
seen=no
while [ "$count" -gt 0 ]; do # puts the image where the -- was, keeping every word whole
    word=$1
    shift
    count=$((count - 1))
    if [ "$word" = -- ] && [ $seen = no ]; then
        word=$image
        seen=yes
    fi
    set -- "$@" "$word"
done
[ $seen = yes ] || { echo "$0: no -- before the command" >&2; exit 2; }
exec docker -H "unix://$socket" run --rm --network none "$@"
