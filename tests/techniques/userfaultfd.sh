#!/bin/sh
# Asks for page faults once and closes the descriptor.
# rule: Page faults taken over by a program
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need_root
need perl
need_x86_64
perl -e 'syscall(323, 1) >= 0 or die "userfaultfd: $!"' 2>"$work/error" ||
    skip "refused: $(cat "$work/error")"
