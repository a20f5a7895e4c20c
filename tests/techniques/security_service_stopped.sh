#!/bin/sh
# Starts a program by the name of systemctl, which is `true`, with the words that would stop
# auditing.
# rule: Security service stopped or disabled
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

ln -s /bin/true "$work/systemctl"
"$work/systemctl" stop auditd.service
