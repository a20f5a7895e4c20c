#!/bin/sh
# Writes an empty preload list into a private copy of /etc.
# rule: Preload list of the dynamic linker changed
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

with_private_system ': >/etc/ld.so.preload; rm /etc/ld.so.preload'
