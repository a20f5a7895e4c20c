#!/bin/bash
# What matching costs with 25 to 10,000 rules (bench/rules.c). Needs a built tree.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
read -ra libraries < <(pkg-config --libs libpcre2-8 yaml-0.1 libbpf libzstd sqlite3 jansson \
    libseccomp libcap-ng)
cc -O2 -g -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wno-missing-field-initializers \
    -include src/base/core/banned.h -Isrc/base -Isrc/detect \
    bench/rules.c -o "$place/bench_rules" "$build/src/libdetect.a" "$build/src/libbase.a" \
    "${libraries[@]}"
"$place/bench_rules"
