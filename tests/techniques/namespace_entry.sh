#!/bin/sh
# A container in the host's process table enters the UTS namespace of a process there.
# rule: Container enters another namespace
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need setpriv
setpriv --reuid=65534 --regid=65534 --clear-groups sleep 30 &
victim=$!
in_container --cap-add SYS_ADMIN --cap-add SYS_PTRACE --security-opt apparmor=unconfined \
    --security-opt seccomp=unconfined --pid=host -- nsenter -t "$victim" -u true
kill "$victim"
