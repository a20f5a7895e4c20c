#!/bin/sh
# Copies `true` into a memfd and runs it from there.
# rule: Program run from memory without a file
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need perl
need_x86_64
perl -e '
my $name = "technique";
my $fd = syscall(319, $name, 0); # memfd_create
$fd >= 0 or die "memfd_create: $!";
open(my $code, "<", "/bin/true") && open(my $memory, ">&=", $fd) or die "open: $!";
binmode $_ for $code, $memory;
local $/;
print $memory readline($code);
$memory->flush;
exec { "/proc/self/fd/$fd" } "technique" or die "exec: $!";
'
