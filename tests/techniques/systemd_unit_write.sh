#!/bin/sh
# Writes a unit that does nothing into a private copy of /etc.
# rule: Systemd unit written
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

with_private_system 'mkdir -p /etc/systemd/system
    echo "[Unit]" >/etc/systemd/system/technique.service'
