#!/bin/sh
# A socket by the name of docker.sock, to which a container connects.
# rule: Container talks to the container runtime
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need perl
perl -e '
use Socket;
alarm 30;
socket(my $listener, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
bind($listener, sockaddr_un($ARGV[0])) && listen($listener, 1) or die "listen: $!";
accept(my $peer, $listener) or die "accept: $!";
' "$work/docker.sock" &
while [ ! -S "$work/docker.sock" ]; do sleep 0.1; done
perl_in_container -- '
use Socket;
socket(my $peer, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
connect($peer, sockaddr_un($ARGV[0])) or die "connect: $!";
' "$work/docker.sock"
wait $!
