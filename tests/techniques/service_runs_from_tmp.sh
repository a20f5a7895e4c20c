#!/bin/sh
# As nobody, runs a copy of `true` that lies in /tmp.
# rule: Service account runs a program from a temporary folder
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need_root
need setpriv
cp /bin/true "$work/program"
chmod 755 "$work/program"
setpriv --reuid=65534 --regid=65534 --clear-groups "$work/program"
