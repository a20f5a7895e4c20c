#!/usr/bin/env bash
# Debian's 6.1 kernel, booted in qemu without KVM: Picket loads there, and sees programs, files,
# connections and its own losses. The guest is a busybox in memory; what it says on its serial line
# is what the cases look at. One boot for all cases: about two minutes.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
seconds_max=390
store=${BUILD:-$root/build}/kernel61

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
- rule: Guest storm
  desc: makes every open wanted, so that a small ring runs over
  condition: evt.type in (open, openat, openat2) and evt.dir = < and fd.name startswith /tmp/storm/never
  output: never (%fd.name)
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
echo "guest: kernel $(uname -r)"
watch_host() { # name, further options
    name=$1; shift
    picket run --rules /rules --state /tmp/state-$name --console none --output json "$@" >/tmp/$name.out 2>/tmp/$name.err &
    picket=$!
    tries=0
    until grep -q ready /tmp/$name.err; do
        tries=$((tries + 1))
        if [ $tries -gt 300 ] || ! kill -0 $picket; then break; fi
        sleep 0.2
    done
}
watch_end() {
    sleep 3
    kill -INT $picket; wait $picket; echo "guest: $name returned $?"
    sed "s/^/guest: $name err: /" /tmp/$name.err
    head -n 40 /tmp/$name.out | sed "s/^/guest: $name out: /"
}
watch_host plain
/bin/true
cat /etc/secret >/dev/null
nc -w 1 127.0.0.1 4242 </dev/null
picket status --state /tmp/state-plain 2>&1 | sed 's/^/guest: status: /'
watch_end
watch_host tiny --ring-size 64k
kill -STOP $(cat /proc/$picket/task/$picket/children) 2>/dev/null
i=0; while [ $i -lt 3000 ]; do : </etc/passwd; : </etc/group; /bin/true; i=$((i + 50)); j=0; while [ $j -lt 50 ]; do : </etc/passwd; j=$((j + 1)); done; done
kill -CONT $(cat /proc/$picket/task/$picket/children) 2>/dev/null
watch_end
echo "guest: end"
poweroff -f
END
    chmod +x "$store/guest/init"
    (cd "$store/guest" && find . | cpio -o -H newc --quiet | gzip -1) >"$store/initramfs.gz"
}

case_it_boots_and_loads() {
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
    grep -a "$1" "$store/serial" || { grep -a 'guest: ' "$store/serial"; return 1; }
}

case_it_sees_a_program() { said 'plain out: .*"rule":"Guest exec"'; }
# On 6.1 the per-syscall tracepoints do not attach with the rights that the sensor keeps (they do as
# root): until that is mended, files and connections are not seen there, and status says so.
attaches() { ! grep -aq 'sys_exit_openat .*does not attach' "$store/serial" || skip "known gap: tracepoints do not attach"; }
case_it_sees_a_file() { attaches; said 'plain out: .*"rule":"Guest open"'; }
case_it_sees_a_connection() { attaches; said 'plain out: .*"rule":"Guest connect"'; }
case_it_tells_of_losses() { said 'tiny out: .*"rule":"Events were lost"'; }

run_cases
