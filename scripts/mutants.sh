#!/usr/bin/env bash
# Alters the proofs, and the functions of the runner that docs/proofs.md says they
# rest on, one place at a time, and lists what no test has seen: hours. What is left
# on purpose stands with its reason in .cargo/mutants.toml.
#
# Most are seen by the quick tests of their room, so those are asked first, and the
# slow ones only about what is left: all tests of the library about proofs, whole runs
# about the runner. What was seen once is not altered again: a run that was ended goes
# on, and one of new tests begins at what is left. Without target/mutants all begins
# anew.
#
# MUTANTS_PART=proofs or runner tries one part; MUTANTS_JOBS=4 tries four places at a
# time; MUTANTS_LIST=1 only lists what would be altered. Ends with 2 where something
# was not seen.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=27.1.0
command -v cargo-mutants >/dev/null || cargo install cargo-mutants --locked --version "$version"

out=${MUTANTS_OUT:-target/mutants}
mkdir -p "$out"
# What never ends mostly takes memory without end too.
ulimit -v $((6 << 20))
# What is built is run once and thrown away.
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=1

# alter PACKAGE OPTIONS -- TESTS: all of a package that OPTIONS choose; TESTS choose
# those that are asked first, the list `rest` those about what is left.
alter() {
    local package=$1 status=0
    shift
    local options=(--package "$package" --jobs "${MUTANTS_JOBS:-1}" --no-shuffle)
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    if [ -n "${MUTANTS_LIST:-}" ]; then
        cargo mutants "${options[@]}" --list
        return
    fi
    options+=(--output "$out/$package" --iterate)
    # A fact about a pure function is shown where it stands: by tests of the library.
    cargo mutants "${options[@]}" -- --lib "$@" || status=$?
    # 2: something was not seen, 3: something took too long. All else is no result.
    local missed=$out/$package/mutants.out/missed.txt
    if [[ $status = [23] && -s $missed ]]; then
        status=0
        cargo mutants "${options[@]}" "${rest[@]}" || status=$?
    fi
    case $status in
    # Something was not seen, or took too long: a test that no longer ends has seen it.
    2 | 3) [ ! -s "$missed" ] || return 2 ;;
    *) return "$status" ;;
    esac
}

proofs() {
    local rest=(-- --lib)
    alter eufm-plan --file 'compiler/plan/proof/**/*.rs' --file 'compiler/plan/writers/*.rs' \
        --file 'compiler/plan/globs/*.rs' --file compiler/plan/ancestry.rs \
        -- proof:: writers:: globs:: ancestry:: \
        --skip small_plans_are_in_order --skip with_any_bounds --skip too_many_to_be_compared
}

# "- `fn` and `other` (`file.rs`): …" of docs/proofs.md, a pattern for each function.
runner() {
    local patterns=() file functions function
    while IFS=$'\t' read -r file functions; do
        for function in $functions; do
            patterns+=(--file "$file" --re "^${file//./\\.}:.* (in|replace) ([^ ]*::)?$function( |\$)")
        done
    done < <(sed -nE 's/^- (`[a-z_]+`( and `[a-z_]+`)*) \(`([^`]+)`\):.*/\3\t\1/p' docs/proofs.md |
        sed -e 's/`//g' -e 's/ and / /g' | sort -u)
    # What has its effect on processes and files is shown by whole runs.
    local rest=(--test-package eufm -- --test eufm admission:: deploy:: exec:: money::
        progress:: sandbox::nothing_of)
    [ "${#patterns[@]}" -gt 0 ] || { echo "docs/proofs.md names no function" >&2; exit 1; }
    # cargo-mutants 27.1 does not ask the patterns about fields that it deletes.
    alter eufm-runner "${patterns[@]}" --exclude-re 'delete field' \
        -- state people rules limits ledger proxy harvest journal::record admission \
        secrets dispatcher clock steps nest scheduler_test \
        --skip linear_time --skip again_and_again
}

status=0
for part in ${MUTANTS_PART:-proofs runner}; do
    echo "== $part"
    "$part" || status=$?
done
exit "$status"
