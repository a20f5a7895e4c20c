#!/usr/bin/env bash
# fault.sh PROGRAM: runs a unit test again and again, its Nth allocation failing, until one run needs
# fewer than N. Assertions of the test fail then, as they should, and so may the test's own use of
# what it did not get; what must not happen is a crash in the code under test, a hang, or a leak when
# all assertions held. Past the first 100, N grows by a twentieth a step, and after 15 seconds the
# rest is left, which the case's name tells.
set -uo pipefail
program=$1
export CMOCKA_MESSAGE_OUTPUT=TAP ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1
# cmocka would make a failed test of a crash, without its stack
ASAN_OPTIONS+=:handle_segv=2:handle_sigbus=2:handle_sigfpe=2:handle_sigill=2:handle_abort=2
if [[ -x /usr/lib/llvm-14/bin/llvm-symbolizer ]]; then
    export ASAN_SYMBOLIZER_PATH=/usr/lib/llvm-14/bin/llvm-symbolizer
fi

# The first frame that is ours is a test's when its file is called test_X.
is_of_the_test() {
    grep -aE '^ *#[0-9]+ .*/src/[^ ]*/[^ ]*[.][ch]:' <<<"$output" | head -n 1 |
        grep -qE '/(test_[^/]*|test)[.][ch]:'
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

runs=0 number=1 bad=0 end="until none failed"
while :; do
    status=0
    output=$(FAULT_AT=$number timeout -k 2 30 "$program" 2>&1) || status=$?
    runs=$((runs + 1))
    if is_bad; then
        echo "# allocation $number: exit code $status"
        tail -n 60 <<<"$output" | sed 's/^/# /'
        bad=$((bad + 1))
        [[ $bad -lt 3 ]] || break
    fi
    # a crash of the test does not get as far as saying so
    [[ $output == *"# fault reached"* || $output == *"ERROR: AddressSanitizer"* ]] || break
    if [[ $SECONDS -ge 15 ]]; then
        end="until the time was up at allocation $number"
        break
    fi
    number=$((number < 100 ? number + 1 : number + number / 20))
done
[[ $bad -eq 0 ]] || printf 'not '
echo "ok 1 - survives $runs failing allocations, $end"
echo 1..1
[[ $bad -eq 0 ]]
