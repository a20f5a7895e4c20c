#!/bin/sh
# Gives the kernel a module of four bytes, which it refuses.
# rule: Kernel module loaded from an unusual place
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need_root
need perl
need_x86_64
[ -e /proc/modules ] || skip "this kernel takes no modules"
perl -e '
my ($image, $options) = ("none", "");
syscall(175, $image, 4, $options) == -1 or die "loaded";
'
