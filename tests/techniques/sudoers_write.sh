#!/bin/sh
# Writes a comment into the sudo rules of a private copy of /etc.
# rule: Sudo rules changed
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

with_private_system 'mkdir -p /etc/sudoers.d; echo "# no rule" >/etc/sudoers.d/technique'
