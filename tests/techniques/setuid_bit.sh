#!/bin/sh
# Sets the bit on an empty file of its own.
# rule: Setuid bit set
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

: >"$work/file"
chmod 4700 "$work/file"
