#!/bin/sh
# A container shows a made-up token at the place where the kubelet puts it.
# rule: Service account token read by a general tool
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

echo "not a token" >"$work/token"
in_container -v "$work/token:/run/secrets/kubernetes.io/serviceaccount/token:ro" -- \
    cat /run/secrets/kubernetes.io/serviceaccount/token >/dev/null
