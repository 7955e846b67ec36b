#!/usr/bin/env bash
# Alters the proofs, and the functions of the runner that docs/proofs.md says they
# rest on, one place at a time, and lists what no test has seen: hours. What is left
# on purpose stands with its reason in .cargo/mutants.toml.
#
# MUTANTS_SHARD=1/20 tries a twentieth of each part; MUTANTS_JOBS=4 tries four at a
# time; MUTANTS_LIST=1 only lists what would be altered. Ends with 2 where something
# was not seen.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=27.1.0
command -v cargo-mutants >/dev/null || cargo install cargo-mutants --locked --version "$version"

out=${MUTANTS_OUT:-target/mutants}
mkdir -p "$out"
options=(--jobs "${MUTANTS_JOBS:-1}" --no-shuffle)
[ -z "${MUTANTS_SHARD:-}" ] || options+=(--shard "$MUTANTS_SHARD")

status=0
echo "== the proofs"
cargo mutants --package eufm-plan --output "$out/proofs" "${options[@]}" \
    --file 'compiler/plan/proof/**/*.rs' --file 'compiler/plan/writers/*.rs' \
    --file 'compiler/plan/globs/*.rs' --file compiler/plan/ancestry.rs \
    ${MUTANTS_LIST:+--list} || status=$?

echo "== what they rest on"
# "- `fn` and `other` (`file.rs`): …" of docs/proofs.md, a pattern for each function.
patterns=()
while IFS=$'\t' read -r file functions; do
    for function in $functions; do
        patterns+=(--file "$file" --re "^${file//./\\.}:.* (in|replace) ([^ ]*::)?$function( |\$)")
    done
done < <(sed -nE 's/^- (`[a-z_]+`( and `[a-z_]+`)*) \(`([^`]+)`\):.*/\3\t\1/p' docs/proofs.md |
    sed -e 's/`//g' -e 's/ and / /g' | sort -u)
[ "${#patterns[@]}" -gt 0 ] || { echo "docs/proofs.md names no function" >&2; exit 1; }
# cargo-mutants 27.1 does not ask the patterns about fields that it deletes.
cargo mutants --package eufm-runner --output "$out/runner" "${options[@]}" "${patterns[@]}" \
    --exclude-re 'delete field' ${MUTANTS_LIST:+--list} || status=$?
exit "$status"
