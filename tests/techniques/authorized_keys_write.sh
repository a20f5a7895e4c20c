#!/bin/sh
# Appends an empty line to a list of keys of its own.
# rule: SSH login key added
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

mkdir "$work/.ssh"
echo >>"$work/.ssh/authorized_keys"
