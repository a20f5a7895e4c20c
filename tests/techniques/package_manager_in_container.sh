#!/bin/sh
# A container starts a program by the name of apk, which is busybox and does nothing.
# rule: Package manager used in a running container
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

in_container -- sh -c '
ln -s /bin/true /tmp/apk && { /tmp/apk add nothing 2>/dev/null || [ $? = 127 ]; }
'
