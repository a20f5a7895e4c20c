#!/bin/sh
# Shows a made-up credential file.
# rule: Cloud credential file read by a general tool
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

mkdir "$work/.aws"
echo "[default]" >"$work/.aws/credentials"
cat "$work/.aws/credentials" >/dev/null
