#!/bin/sh
# A copy of Perl by the name of nginx starts a shell.
# rule: Web server started a shell
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need perl
cp "$(readlink -f "$(command -v perl)")" "$work/nginx"
"$work/nginx" -e 'exit(system("sh", "-c", "true") >> 8)'
