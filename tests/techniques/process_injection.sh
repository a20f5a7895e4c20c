#!/bin/sh
# Writes into a variable of a child that stands still.
# rule: Code injected into another process
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need perl
need_x86_64
perl -e '
alarm 10;
my $there = "A" x 64;
my $here = "B" x 64;
my $pid = fork // die "fork: $!";
if (!$pid) { sleep 10; exit 0 }
my $from = pack("PQ", $here, 64);
my $to = pack("PQ", $there, 64);
my $count = syscall(311, $pid, $from, 1, $to, 1, 0); # process_vm_writev
my $error = "$!";
kill "KILL", $pid;
waitpid($pid, 0);
$count == 64 or die "process_vm_writev: $error";
' 2>"$work/error" || skip "refused: $(cat "$work/error")"
