#!/bin/sh
# Perl connects to a listener of its own and moves the socket onto descriptor 0.
# rule: Interpreter put a socket on its standard input
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need perl
perl -e '
use Socket; use POSIX ();
alarm 10;
socket(my $listener, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
bind($listener, sockaddr_in(0, INADDR_LOOPBACK)) && listen($listener, 1) or die "listen: $!";
socket(my $peer, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
connect($peer, getsockname($listener)) or die "connect: $!";
POSIX::dup2(fileno($peer), 0) // die "dup2: $!";
'
