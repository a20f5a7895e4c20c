#!/bin/bash
# What the store costs: appends, small commits, queries (bench/store.c). Needs a built tree.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
read -ra libraries < <(pkg-config --libs sqlite3 libzstd libseccomp libcap-ng jansson)
cc -O2 -g -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -include src/base/core/banned.h -Isrc/base -Isrc/store \
    bench/store.c -o "$place/bench_store" "$build/src/libstore.a" "$build/src/libbase.a" \
    "${libraries[@]}"
mkdir "$place/data"
"$place/bench_store" "$place/data"
