#!/usr/bin/env bash
# fresh.sh [FOLDER]: tries the README's two commands on a new Debian 12 made by debootstrap, in a
# folder that is removed afterwards unless it was named. Needs root. What it does is printed; the
# last line says whether both commands did their work.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[[ $(id -u) -eq 0 ]] || { echo "fresh: needs root" >&2; exit 1; }
tools/setup.sh slow lint

folder=${1:-}
keep=$folder
[[ -n $folder ]] || folder=$(mktemp -d)
say() { echo "== fresh: $*"; }

finish() {
    local mount
    # only what lies below the folder, deepest first
    awk -v below="$folder/" 'index($5 "/", below) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
        while read -r mount; do umount "$mount" 2>/dev/null || umount -l "$mount"; done
    [[ -n $keep ]] || rm -rf --one-file-system "$folder"
}
trap finish EXIT

if [[ ! -e $folder/etc/debian_version ]]; then
    say "debootstrap bookworm into $folder"
    debootstrap --variant=minbase bookworm "$folder" >"$folder.log" 2>&1 || { tail "$folder.log"; exit 1; }
    rm -f "$folder.log"
fi
say "the host's apt configuration and resolver, so that the same mirror is used"
cp -L /etc/resolv.conf /etc/hosts "$folder/etc/"
cp -a /etc/apt/apt.conf.d/. "$folder/etc/apt/apt.conf.d/" 2>/dev/null || true
chmod 755 "$folder" # mktemp gives a folder to its maker only
mount --bind "$folder" "$folder" # a root that is a mount, as every machine's
mount --make-private "$folder"
for mount in proc sys dev; do
    mount --rbind "/$mount" "$folder/$mount"
    mount --make-rslave "$folder/$mount"
done

say "a clean checkout in /src"
rm -rf "$folder/src"
mkdir "$folder/src"
git -c safe.directory='*' archive HEAD | tar -x -C "$folder/src"
inside() { chroot "$folder" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb HOME=/root ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} "$@"; }

say "./dev test"
status=0
inside /src/dev test 2>&1 | tee "$folder/test.log" || status=$?
counts=$(grep -E '^[0-9]+ passed' "$folder/test.log" | tail -n 1)
say "./dev test returned $status: ${counts:-no closing line}"

say "./dev run --for 5s"
ran=0
inside /src/dev run --for 5s --console none 2>&1 | tee "$folder/run.log" || ran=$?
ready=$(grep -c ready "$folder/run.log" || true)
say "./dev run returned $ran, 'ready' $ready times"

failed=0
[[ $status -eq 0 ]] || failed=1
[[ $ran -eq 0 && $ready -gt 0 ]] || failed=$((failed + 1))
echo "$((2 - failed)) passed, $failed failed"
[[ $failed -eq 0 ]]
