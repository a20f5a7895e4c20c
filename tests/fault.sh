#!/usr/bin/env bash
# fault.sh PROGRAM POINTS: runs a unit test again and again, each time another of its allocations
# failing. Assertions of the test fail then, as they should, and so may the test's own use of what it
# did not get; what must not happen is a crash in the code under test, a hang, or a leak when all
# assertions held. Which allocations fail depends on nothing but how many there are: all of them up to
# POINTS (or $FAULT_POINTS); of more, the first half one by one and the rest in growing steps.
set -uo pipefail
program=$1 points=${FAULT_POINTS:-$2}
export CMOCKA_MESSAGE_OUTPUT=TAP ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1
# cmocka would make a failed test of a crash, without its stack
ASAN_OPTIONS+=:handle_segv=2:handle_sigbus=2:handle_sigfpe=2:handle_sigill=2:handle_abort=2
if [[ -x /usr/lib/llvm-14/bin/llvm-symbolizer ]]; then
    export ASAN_SYMBOLIZER_PATH=/usr/lib/llvm-14/bin/llvm-symbolizer
fi

# Of the frames that are ours the first is a test's when its file is called test_X; an inline function
# of a header stands for its caller.
is_of_the_test() {
    grep -aE '^ *#[0-9]+ .*/src/[^ ]*/([^ /]*[.]c|test_[^ /]*[.]h):' <<<"$output" | head -n 1 |
        grep -qE '/test_[^/]*[.][ch]:'
}

is_bad() {
    [[ $status -ne 124 && $status -ne 137 ]] || return 0
    if [[ $output == *"ERROR: AddressSanitizer"* ]]; then
        ! is_of_the_test
        return
    fi
    if [[ $output == *"runtime error: "* ]]; then
        ! grep -a -m 1 'runtime error: ' <<<"$output" | grep -qE '/test_[^/]*[.]c:'
        return
    fi
    [[ $output == *"exception: "* || $status -gt 128 ||
        ($output == *"LeakSanitizer: detected"* && $output != *"not ok "*) ]]
}

# Runs the test with allocation $1 failing; what came of it is in $status and $output.
run() {
    status=0
    output=$(FAULT_AT=$1 timeout -k 2 300 "$program" 2>&1) || status=$?
}

tell() { # on both: what runs this shows only one of them
    { echo "# $1"; tail -n 60 <<<"$output" | sed 's/^/# /'; } | tee /dev/stderr
}

run 1000000000
total=$(grep -aoE '^# allocations: [0-9]+' <<<"$output" | tail -n 1 | grep -oE '[0-9]+')
if [[ -z $total || ($status -ne 0 && $status -ne 77) ]]; then
    tell "nothing failing: exit code $status"
    echo "not ok 1 - passes while no allocation fails"
    echo 1..1
    exit 1
fi
mapfile -t numbers < <(awk -v total="$total" -v points="$points" 'BEGIN {
    one_by_one = total <= points ? total : int(points / 2)
    for (number = 1; number <= one_by_one; number++)
        print number
    if (total > points)
        for (step = 1; step <= points - one_by_one; step++)
            print int(one_by_one * (total / one_by_one) ^ (step / (points - one_by_one)) + 0.5)
}' | sort -nu)
bad=0
for number in "${numbers[@]}"; do
    run "$number"
    if is_bad; then
        tell "allocation $number of $total: exit code $status"
        bad=$((bad + 1))
        [[ $bad -lt 3 ]] || break
    fi
done
[[ $bad -eq 0 ]] || printf 'not '
echo "ok 1 - survives each of ${#numbers[@]} of $total allocations failing"
echo 1..1
[[ $bad -eq 0 ]]
