#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2089,SC2090,SC2317 # texts are for inner shells, functions for try
# Does what Falco's stock rules describe, for real but without harm: in folders, mounts and networks
# of its own. Writes to FILE, a line a technique that could be done, the name of the rule that it
# must fire.
#   techniques.sh FILE
# Not done: what asks for names by DNS (Contact K8S API Server, miner pools) or for a Kubernetes
# namespace (Network Connection outside Local Subnet); Launch Disallowed Container, whose
# condition can
# never hold as shipped; Modify Container Entrypoint, which looks for /proc/self/fd in a name
# that is
# the file reached here; Java Process Class File Download, which reads what recvfrom took.
# Needs root and perl. Techniques in containers need TECHNIQUE_DOCKER (tests/techniques/engine.sh).
set -u
tried=$1
: >"$tried"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d /tmp/stock.XXXXXX)
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
public=203.0.113.5 # TEST-NET-3 of RFC 5737: no packet leaves its network namespace

# try RULE COMMAND...: the command may fail, as an attacker's may; what counts is that it was seen
try() {
    local rule=$1
    shift
    echo "$rule" >>"$tried"
    echo "== $rule"
    "$@" </dev/null
}

# by_perl COMMAND...: its parent is no shell
by_perl() {
    perl -e 'system(@ARGV)' -- "$@"
}

# named NAME [ARGUMENT...]: a perl of that name
named() {
    local name=$1
    shift
    [[ -x $work/$name ]] || cp "$(readlink -f /usr/bin/perl)" "$work/$name"
    "$work/$name" "$@"
}

# private SCRIPT: with mounts of its own, in which the places that are written are copies or empty
private() {
    # shellcheck disable=SC2016 # the inner shell expands
    unshare -m bash -c 'mount --make-rprivate /
        mkdir "$1/etc.$$"
        mount -t tmpfs stock "$1/etc.$$"
        cp -a /etc/. "$1/etc.$$"
        mount --move "$1/etc.$$" /etc
        for folder in /root /boot /usr/sbin /var/lib /var/log; do
            mount -t tmpfs stock "$folder"
        done
        mkdir -p /root/.ssh /var/lib/rpm /etc/apt
        eval "$2"' bash "$work" "$1"
}

# networked SCRIPT: with a network of its own, in which a public address is this host's
networked() {
    # shellcheck disable=SC2016 # the inner shell expands
    unshare -n bash -c 'ip link set lo up
        ip addr add "$1/32" dev lo
        eval "$2"' bash "$public" "$1"
}

export udp='use Socket; socket(S, PF_INET, SOCK_DGRAM, 17); connect(S, sockaddr_in($ARGV[1],
    inet_aton($ARGV[0]))); send(S, "x", 0)'
export tcp='use IO::Socket::INET; my $l = IO::Socket::INET->new(Listen => 1, LocalAddr => $ARGV[0],
    LocalPort => $ARGV[1], ReuseAddr => 1) or die; '

# ---- files of the host ----
write='open(my $f, ">>", $ARGV[0]) or die; print $f "x"'
export write
run_private() { # run_private RULE SCRIPT
    try "$1" private "$2"
}
export -f named by_perl
export work
try 'Directory traversal monitored file read' by_perl cat /etc/../etc/../etc/passwd
try 'Read sensitive file untrusted' by_perl cat /etc/shadow
try 'Read sensitive file trusted after startup' \
    named nginx -e 'sleep 6; open(F, "<", "/etc/shadow")'
run_private 'Read ssh information' \
    'touch /root/.ssh/id_x; perl -e "open(F, q(<), q(/root/.ssh/id_x))"'
run_private 'Adding ssh keys to authorized_keys' 'perl -e "$write" /root/.ssh/authorized_keys'
run_private 'Clear Log Activities' \
    'touch /var/log/syslog; perl -e "open(F, q(>), q(/var/log/syslog))"'
run_private 'Create Symlink Over Sensitive Files' \
    'ln -s /etc/shadow /tmp/stock-link.$$; rm /tmp/stock-link.$$'
run_private 'Create Hardlink Over Sensitive Files' 'ln /etc/shadow /etc/stock-link'
run_private 'Modify Shell Configuration File' 'perl -e "$write" /etc/profile'
run_private 'Read Shell Configuration File' 'perl -e "open(F, q(<), q(/etc/profile))"'
run_private 'Schedule Cron Jobs' 'mkdir -p /etc/cron.d; perl -e "$write" /etc/cron.d/stock'
run_private 'Create files below dev' 'perl -e "$write" /dev/stock-file; rm -f /dev/stock-file'
run_private 'Delete or rename shell history' \
    'touch /root/.bash_history; perl -e "unlink q(/root/.bash_history)"'
run_private 'Set Setuid or Setgid bit' 'cp /bin/true /root/s; chmod u+s /root/s'
run_private 'Update Package Repository' 'perl -e "$write" /etc/apt/sources.list'
run_private 'Write below binary dir' 'perl -e "$write" /usr/sbin/stock-file'
run_private 'Write below monitored dir' 'perl -e "$write" /boot/stock-file'
run_private 'Write below etc' 'perl -e "$write" /etc/stock-file'
run_private 'Write below root' 'perl -e "$write" /root/stock-file'
run_private 'Write below rpm database' 'perl -e "$write" /var/lib/rpm/Packages'
run_private 'Modify binary dirs' \
    'touch /usr/sbin/a; perl -e "rename q(/usr/sbin/a), q(/usr/sbin/b)"'
run_private 'Mkdir binary dirs' 'mkdir /usr/sbin/stock-folder'
run_private 'Create Hidden Files or Directories' 'perl -e "$write" /root/.stock-hidden'
run_private 'Backdoored library loaded into SSHD (CVE-2024-3094)' \
    'touch /root/liblzma.so.5.6.1; named sshd -e "open(F, q(<), q(/root/liblzma.so.5.6.1))"'

# ---- programs of the host ----
try 'Run shell untrusted' named nginx -e 'system("bash", "-c", "true; true")'
try 'Web Server Spawned Shell' named httpd -e 'system("bash", "-c", "true; true")'
try 'Web Server Spawned Suspicious Child Process' named apache2 -e 'system("id")'
try 'Reverse Shell from Web Server' named lighttpd -e 'system("bash", "-i")'
try 'DB program spawned process' named mysqld -e 'system("ls", "/")'
try 'Search Private Keys or Passwords' find "$work" -name id_rsa
try 'Find AWS Credentials' grep -r aws_secret_access_key "$work"
try 'Remove Bulk Data from Disk' shred --help
try 'Execution from /dev/shm' \
    bash -c 'cp /bin/true /dev/shm/stock; /dev/shm/stock; rm /dev/shm/stock'
try 'Fileless execution via memfd_create' "$here/../techniques/fileless_execution.sh"
try 'PTRACE anti-debug attempt' perl -e 'syscall(101, 0, 0, 0, 0)'
try 'PTRACE attached to process' perl -e 'my $p = fork; if (!$p) { sleep 5; exit }
    syscall(101, 16, $p, 0, 0); kill 9, $p; waitpid($p, 0)'
try 'Change thread namespace' \
    perl -e 'open(F, "<", "/proc/self/ns/uts"); syscall(308, fileno(F), 0)'
try 'BPF Program Not Profiled' perl -e 'my $a = "\0" x 128; syscall(321, 5, $a, 128)'
try 'Program run with disallowed http proxy env' env HTTP_PROXY=http://127.0.0.1:1 \
    bash -c 'cp /bin/true "$work/curl"; "$work/curl"'
try 'Non sudo setuid' perl -e '$( = $) = 65534; $< = $> = 65534; syscall(105, 1)'
try 'User mgmt binaries' by_perl usermod --help
try 'Launch Suspicious Network Tool on Host' named nmap -e 1
try 'Netcat/Socat Remote Code Execution on Host' named ncat -e 1 --exec
try 'Potential Local Privilege Escalation via Environment Variables Misuse' \
    env GLIBC_TUNABLES=glibc.malloc.check=0 true
try 'Detect crypto miners using the Stratum protocol' perl -e 1 stratum+tcp://pool.invalid:3333
try 'Known Cryptominer Process Executed' named xmrig -e 1
# shellcheck disable=SC1003 # the exploit ends its argument with a backslash
try 'Sudo Potential Privilege Escalation' named sudoedit -s '\'
try 'Polkit Local Privilege Escalation Vulnerability (CVE-2021-4034)' named pkexec
try 'Unprivileged Delegation of Page Faults Handling to a Userspace Process' \
    perl -e '$( = $) = 65534; $< = $> = 65534; syscall(323, 1)'
named login -e 1
try 'System user interactive' \
    perl -e '$( = $) = 65534; $< = $> = 65534; exec @ARGV' "$work/login" -e 1 # nobody
try 'Basic Interactive Reconnaissance' script -qec 'bash -ic "whoami; id"' /dev/null

# ---- network of the host ----
try 'Unexpected UDP Traffic' networked 'perl -e "$udp" "$1" 9999'
try 'Disallowed SSH Connection Non Standard Port' networked \
    'cp "$(readlink -f /usr/bin/perl)" "$work/ssh"; "$work/ssh" -e "$tcp"'"'"'
     IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1])'"'"' "$1" 8080'
try 'System procs network activity' networked 'perl -e "$tcp"'"'"'
    system("bash", "-c", "exec 3<>/dev/tcp/$ARGV[0]/$ARGV[1]")'"'"' "$1" 8081'
try 'Interpreted procs outbound network activity' networked 'perl -e "$udp" "$1" 9998'
try 'Unexpected inbound connection source' networked 'perl -e "$tcp"'"'"'
    IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1]); $l->accept'"'"' "$1" 8083'
try 'Interpreted procs inbound network activity' networked 'perl -e "$tcp"'"'"'
    IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1]); $l->accept'"'"' "$1" 8084'

# ---- containers ----
[[ -n ${TECHNIQUE_DOCKER:-} ]] || exit 0
contained() { # contained RULE [docker run options] -- COMMAND...
    local rule=$1
    shift
    try "$rule" "$here/../techniques/in-container.sh" "$TECHNIQUE_DOCKER" "$TECHNIQUE_IMAGE" "$@"
}
perl_contained() { # perl_contained RULE [docker run options] -- PROGRAM
    local rule=$1 options=()
    shift
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    contained "$rule" "${options[@]}" -v /:/host:ro -- chroot /host /usr/bin/perl -e "$@"
}
# as_tool RULE NAME [docker run options] -- [ARGUMENTS]: busybox under that name
as_tool() {
    local rule=$1 name=$2 options=()
    shift 2
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    contained "$rule" "${options[@]}" -- \
        sh -c "cp /bin/busybox /tmp/$name; /tmp/$name ${*:-x}; true"
}
privileged() { # the same with all rights, where the daemon may give them
    [[ $may_all != yes ]] || "$@"
}
may_all=no
! "$here/../techniques/in-container.sh" "$TECHNIQUE_DOCKER" "$TECHNIQUE_IMAGE" --privileged \
    -- true 2>/dev/null || may_all=yes
contained 'Terminal shell in container' -t -- sh -c 'true; true'
as_tool 'Netcat Remote Code Execution in Container' nc -- 127.0.0.1 1 -e /bin/true
as_tool 'Launch Suspicious Network Tool in Container' nc -- 127.0.0.1 1
perl_contained 'Packet socket created in container' -- 'socket(S, 17, 3, 768)'
perl_contained 'Redirect STDOUT/STDIN to Network Connection in Container' -- \
    'use IO::Socket::INET; use POSIX; my $l = IO::Socket::INET->new(Listen => 1,
    LocalAddr => "127.0.0.1") or die; my $c = IO::Socket::INET->new(PeerAddr => "127.0.0.1",
    PeerPort => $l->sockport); POSIX::dup2(fileno($c), 0)'
[[ ! -e /proc/modules ]] || perl_contained 'Linux Kernel Module Injection Detected' \
    --cap-add SYS_MODULE --security-opt seccomp=unconfined -- 'open(F, "<", "/dev/null"); my $n = "";
    syscall(313, fileno(F), $n, 0)'
privileged as_tool 'Debugfs Launched in Privileged Container' debugfs --privileged --
contained 'Detect release_agent File Container Escapes' --cap-add SYS_ADMIN -- \
    sh -c 'echo x >/tmp/release_agent'
as_tool 'Drop and execute new binary in container' dropped --
perl_contained 'Change namespace privileges via unshare' --security-opt seccomp=unconfined -- \
    'syscall(272, 0x10000000)'
privileged contained 'Launch Privileged Container' --privileged -- true
contained 'Launch Excessively Capable Container' --cap-add SYS_ADMIN -- true
contained 'Launch Sensitive Mount Container' -v /etc:/mnt:ro -- true
contained 'Container Run as Root User' -- true
as_tool 'Launch Package Management Process in Container' apt-get --
as_tool 'Launch Remote File Copy Tools in Container' scp --
as_tool 'Launch Ingress Remote File Copy Tools in Container' wget -- -q http://127.0.0.1/
privileged as_tool 'Mount Launched in Privileged Container' mount --privileged -- -t tmpfs x /mnt
contained 'Read environment variable from /proc files' -- sh -c 'cat /proc/1/environ >/dev/null'
contained 'Exfiltrating Artifacts via Kubernetes Control Plane' \
    -v "$(readlink -f "$(command -v busybox)"):/tar:ro" -- /tar -cf /dev/null /tar
as_tool 'Kubernetes Client Tool Launched in Container' kubectl --
contained 'Decoding Payload in Container' -- sh -c 'echo eA== | base64 -d'
contained 'Network Tool Executed During NPM Package Install' -- \
    sh -c 'cp /bin/busybox /tmp/nc; printf "#!/bin/sh\n/tmp/nc 127.0.0.1 1\ntrue\n" >/tmp/npm
        chmod +x /tmp/npm; /tmp/npm; true'
contained 'Privileged Container Device Access' -- sh -c 'echo x >/dev/sdstock'
contained 'Container Access to Host Sensitive Paths' -v /etc:/host/etc:ro -- cat /host/etc/hostname
contained 'Container Drift Detected (chmod)' -- sh -c 'touch /tmp/x; chmod +x /tmp/x'
perl_contained 'Container Drift Detected (open+create)' -v "$work:/host/mnt" -- \
    'syscall(2, my $p = "/mnt/drift", 0101, 0755)'
metadata='ip link set lo up; ip addr add 169.254.169.254/32 dev lo; (nc -l -p 80 >/dev/null &)
    sleep 1; nc -w 1 169.254.169.254 80; true'
contained 'Contact cloud metadata service from container' --cap-add NET_ADMIN -- sh -c "$metadata"
echo 'Contact EC2 Instance Metadata Service From Container' >>"$tried"
perl_contained 'Unexpected K8s NodePort Connection' --cap-add NET_ADMIN -- \
    "system('ip', 'addr', 'add', '$public/32', 'dev', 'lo'); @ARGV = ('$public', 30080); $udp"
exit 0
