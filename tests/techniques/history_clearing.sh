#!/bin/sh
# Deletes a history of its own.
# rule: Command history cleared
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

echo "some command" >"$work/.bash_history"
rm "$work/.bash_history"
