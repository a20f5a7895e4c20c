#!/usr/bin/env bash
# setup.sh GROUP...: installs what is missing of these groups of packages.txt, by apt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

missing=()
while read -r group name _; do
    [[ " $* " == *" $group "* ]] || continue
    state=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)
    [[ $state == installed ]] || missing+=("$name")
done < <(grep -v '^#' tools/packages.txt)
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if ! command -v apt-get >/dev/null; then
    echo "setup: no apt-get here; install these by other means: ${missing[*]}" >&2
    exit 1
elif [[ $(id -u) -ne 0 ]]; then
    if ! command -v sudo >/dev/null || { [[ ! -t 0 ]] && ! sudo -n true 2>/dev/null; }; then
        echo "setup: missing: ${missing[*]}" >&2
        echo "setup: run 'sudo ./dev setup' or, as root, 'apt-get install ${missing[*]}'" >&2
        exit 1
    fi
    as_root=(sudo)
fi

echo "setup: ${#missing[@]} packages to install: ${missing[*]}"
started=$SECONDS
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 "$@"; }
apt update || echo "setup: the package lists could not be renewed; trying with the old ones" >&2
if ! apt install -y --no-install-recommends "${missing[@]}"; then
    echo "setup: apt could not install all of: ${missing[*]}" >&2
    exit 1
fi
echo "setup: done in $((SECONDS - started)) s"
