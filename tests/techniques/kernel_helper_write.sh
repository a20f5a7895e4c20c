#!/bin/sh
# A container that may write system settings opens core_pattern for appending and writes nothing.
# rule: Container writes a program path that the kernel runs
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

in_container --cap-add SYS_ADMIN --security-opt apparmor=unconfined \
    --security-opt seccomp=unconfined --security-opt systempaths=unconfined -- \
    sh -c ': >>/proc/sys/kernel/core_pattern'
