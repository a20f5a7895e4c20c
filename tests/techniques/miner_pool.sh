#!/bin/sh
# In a network namespace that owns a documentation address, connects to it on port 3333.
# rule: Connection to a mining pool
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

need_root
need perl unshare ip
# shellcheck disable=SC2016 # the inner shell expands
unshare -n sh -euc '
ip link set lo up
ip addr add 203.0.113.9/32 dev lo
perl -e "
use Socket;
my \$pool = sockaddr_in(3333, inet_aton(q(203.0.113.9)));
socket(my \$listener, PF_INET, SOCK_STREAM, 0) or die q(socket);
bind(\$listener, \$pool) && listen(\$listener, 1) or die q(listen);
socket(my \$miner, PF_INET, SOCK_STREAM, 0) or die q(socket);
connect(\$miner, \$pool) or die q(connect);
"'
