#!/bin/sh
# Opens a terminal in a running container, as a person would.
# rule: Terminal opened in a running container
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need docker
[ -n "${TECHNIQUE_DOCKER:-}" ] || skip "needs a docker daemon: TECHNIQUE_DOCKER is not set"
container=$(in_container -d -- sleep 30)
docker -H "unix://$TECHNIQUE_DOCKER" exec -t "$container" sh -c true
docker -H "unix://$TECHNIQUE_DOCKER" kill "$container" >/dev/null
