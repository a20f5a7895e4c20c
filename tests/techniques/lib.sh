# shellcheck shell=sh
# Common to the techniques: sourced, not run. Gives each its own folder, $work, removed at the end.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

skip() { # the technique cannot be done here
    echo "skipped: $*" >&2
    exit 77
}

need() { # need PROGRAM...
    for program in "$@"; do
        command -v "$program" >/dev/null 2>&1 || skip "'$program' is not installed"
    done
}

need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

# The raw system call numbers below are those of x86-64.
need_x86_64() { [ "$(uname -m)" = x86_64 ] || skip "written for x86-64"; }

# A shell script run in a mount namespace of its own, in which /etc is a copy and /var/log is empty.
with_private_system() {
    need_root
    need unshare mount
    mkdir "$work/etc"
    # shellcheck disable=SC2016 # the inner shell expands
    unshare -m sh -euc 'mount --make-rprivate /
        mount -t tmpfs technique "$1/etc"
        cp -a /etc/. "$1/etc/"
        mount --move "$1/etc" /etc
        mount -t tmpfs technique /var/log
        eval "$2"' sh "$work" "$1"
}

# in_container [docker run options] -- COMMAND...
# Uses the docker daemon at $TECHNIQUE_DOCKER and the image $TECHNIQUE_IMAGE; see engine.sh.
in_container() {
    need docker
    [ -n "${TECHNIQUE_DOCKER:-}" ] || skip "needs a docker daemon: TECHNIQUE_DOCKER is not set"
    "$here/in-container.sh" "$TECHNIQUE_DOCKER" "${TECHNIQUE_IMAGE:-technique:1}" "$@"
}

# Perl of the host, run inside a container that sees the host's files read-only.
perl_in_container() { # perl_in_container [docker run options] -- PROGRAM [ARGUMENT...]
    options=
    while [ "$1" != -- ]; do
        options="$options $1"
        shift
    done
    shift
    # shellcheck disable=SC2086 # the options are words
    in_container $options -v /:/host:ro -- chroot /host /usr/bin/perl -e "$@"
}

work=$(mktemp -d /tmp/technique.XXXXXX)
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
