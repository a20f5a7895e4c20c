#!/usr/bin/env bash
# Names of changes on an overlay, which is what most containers stand on: the file system below is
# touched too, by copies and whiteouts, and none of its names may come up.
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/sensor.sh
source "$(dirname "$0")/sensor.sh"

rules() {
    cat <<RULE
- rule: Changed
  desc: a change of a name on the overlay
  condition: >
    evt.type in (unlink, unlinkat, rmdir, rename, renameat, renameat2, link, linkat, mkdir, mkdirat,
    chmod, fchmodat) and evt.failed = false and proc.env[OVERLAY_TEST] exists
  output: "%proc.name %evt.type %fs.path.name %fs.path.source %fs.path.target"
  priority: INFO
- rule: Deceived
  desc: a name is said to have changed
  condition: evt.name_changed = true and proc.env[OVERLAY_TEST] exists
  output: "%proc.name %evt.type"
  priority: INFO
RULE
}

# In a mount namespace of its own; ends with 77 where there are no overlays.
changes() {
    local top=$work/top
    mkdir "$top"
    mount -t tmpfs none "$top"
    mkdir -p "$top"/{lower/{full,empty,to},upper,work,all}
    touch "$top"/lower/{one,two,three,four,five} "$top/lower/full/inner"
    mount -t overlay overlay -o "lowerdir=$top/lower,upperdir=$top/upper,workdir=$top/work" \
        "$top/all" || exit 77
    cd "$top/all" || exit 1
    export OVERLAY_TEST=1
    rm one
    chmod 600 two
    rm two
    mv three moved
    mv four to/over
    ln five linked
    rm five
    rm full/inner
    rmdir full
    rmdir empty
    mkdir full
    rm to/over
}

case_names_are_those_of_the_overlay() {
    need_root
    rules >"$work/rules.yml"
    start_picket --rules "$work/rules.yml"
    export work
    export -f changes
    local code=0
    unshare -m bash -euc changes || code=$?
    [[ $code -ne 77 ]] || skip "this kernel mounts no overlay here"
    [[ $code -eq 0 ]]
    wait_for 20 grep -q '"rm unlinkat[^"]*/to/over' "$work/signals"
    stop_picket
    python3 - "$work/signals" "$work/top/all/" <<'PY'
import json, sys
signals = [json.loads(line) for line in open(sys.argv[1])]
found = []
for signal in signals:
    assert signal["rule"] == "Changed", signal["output"]
    fields = signal["output_fields"]
    names = [fields["fs.path." + key] for key in ("name", "source", "target")]
    names = [name.replace(sys.argv[2], "") for name in names if name]
    found.append([fields["proc.name"]] + names)
# the new name of a link is its source
wanted = [["rm", "one"], ["chmod", "two"], ["rm", "two"], ["mv", "three", "moved"],
          ["mv", "four", "to/over"], ["ln", "linked", "five"], ["rm", "five"],
          ["rm", "full/inner"], ["rmdir", "full"], ["rmdir", "empty"], ["mkdir", "full"],
          ["rm", "to/over"]]
assert found == wanted, "\n".join(map(str, found))
PY
}

run_cases
