#!/bin/sh
# Writes and empties a log in a private /var/log.
# rule: System log removed or emptied
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

with_private_system 'echo line >/var/log/auth.log; : >/var/log/auth.log'
