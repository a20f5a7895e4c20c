#!/bin/sh
# Starts a container with CAP_SYS_ADMIN that does nothing.
# rule: Container started with rights over the host
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

in_container --cap-add SYS_ADMIN -- true
