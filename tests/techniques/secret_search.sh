#!/bin/sh
# Looks for private keys in an empty folder.
# rule: Search for private keys or passwords
. "$(dirname "$0")/lib.sh"

need find
find "$work" -name "id_rsa*"
