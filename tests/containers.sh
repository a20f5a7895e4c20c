#!/bin/bash
# Containers that live 50 ms, in real runtimes with data roots of their own, must be found with
# name, image, id or digest, and labels: tests/containers.sh [BUILD_DIR]. Needs root; a runtime that
# is not installed is skipped with the reason. Ends what it started, by process id. About 20 s.
# Output is TAP.
set -u
build=$(realpath "${1:-${BUILD:-build}}")
live=$build/src/live_container
leave() { echo "1..0 # SKIP $*"; exit 0; }
[ "$(id -u)" = 0 ] || leave "needs root"
[ -x "$live" ] || leave "$live is not built"
busybox=$(command -v busybox) || leave "needs a static busybox"

lab=$(mktemp -d /tmp/picket-containers.XXXXXX) || exit 1
pids=()
number=0 failed=0

cleanup() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
    for pid in "${pids[@]}"; do
        for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    done
    # what a runtime left mounted below the lab
    awk -v lab="$lab/" 'index($5, lab) == 1 {print $5}' /proc/self/mountinfo | sort -r |
        while read -r mount; do umount -l "$mount"; done
    rm -rf --one-file-system "$lab"
}
trap cleanup EXIT

skip() { number=$((number + 1)); echo "ok $number - $1 # SKIP $2"; }
have() { command -v "$1" >/dev/null || { skip "$2" "$1 is not installed"; return 1; }; }
# expect CASE ID_OR_NAME PATTERN...: the line about the container holds every pattern
expect() {
    local name=$1 which=$2 line pattern missing=
    shift 2
    line=$(grep -F -- "$which" "$lab/found" | grep '^{' | head -1)
    for pattern in "$@"; do
        case $line in
        *"$pattern"*) ;;
        *) missing="$missing $pattern" ;;
        esac
    done
    number=$((number + 1))
    if [ -z "$missing" ]; then
        echo "ok $number - $name"
        echo "# found ${line##*$'\t'} after its cgroup was made"
    else
        failed=$((failed + 1))
        echo "not ok $number - $name"
        echo "# not there:$missing"
        echo "# in: ${line:-nothing was found}"
    fi
}
until_true() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done
}

mkdir -p "$lab/rootfs/bin" "$lab/rootfs/etc" "$lab/docker files"
cp "$busybox" "$lab/rootfs/bin/busybox"
for tool in sh sleep id; do ln -s busybox "$lab/rootfs/bin/$tool"; done
echo 'captain:x:0:0::/:/bin/sh' > "$lab/rootfs/etc/passwd"
tar -C "$lab/rootfs" -c . > "$lab/image.tar"
# what only hostile people name: an escape, a newline, a right-to-left override, a quote
hostile=$'\e[31m\n\u202e"'

docker=()
start_docker() {
    have dockerd docker || return 1
    local cli=/usr/bin/docker
    [ -x $cli ] || cli=$(command -v docker)
    # its data root is named in a settings file only
    mkdir -p "$lab/settings"
    echo "{\"data-root\": \"$lab/dock\"}" > "$lab/settings/daemon.json"
    dockerd --config-file "$lab/settings/daemon.json" --storage-driver=vfs --iptables=false \
        --ip6tables=false --bridge=none --exec-root "$lab/dock-exec" -H "unix://$lab/dock.sock" \
        --pidfile "$lab/dock.pid" > "$lab/dockerd.log" 2>&1 &
    pids+=($!)
    docker=("$cli" -H "unix://$lab/dock.sock")
    until_true 20 "${docker[@]}" version && "${docker[@]}" import - shop/web:1.2 \
        < "$lab/image.tar" > /dev/null && return 0
    skip docker "dockerd does not start here: $(tail -1 "$lab/dockerd.log" | cut -c1-200)"
    docker=()
    return 1
}

ctr=()
start_containerd() {
    have containerd containerd && have ctr containerd || return 1
    # its roots are named in a settings file of another name
    cat > "$lab/settings-of-containerd.toml" <<EOF
version = 2
root = "$lab/ctrd-root"
state = "$lab/ctrd-state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$lab/ctrd.sock"
EOF
    containerd -c "$lab/settings-of-containerd.toml" > "$lab/containerd.log" 2>&1 &
    pids+=($!)
    ctr=(ctr -a "$lab/ctrd.sock")
    until_true 20 "${ctr[@]}" version && return 0
    skip containerd "it does not start here: $(tail -1 "$lab/containerd.log" | cut -c1-200)"
    ctr=()
    return 1
}

podman=()
start_podman() {
    have podman podman && have runc podman || return 1
    podman=(podman --root "$lab/pod-root" --runroot "$lab/pod-run" --storage-driver vfs
        --cgroup-manager cgroupfs --events-backend file --runtime runc)
    "${podman[@]}" import "$lab/image.tar" localhost/shop/api:7 > "$lab/podman.log" 2>&1 && return 0
    skip podman "import fails here: $(tail -1 "$lab/podman.log" | cut -c1-200)"
    podman=()
    return 1
}

start_docker
start_containerd
start_podman

"$live" 12 > "$lab/found" 2> "$lab/refused" &
live_pid=$!
pids+=("$live_pid")
until_true 5 grep -q ready "$lab/found"

if [ ${#docker[@]} -gt 0 ]; then
    mkdir -p "$lab/dock-volume"
    "${docker[@]}" run --rm --name front --label app=web --label "odd=$hostile" --network none \
        -v "$lab/dock-volume:/data:ro" shop/web:1.2 /bin/sleep 0.05
    "${docker[@]}" run --rm --name longer --network none shop/web:1.2 /bin/sleep 1
fi
if [ ${#ctr[@]} -gt 0 ]; then
    "${ctr[@]}" run --rm --label tier=back --rootfs "$lab/rootfs" short-one /bin/sleep 0.05
    if [ ${#docker[@]} -gt 0 ]; then
        "${docker[@]}" save shop/web:1.2 | "${ctr[@]}" images import - > /dev/null
        "${ctr[@]}" run --rm --snapshotter native --label tier=image docker.io/shop/web:1.2 \
            short-two /bin/sleep 0.05
    fi
fi
if [ ${#podman[@]} -gt 0 ]; then
    "${podman[@]}" run --rm --name api --label color=red --network none --ulimit nofile=1024:1024 \
        --ulimit nproc=1024:1024 localhost/shop/api:7 /bin/sleep 0.05 2>> "$lab/podman.log"
fi
wait "$live_pid"

if [ ${#docker[@]} -gt 0 ]; then
    image_id=$("${docker[@]}" image inspect -f '{{.Id}}' shop/web:1.2)
    expect docker '"container.name":"front"' '"container.type":"docker"' \
        '"container.image":"shop/web:1.2"' '"container.image.repository":"shop/web"' \
        '"container.image.tag":"1.2"' "\"container.image.id\":\"${image_id#sha256:}\"" \
        '"app":"web"' '"dest":"/data","mode":"ro","rdwr":false' '"container.privileged":false' \
        '"odd":"\u001b[31m\n'$'\u202e''\""'
    number=$((number + 1))
    if grep -q 'user 0 of .* is captain' "$lab/found"; then
        echo "ok $number - the container's own name of a user"
    else
        failed=$((failed + 1))
        echo "not ok $number - the container's own name of a user"
    fi
fi
if [ ${#ctr[@]} -gt 0 ]; then
    expect containerd '"container.full_id":"short-one"' '"container.type":"containerd"' \
        '"container.name":"short-one"' '"tier":"back"'
    if [ ${#docker[@]} -gt 0 ]; then
        digest=$("${ctr[@]}" images ls | awk '$1 == "docker.io/shop/web:1.2" {print $3}')
        expect 'containerd with an image' '"container.full_id":"short-two"' '"tier":"image"' \
            '"container.image":"docker.io/shop/web:1.2"' "\"container.image.digest\":\"$digest\""
    fi
fi
if [ ${#podman[@]} -gt 0 ]; then
    digest=$("${podman[@]}" image inspect -f '{{.Digest}}' localhost/shop/api:7)
    expect podman '"container.name":"api"' '"container.type":"podman"' \
        '"container.image":"localhost/shop/api:7"' "\"container.image.digest\":\"$digest\"" \
        '"color":"red"'
fi
have crio cri-o && skip cri-o "no live test yet: unit samples only"
grep '^end:' "$lab/found" | sed 's/^/# /'
echo "1..$number"
[ "$failed" = 0 ]
