#!/bin/sh
# Starts a program by the name of masscan, which is `true`.
# rule: Network scanner started
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

ln -s /bin/true "$work/masscan"
"$work/masscan" 192.0.2.0/24 -p22
