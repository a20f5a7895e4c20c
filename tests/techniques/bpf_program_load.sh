#!/bin/sh
# Loads a socket filter of two instructions (r0 = 0, exit) and lets it go.
# rule: BPF program loaded by an unknown program
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need_root
need perl
need_x86_64
perl -e '
my $code = pack("CCsl", 0xb7, 0, 0, 0) . pack("CCsl", 0x95, 0, 0, 0);
my $license = "GPL\0";
my $attributes = pack("LLPP", 1, 2, $code, $license);
$attributes .= "\0" x 96;
syscall(321, 5, $attributes, length $attributes) >= 0 or die "bpf: $!";
' 2>"$work/error" || skip "the kernel refuses the program: $(cat "$work/error")"
