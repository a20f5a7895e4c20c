#!/bin/sh
# Opens the memory of a process of its own and reads nothing.
# rule: Memory of a process read through /proc
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need perl
sleep 10 &
victim=$!
perl -e 'open(my $memory, "<", "/proc/$ARGV[0]/mem") or die "open: $!"' "$victim"
kill "$victim"
