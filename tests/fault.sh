#!/usr/bin/env bash
# fault.sh PROGRAM: runs a unit test again and again, its Nth allocation failing, until one run needs
# fewer than N. An assertion that fails is what one expects of a test then; a crash, a hang, or a
# leak behind assertions that all held is not. Past the first 100, N grows by a twentieth a step, and
# after 15 seconds the rest is left, which the case's name tells.
set -uo pipefail
program=$1
export CMOCKA_MESSAGE_OUTPUT=TAP ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1
runs=0 number=1 bad=0 end="until none failed"
while :; do
    status=0
    output=$(FAULT_AT=$number timeout 30 "$program" 2>&1) || status=$?
    runs=$((runs + 1))
    if [[ $status -ge 124 || $output == *"exception: "* || $output == *"runtime error: "* ||
        $output == *"ERROR: AddressSanitizer"* ||
        ($output == *"LeakSanitizer: detected"* && $output != *"not ok "*) ]]; then
        echo "# allocation $number: exit code $status"
        tail -n 60 <<<"$output" | sed 's/^/# /'
        bad=$((bad + 1))
        [[ $bad -lt 3 ]] || break
    fi
    [[ $output == *"# fault reached"* ]] || break
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
