#!/usr/bin/env bash
# Debian's 6.1 kernel, booted in qemu without KVM: Picket loads there, and sees programs, files,
# connections and its own losses. The guest is a busybox in memory; what it says on its serial line
# is what the cases look at. One boot for all cases: about two minutes.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
seconds_max=390
store=${BUILD:-$root/build}/kernel61
PICKET=$(realpath "$PICKET")

need_tools() {
    local tool
    for tool in qemu-system-x86_64 cpio busybox dpkg-deb; do
        command -v "$tool" >/dev/null || skip "needs $tool"
    done
    [[ -x $PICKET ]] || skip "$PICKET is not built"
    [[ $(uname -m) == x86_64 ]] || skip "the guest is written for x86-64"
}

# The kernel's image out of Debian's package; nothing is installed.
fetch_kernel() {
    mkdir -p "$store"
    compgen -G "$store/boot/vmlinuz-6.1.*" >/dev/null && return 0
    local package
    package=$(apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image-6\.1/ { print $2; exit }')
    [[ -n $package ]] || skip "apt knows no 6.1 kernel here"
    (cd "$store" && apt-get -q download "$package" && dpkg-deb --fsys-tarfile ./*.deb |
        tar -x ./boot && rm -f ./*.deb) || skip "the kernel's package could not be fetched"
}

build_guest() {
    local library
    rm -rf "$store/guest"
    mkdir -p "$store/guest"/{bin,proc,sys,dev,tmp,etc,run,var/lib,rules}
    cp "$(command -v busybox)" "$store/guest/bin/busybox"
    cp "$PICKET" "$store/guest/bin/picket"
    ldd "$PICKET" | grep -oE '/[^ ]+' | while read -r library; do
        mkdir -p "$store/guest$(dirname "$library")"
        cp -L "$library" "$store/guest$library"
    done
    printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >"$store/guest/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' >"$store/guest/etc/group"
    cat >"$store/guest/rules/guest.yml" <<'END'
- rule: Guest exec
  desc: a program that the guest starts
  condition: evt.type in (execve, execveat) and evt.dir = < and proc.exepath startswith /bin/ and proc.name = true
  output: started (%proc.name %proc.cmdline)
  priority: NOTICE
- rule: Guest open
  desc: a file that the guest opens
  condition: evt.type in (open, openat, openat2) and evt.dir = < and fd.name = /etc/secret
  output: opened (%fd.name)
  priority: NOTICE
- rule: Guest connect
  desc: a connection that the guest makes
  condition: evt.type = connect and evt.dir = < and fd.sport = 4242
  output: connected (%fd.sip %fd.sport)
  priority: NOTICE
- rule: Guest unlink
  desc: a file that the guest removes
  condition: evt.type in (unlink, unlinkat) and evt.dir = < and fs.path.name = /tmp/removed
  output: removed (%fs.path.name)
  priority: NOTICE
- rule: Guest storm
  desc: makes the opens below this folder wanted, so that a small ring runs over
  condition: evt.type in (open, openat, openat2) and evt.dir = < and fd.name startswith /tmp/storm/never
  output: never (%fd.name)
  priority: NOTICE
- rule: Guest everything
  desc: wants every other kind of event, so that every program is loaded and attached
  condition: >
    evt.type in (dup, dup2, dup3, splice, socket, bind, listen, accept, accept4, sendto, sendmsg,
    recvfrom, recvmsg, setuid, setgid, setresuid, capset, mount, umount, umount2, chroot, pivot_root,
    unshare, setns, mprotect, mmap, ptrace, process_vm_writev, kill, tkill, tgkill, prctl, seccomp,
    bpf, init_module, finit_module, memfd_create, rename, renameat, link, linkat, symlink, symlinkat,
    chmod, fchmod, fchmodat, chown, fchown, mkdir, mkdirat, mknod, procexit) and proc.name = nobody-is-called-this
  output: never (%proc.name)
  priority: NOTICE
END
    cat >"$store/guest/init" <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev; mount -t tmpfs t /tmp
mount -t bpf b /sys/fs/bpf; mount -t tracefs t /sys/kernel/tracing
ip link set lo up
echo secret > /etc/secret
mkdir /tmp/storm
: >/tmp/storm/file
echo "guest: kernel $(uname -r)"
wait_for() { # TRIES command...: a try is a fifth of a second or longer
    left=$1; shift
    until "$@"; do
        left=$((left - 1))
        [ $left -gt 0 ] || return 1
        sleep 0.2
    done
}
told() { grep -q "\"rule\":\"$1\"" /tmp/$name.out; }
is_up() { grep -q ready /tmp/$name.err || ! kill -0 $picket; }
is_listening() { grep -q ':1092 ' /proc/net/tcp; } # 4242
watch_host() { # name, further options
    name=$1; shift
    picket run --rules /rules --state /tmp/state-$name --console none --output json "$@" >/tmp/$name.out 2>/tmp/$name.err &
    picket=$!
    wait_for 600 is_up
}
watch_end() {
    kill -INT $picket; wait $picket; echo "guest: $name returned $?"
    sed "s/^/guest: $name err: /" /tmp/$name.err
    head -n 40 /tmp/$name.out | sed "s/^/guest: $name out: /"
}
roles() { cat /proc/$picket/task/$picket/children; }
storm() { # as long as it takes until the ring, which nobody empties, has run over
    kill -STOP $(roles)
    i=0
    while [ $i -lt 1000 ]; do : </tmp/storm/file; i=$((i + 1)); done
    kill -CONT $(roles)
    sleep 1
    told 'Events were lost'
}
watch_host plain
/bin/true
cat /etc/secret >/dev/null
: >/tmp/removed; rm /tmp/removed
nc -l -p 4242 </dev/null >/dev/null &
wait_for 100 is_listening
nc -w 1 127.0.0.1 4242 </dev/null
for rule in exec open unlink connect; do wait_for 100 told "Guest $rule"; done
picket status --state /tmp/state-plain 2>&1 | sed 's/^/guest: status: /'
watch_end
watch_host tiny --ring-size 64k
wait_for 20 storm
watch_end
echo "guest: end"
poweroff -f
END
    chmod +x "$store/guest/init"
    (cd "$store/guest" && find . | cpio -o -H newc --quiet | gzip -1) >"$store/initramfs.gz"
}

case_it_boots_and_loads() {
    rm -f "$store/serial" # the other cases look at this boot's, or skip
    need_tools
    fetch_kernel
    build_guest
    : >"$store/serial"
    background qemu-system-x86_64 -accel tcg -cpu max -m 1024 -smp 2 -nographic -no-reboot -nic none \
        -kernel "$(compgen -G "$store/boot/vmlinuz-6.1.*" | tail -n 1)" -initrd "$store/initramfs.gz" \
        -serial "file:$store/serial" -monitor none -append "console=ttyS0 panic=-1 quiet"
    wait_for 360 bash -c "! kill -0 $started 2>/dev/null || grep -q 'guest: end' $store/serial"
    tr -d '\r' <"$store/serial" | grep -a 'guest: ' | grep -av ' out: '
    grep -aq 'guest: kernel 6[.]1[.]' "$store/serial"
    grep -aq 'guest: plain err: .*ready' "$store/serial"
    grep -aq 'guest: plain returned 0' "$store/serial"
}

said() {
    [[ -s $store/serial ]] || skip "the guest did not boot"
    grep -a "$1" "$store/serial" || { tr -d '\r' <"$store/serial" | grep -a 'guest: ' | cut -c 1-160; return 1; }
}

# What 6.1 lacks: tracepoints on ctime, and the later name of one of io_uring's.
case_every_hook_attaches_that_6_1_has() {
    said 'status: tp_btf/sys_exit (openat) .*attached' >/dev/null
    ! tr -d '\r' <"$store/serial" | grep -a 'status: .* failed ' |
        grep -vE '/(ctime_ns_xchg|ctime_xchg_skip|inode_set_ctime_to_ts|io_uring_submit_req|sys_exit_fchmodat2) '
}
case_it_sees_a_program() { said 'plain out: .*"rule":"Guest exec"'; }
case_it_sees_a_file() { said 'plain out: .*"rule":"Guest open"'; }
case_it_sees_a_name_removed() { said 'plain out: .*"rule":"Guest unlink"'; }
case_it_sees_a_connection() { said 'plain out: .*"rule":"Guest connect"'; }
case_it_tells_of_losses() { said 'tiny out: .*"rule":"Events were lost"'; }

run_cases
