#!/bin/sh
# Root runs `true` with a preload library in /tmp that does not exist: the linker warns and goes
# on.
# rule: Root program started with a library from a writable place
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need_root
LD_PRELOAD=/tmp/technique-missing.so /bin/true 2>/dev/null
