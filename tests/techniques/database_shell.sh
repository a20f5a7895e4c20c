#!/bin/sh
# A copy of Perl by the name of postgres starts a shell.
# rule: Database server started a shell
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need perl
cp "$(readlink -f "$(command -v perl)")" "$work/postgres"
"$work/postgres" -e 'exit(system("sh", "-c", "true") >> 8)'
