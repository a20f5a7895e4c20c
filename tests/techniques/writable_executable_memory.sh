#!/bin/sh
# Maps a page and makes it writable and executable.
# rule: Memory made writable and executable
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need perl
need_x86_64
perl -e '
my $page = syscall(9, 0, 4096, 3, 0x22, -1, 0); # mmap, private, anonymous
$page != -1 or die "mmap: $!";
syscall(10, $page, 4096, 7) == 0 or die "mprotect: $!";
' 2>"$work/error" || skip "refused: $(cat "$work/error")"
