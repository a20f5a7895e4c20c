#!/bin/sh
# Opens a packet socket that is bound to nothing.
# rule: Packet socket opened by an unknown program
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need_root
need perl
perl -e 'socket(my $frames, 17, 3, 0) or die "socket: $!"'
