#!/bin/sh
# A container copies busybox to a new file and runs it.
# rule: New program run in a container
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

[ -n "${TECHNIQUE_DOCKER:-}" ] || skip "needs a docker daemon: TECHNIQUE_DOCKER is not set"
case $(docker -H "unix://$TECHNIQUE_DOCKER" info --format '{{.Driver}}') in
overlay*) ;;
*) skip "the docker daemon does not use overlay" ;;
esac
in_container -- sh -c 'cp /bin/busybox /tmp/true && /tmp/true'
