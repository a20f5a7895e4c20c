#!/usr/bin/env bash
# fuzz.sh [SECONDS] [TARGET...]: fuzzes every parser, or those named, from its seeds. What a run
# learns stays in build-asan/corpus; an input that crashes stays in build-asan/crash-*.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

seconds=
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
    seconds=$1
    shift
fi
[[ -f build-asan/build.ninja ]] ||
    CC=clang-14 meson setup build-asan -Db_sanitize=address,undefined -Dfuzz=true || exit
ninja -C build-asan || exit

targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
    for file in fuzz/fuzz_*.c fuzz/*/fuzz_*.c; do
        [[ ! -f $file ]] || targets+=("$(basename "$file" .c | cut -c6-)")
    done
fi
# All together take no more than three minutes unless told otherwise.
jobs=$(nproc)
limit=$((180 * jobs / (${#targets[@]} + jobs)))
: "${seconds:=$((limit < 30 ? limit : 30))}"

fuzz_one() { # seconds, target
    local learnt=build-asan/corpus/$2 log=build-asan/fuzz-$2.log status=0
    mkdir -p "$learnt"
    "build-asan/fuzz/fuzz_$2" -max_total_time="$1" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -artifact_prefix="build-asan/crash-$2-" "$learnt" "fuzz/corpus/$2" >"$log" 2>&1 || status=$?
    if [[ $status -eq 0 ]]; then
        echo "ok      $2: $(grep -a '^Done' "$log")"
    else
        echo "FAILED  $2: exit code $status"
        tail -n 40 "$log"
    fi
}
export -f fuzz_one
# shellcheck disable=SC2016 # the inner shell expands these
printf '%s\n' "${targets[@]}" |
    xargs -r -P "$jobs" -I{} bash -c 'fuzz_one "$@"' fuzz "$seconds" {} | tee build-asan/fuzz.txt
passed=$(grep -ac '^ok ' build-asan/fuzz.txt)
failed=$((${#targets[@]} - passed))
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
