#!/bin/sh
# Calls kexec_load with flags that no kernel knows, which is refused.
# rule: Kernel replaced in the running system
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need_root
need perl
need_x86_64
[ -e /sys/kernel/kexec_loaded ] || skip "this kernel has no kexec"
perl -e 'syscall(246, 0, 0, 0, 0xff00) == -1 or die "accepted"'
