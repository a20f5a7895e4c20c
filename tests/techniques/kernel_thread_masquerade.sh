#!/bin/sh
# Runs `true` under the name of a kernel thread.
# rule: Program poses as a kernel thread
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need perl
perl -e 'exec { "/bin/true" } "[kworker/u4:2]" or die "exec: $!"'
