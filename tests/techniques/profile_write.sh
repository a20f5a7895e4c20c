#!/bin/sh
# Adds an empty start-up file to a private copy of /etc.
# rule: Shell start-up file of the system changed
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

with_private_system 'mkdir -p /etc/profile.d; : >/etc/profile.d/technique.sh'
