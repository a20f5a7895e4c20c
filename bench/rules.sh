#!/bin/bash
# rules.sh [RULES ROUNDS]: what matching costs with 25 to 10,000 rules (bench/rules.c). Needs a built
# tree. The program runs under $RUN_UNDER, if that is set.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
read -ra libraries < <(pkg-config --libs libpcre2-8 libhs yaml-0.1 libbpf libzstd sqlite3 jansson \
    libseccomp libcap-ng)
cc -O2 -g -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wno-missing-field-initializers \
    -include src/base/core/banned.h -Isrc/base -Isrc/detect \
    bench/rules.c -o "$place/bench_rules" "$build/src/libdetect.a" "$build/src/libbase.a" \
    "${libraries[@]}"
read -ra under <<<"${RUN_UNDER:-}"
"${under[@]}" "$place/bench_rules" "$@"
