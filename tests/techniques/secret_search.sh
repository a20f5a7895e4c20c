#!/bin/sh
# Looks for private keys in an empty folder.
# rule: Search for private keys or passwords
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need find
find "$work" -name "id_rsa*"
