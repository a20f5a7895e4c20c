#!/bin/sh
# Opens the user database of a private copy of /etc for appending and writes nothing.
# rule: Account database written directly
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

with_private_system ': >>/etc/passwd'
