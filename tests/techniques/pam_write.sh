#!/bin/sh
# Writes a comment into the login configuration of a private copy of /etc.
# rule: Login modules changed
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

with_private_system 'mkdir -p /etc/pam.d; echo "# no module" >/etc/pam.d/technique'
