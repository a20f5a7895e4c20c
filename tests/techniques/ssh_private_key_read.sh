#!/bin/sh
# Copies a file that looks like a private key.
# rule: SSH private key read by a stranger
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

mkdir "$work/.ssh"
echo "not a key" >"$work/.ssh/id_ed25519"
cp "$work/.ssh/id_ed25519" "$work/copy"
