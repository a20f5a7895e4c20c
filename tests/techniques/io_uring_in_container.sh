#!/bin/sh
# A container without a seccomp profile sets up a ring of four entries.
# rule: io_uring set up in a container
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need perl
need_x86_64
perl_in_container --security-opt seccomp=unconfined -- '
my $parameters = "\0" x 120;
syscall(425, 4, $parameters) >= 0 or die "io_uring_setup: $!";
' 2>"$work/error" || skip "refused: $(cat "$work/error")"
