#!/bin/sh
# A docker daemon of its own for the techniques, with one image made of busybox.
#   engine.sh start DIR   starts it; its socket is DIR/docker.sock, the image technique:1
#   engine.sh stop DIR    ends it and removes DIR
# Exit 77: there is no docker here.
set -eu
[ $# = 2 ] || { echo "usage: $0 start|stop DIR" >&2; exit 2; }
dir=$2

start() {
    for program in dockerd containerd runc docker busybox; do
        command -v $program >/dev/null 2>&1 && continue
        echo "skipped: '$program' is not installed" >&2
        exit 77
    done
    mkdir -p "$dir/root/bin"
    for driver in overlay2 vfs; do # overlay tells which files came with the image
        rm -rf "$dir/data"
        dockerd --storage-driver=$driver --iptables=false --ip6tables=false --bridge=none \
            --data-root "$dir/data" --exec-root "$dir/exec" -H "unix://$dir/docker.sock" \
            --pidfile "$dir/docker.pid" >"$dir/docker.log" 2>&1 &
        daemon=$!
        tries=0
        while [ $tries -lt 60 ] && kill -0 $daemon 2>/dev/null; do
            if docker -H "unix://$dir/docker.sock" version >/dev/null 2>&1; then
                image
                return
            fi
            sleep 0.5
            tries=$((tries + 1))
        done
        kill $daemon 2>/dev/null || true
        wait $daemon 2>/dev/null || true
    done
    echo "the docker daemon did not start: see $dir/docker.log" >&2
    exit 1
}

image() {
    cp "$(command -v busybox)" "$dir/root/bin/busybox"
    for applet in $("$dir/root/bin/busybox" --list); do
        [ "$applet" = busybox ] || ln -sf busybox "$dir/root/bin/$applet"
    done
    mkdir -p "$dir/root/tmp" "$dir/root/mnt" "$dir/root/etc"
    echo 'root:x:0:0:root:/root:/bin/sh' >"$dir/root/etc/passwd"
    tar -C "$dir/root" -c . | docker -H "unix://$dir/docker.sock" import - technique:1 >/dev/null
}

stop() {
    if [ -f "$dir/docker.pid" ]; then
        daemon=$(cat "$dir/docker.pid")
        kill "$daemon" 2>/dev/null || true
        while kill -0 "$daemon" 2>/dev/null; do sleep 0.2; done
    fi
    # What a container that died badly left mounted.
    awk -v dir="$dir/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r |
        while read -r place; do umount "$place" || true; done
    rm -rf "$dir"
}

case $1 in
start) start ;;
stop) stop ;;
*) echo "usage: $0 start|stop DIR" >&2; exit 2 ;;
esac
