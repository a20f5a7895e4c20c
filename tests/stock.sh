#!/usr/bin/env bash
# Falco's own rule files, unedited: they load, and the techniques that they describe, done for real
# on this host and in containers, fire them by name. PICKET_STOCK_RULES names the folder of the
# files, or that of the archive stock-rules.tar.zst; without it the archive is looked for beside the
# project, in ../shared/data/falco.
: "${seconds_max:=280}"
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/lib.sh"
files=(falco_rules.yaml falco-incubating_rules.yaml falco-sandbox_rules.yaml)

# The folder of the three files in $rules.
find_rules() {
    local folder=${PICKET_STOCK_RULES:-$root/../shared/data/falco}
    if [[ -f $folder/stock-rules.tar.zst ]]; then
        command -v zstd >/dev/null || skip "needs zstd"
        tar -C "$work" --zstd -xf "$folder/stock-rules.tar.zst"
        folder=$work/rules
    fi
    [[ -f $folder/${files[0]} ]] || skip "Falco's rule files are not in '$folder'"
    rules=$folder
}

case_the_stock_files_load_without_an_edit() {
    find_rules
    local file
    for file in "${files[@]}"; do
        "$PICKET" check "$rules/$file"
        "$PICKET" rules list --rules "$rules/$file" >>"$work/list"
    done
    echo "# $(grep -h '^- rule: ' "${files[@]/#/$rules/}" | sort -u | wc -l) rules"
}

# Rules that the files switch off are switched on.
enable_all() {
    awk '/^- rule: / { name = substr($0, 9) }
        /^  enabled: false/ {
            printf "- rule: %s\n  enabled: true\n  override: {enabled: replace}\n", name
        }' "${files[@]/#/$rules/}"
}

case_techniques_fire_the_stock_rules_that_describe_them() {
    need_root
    find_rules
    local rule missed=0 tried fired
    enable_all >"$work/enable.yaml"
    mkdir "$work/docker"
    if "$root/tests/techniques/engine.sh" start "$work/docker/engine" 2>"$work/docker/log"; then
        export TECHNIQUE_DOCKER=$work/docker/engine/docker.sock TECHNIQUE_IMAGE=technique:1
    else
        echo "# no containers: $(tail -n 1 "$work/docker/log")"
    fi
    background "$PICKET" run --rules "$rules/${files[0]}" --rules "$rules/${files[1]}" \
        --rules "$rules/${files[2]}" --rules "$work/enable.yaml" --state "$work/state" \
        --console none --output json
    wait_for 5 test -e "$work/out"
    mv "$work/out" "$work/signals"
    wait_for 20 grep -qs ready "$work/err"
    "$root/tests/stock/techniques.sh" "$work/tried" >"$work/said" 2>&1 || true
    [[ -z ${TECHNIQUE_DOCKER:-} ]] || "$root/tests/techniques/engine.sh" stop "$work/docker/engine"
    while read -r rule; do
        if ! wait_for 2 grep -qF "\"rule\":\"$rule\"" "$work/signals" >/dev/null; then
            echo "no signal of '$rule'"
            missed=$((missed + 1))
        fi
    done <"$work/tried"
    tried=$(wc -l <"$work/tried")
    fired=$((tried - missed))
    echo "# $fired of $tried techniques fired their rule; the files have $(grep -h '^- rule: ' \
        "${files[@]/#/$rules/}" | sort -u | wc -l) rules"
    [[ $missed -eq 0 && $tried -gt 40 ]] || { tail -n 40 "$work/said"; return 1; }
}

run_cases
