#!/bin/sh
# Deletes a history of its own.
# rule: Command history cleared
. "$(dirname "$0")/lib.sh"

echo "some command" >"$work/.bash_history"
rm "$work/.bash_history"
