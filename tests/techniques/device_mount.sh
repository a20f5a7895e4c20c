#!/bin/sh
# A container with CAP_SYS_ADMIN tries to mount a device that does not exist.
# rule: Container mounts a disk or a control hierarchy
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

in_container --cap-add SYS_ADMIN --security-opt apparmor=unconfined \
    --security-opt seccomp=unconfined -- \
    sh -c '! mount -t ext4 /dev/technique-missing /mnt 2>/dev/null'
