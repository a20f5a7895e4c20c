#!/usr/bin/env bash
# lint.sh [CHECK...]: every check of the house, or those named; all run even when one fails.
# The quick ones come first; what a slow one found clean is not looked at again until it changes.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
cache=build-lint
mkdir -p $cache
jobs=$(nproc)

compiler_flags=(-D_GNU_SOURCE '-DPICKET_VERSION="0"' -Ibpf -Isrc/base -Isrc/store -Isrc/detect
    -Isrc/correlate -Isrc/run)

list() {
    if git -c safe.directory='*' rev-parse --git-dir >/dev/null 2>&1; then
        git -c safe.directory='*' ls-files -co --exclude-standard -- "$@"
    else
        local pattern
        for pattern in "$@"; do find . -path "./$pattern" -not -path './build*' | sed 's,^\./,,'; done
    fi | sort -u | while read -r file; do [[ ! -f $file ]] || echo "$file"; done
}
mapfile -t sources < <(list 'src/*.c')
mapfile -t headers < <(list 'src/*.h')
mapfile -t kernel_side < <(list 'bpf/*.c' 'bpf/*.h')
mapfile -t fuzzers < <(list 'fuzz/*.c' 'fuzz/*.h' 'tools/*.c')
mapfile -t scripts < <(list dev .ci/run 'tools/*' 'tests/*' 'bench/*' | while read -r file; do
    if head -n 1 "$file" | grep -aqE '^#!.*sh$'; then echo "$file"; fi; done)
mapfile -t text < <(list dev .ci/run '*.md' '*.txt' '*.c' '*.h' '*.sh' '*.build' '*.yaml' '*.yml' '*.awk')

check_format() {
    clang-format-14 --dry-run --Werror "${sources[@]}" "${headers[@]}" "${kernel_side[@]}" "${fuzzers[@]}"
}

check_layers() {
    awk -f tools/layers.awk layers.txt "${sources[@]}" "${headers[@]}"
}

check_lengths() {
    awk -f tools/lengths.awk "${sources[@]}" "${headers[@]}" "${kernel_side[@]}" "${fuzzers[@]}"
}

# What is left to be done belongs in the docs; a path of one machine or a package registry nowhere.
check_words() {
    local here bad=0
    here=$(git -c safe.directory='*' rev-parse --path-format=absolute --git-common-dir 2>/dev/null || pwd)
    grep -nE '\b(TO''DO|FIX''ME|X''XX)\b' -- "${text[@]}" && bad=1
    grep -nF -e "$(pwd)/" -e "${here%/.git}/" -- "${text[@]}" && bad=1
    grep -nE '(deb[.]debian|npmjs|proxy[.]golang|pypi|repo1?[.]maven|crates)[.](org|io|com)\b' -- "${text[@]}" && bad=1
    return $bad
}

check_scripts() {
    # quoted scripts of inner shells; variables that a sourced file sets
    shellcheck -x -P SCRIPTDIR -e SC2016,SC2154 "${scripts[@]}"
}

# Each fuzz target has its row and its seeds.
check_targets() {
    local file name bad=0
    for file in fuzz/fuzz_*.c fuzz/*/fuzz_*.c; do
        name=$(basename "$file" .c) name=${name#fuzz_}
        grep -q "'$name'" fuzz/meson.build || { echo "$file: no row in fuzz/meson.build"; bad=1; }
        compgen -G "fuzz/corpus/$name/*" >/dev/null || { echo "$file: no seeds in fuzz/corpus/$name"; bad=1; }
    done
    return $bad
}

configured() { # folder, compiler, meson options
    local folder=$1 compiler=$2
    shift 2
    [[ -f $folder/build.ninja ]] || CC=$compiler meson setup "$folder" "$@" >"$cache/$folder.log" 2>&1 ||
        { cat "$cache/$folder.log"; return 1; }
}

built() {
    configured "$@" || return 1
    ninja -k 0 -C "$1" >"$cache/$1.log" 2>&1 || { grep -vE '^\[[0-9/]+\] |^ninja: ' "$cache/$1.log"; return 1; }
}

check_gcc() { built build-gcc gcc; }
check_clang() { built build-asan clang-14 -Db_sanitize=address,undefined -Dfuzz=true; }
# gcc 12 loses sight of pointers kept in arrays and calls them leaks; LeakSanitizer looks for real ones.
# What is known and still to be mended: a check fails when it finds more than tools/lint-known.txt says.
known() { # check, then the check's output on stdin
    local allowed count
    allowed=$(awk -v name="$1" '$1 == name { print $2 }' tools/lint-known.txt)
    count=$(tee "$cache/$1.found" | grep -ciE '(error|warning): ')
    echo "$count findings, $allowed known"
    [[ $count -le $allowed ]] || { cat "$cache/$1.found"; return 1; }
}
check_analyzer() {
    local flags='-fanalyzer -Wno-analyzer-malloc-leak'
    configured build-analyzer gcc "-Dc_args=$flags" -Dtests=false || return 1
    { built build-analyzer gcc || true; } | known analyzer
}

# Functions that others can call begin with a name of their module; calls that the house bans are in no object.
check_symbols() {
    built build-gcc gcc || return 1
    find build-gcc/src -path '*lib*.a.p/*.o' -exec nm -A {} + | awk -f tools/symbols.awk symbols.txt -
}

check_cppcheck() {
    mkdir -p $cache/cppcheck
    cppcheck --quiet -j "$jobs" --cppcheck-build-dir=$cache/cppcheck --error-exitcode=1 --inline-suppr \
        --enable=warning,performance,portability --std=c11 --suppressions-list=tools/cppcheck.txt \
        "${compiler_flags[@]}" "${sources[@]}"
}

# A file is clean as long as the text that the compiler sees, and the checks, stay the same.
tidy_one() { # file, compiler flag...
    local file=$1 key report
    shift
    report=$cache/${file//\//_}.tidy
    key=$( { cat .clang-tidy "$file"; clang-14 -E "$@" "$file" 2>/dev/null; } | sha256sum | cut -c1-32)
    [[ ! -f $cache/tidy-$key ]] || return 0
    if clang-tidy-14 --quiet "$file" -- "$@" >"$report" 2>/dev/null; then
        touch "$cache/tidy-$key"
    else
        cat "$report"
        return 1
    fi
}
export -f tidy_one
export cache

check_tidy() { { every_tidy || true; } | known tidy; }
every_tidy() {
    printf '%s\n' "${sources[@]}" | grep -v /test_ | xargs -P "$jobs" -I{} bash -c 'tidy_one "$@"' tidy {} \
        -std=gnu17 -include src/base/core/banned.h -isystem build-gcc/bpf "${compiler_flags[@]}"
}

# A waiver stands in the line it excuses, with its reason: // NOLINT(check): reason
check_waivers() {
    local count
    count=$(grep -nE 'NOLINT|cppcheck-suppress|GCC diagnostic ignored' -- "${sources[@]}" "${headers[@]}" "${kernel_side[@]}" | tee $cache/waivers | wc -l)
    echo "$count waivers"
    ! grep -E 'NOLINT' $cache/waivers | grep -vE 'NOLINT(NEXTLINE)?\([a-z0-9.,*-]+\): .+'
}

checks=(format layers lengths words targets scripts waivers gcc symbols cppcheck clang tidy analyzer)
[[ $# -eq 0 ]] || checks=("$@")
failed=0
for check in "${checks[@]}"; do
    started=$SECONDS
    if output=$(check_"$check" 2>&1); then
        printf 'ok      %-10s %3d s  %s\n' "$check" $((SECONDS - started)) "$(tail -n 1 <<<"$output")"
    else
        printf 'FAILED  %-10s %3d s\n%s\n' "$check" $((SECONDS - started)) "$output"
        failed=$((failed + 1))
    fi
done
echo "$((${#checks[@]} - failed)) passed, $failed failed"
[[ $failed -eq 0 ]]
