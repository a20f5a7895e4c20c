#!/bin/sh
# A container without a seccomp profile makes a user namespace around `true`.
# rule: Container makes a user namespace
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

in_container --security-opt seccomp=unconfined -- unshare -U true
