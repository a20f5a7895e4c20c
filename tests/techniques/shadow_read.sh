#!/bin/sh
# Reads one byte of the password hashes and throws it away.
# rule: Password hashes read
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need_root
head -c 1 /etc/shadow >/dev/null
