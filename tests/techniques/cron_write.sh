#!/bin/sh
# Writes an empty job into a private copy of /etc.
# rule: Scheduled job written
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

with_private_system 'mkdir -p /etc/cron.d; echo "# no job" >/etc/cron.d/technique'
