#!/bin/sh
# A listener on loopback; a child connects, moves the socket onto 0, 1 and 2 and starts a shell.
# rule: Shell wired to a network socket
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need perl
perl -e '
use Socket; use POSIX ();
alarm 10;
socket(my $listener, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
bind($listener, sockaddr_in(0, INADDR_LOOPBACK)) && listen($listener, 1) or die "listen: $!";
my ($port) = sockaddr_in(getsockname($listener));
my $pid = fork // die "fork: $!";
if (!$pid) {
    socket(my $shell, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
    connect($shell, sockaddr_in($port, INADDR_LOOPBACK)) or die "connect: $!";
    POSIX::dup2(fileno($shell), $_) // die "dup2: $!" for 0 .. 2;
    exec "sh", "-c", "exit 0" or POSIX::_exit(1);
}
accept(my $peer, $listener) or die "accept: $!";
waitpid($pid, 0);
exit($? >> 8);
'
