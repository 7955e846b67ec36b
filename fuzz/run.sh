#!/usr/bin/env bash
# Builds the fuzz targets and runs one after the other. Where one finds an input
# that it must not, its panic and the input are shown, and the others still run.
#
# usage: run.sh [TARGET...]
#
# FUZZ_SECONDS  how long each target runs; 60 if not given
# FUZZ_SEED     a number from which the inputs are made, from the committed seeds
#               alone; if not given, each run is another and keeps what it learned
#
# Needs cargo-fuzz and a C++ compiler. Everything it makes lies in the folder
# `fuzz` of cargo's target folder: in corpus/ what was learned, in found/ the
# inputs that failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${FUZZ_SECONDS:-60}
seed=${FUZZ_SEED-}
targets=("$@")
[ $# -gt 0 ] || targets=(parser formatter compile units lock journal)

say() { echo "fuzz: $*" >&2; }
fail() {
    say "error: $*"
    exit 1
}

command -v cargo-fuzz >/dev/null || fail "cargo-fuzz is missing; run, cargo install cargo-fuzz --locked"
command -v "${CXX:-c++}" >/dev/null || fail "a C++ compiler is missing; on Debian, install g++"

# Fails if fuzz/Cargo.lock is not up to date; cargo-fuzz has no --locked.
cargo metadata --manifest-path fuzz/Cargo.toml --format-version 1 --locked >/dev/null ||
    fail "run, cargo update --workspace --manifest-path fuzz/Cargo.toml"
work=$(cargo metadata --format-version 1 --no-deps --locked |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
bin=$work/build/$host/release

# The sanitizers need a nightly toolchain, and look for what safe code has not.
cargo fuzz build --sanitizer none --codegen-units 4 --target-dir "$work/build"

# Prints the plans of the good specs: a snapshot has a head of its own.
locks() {
    local into=$1 snapshot
    mkdir -p "$into"
    for snapshot in tests/snapshots/ok/*.snap; do
        awk 'head == 2; /^---$/ && head < 2 { head++ }' "$snapshot" >"$into/$(basename "$snapshot" .snap)"
    done
}

# Prints each beginning of the journals that are kept, as a crash leaves them, and
# their records alone, which the target seals again and damages.
journals() {
    local into=$1 journal name lines count
    mkdir -p "$into"
    for journal in tests/journals/*/*/journal; do
        name=$(basename "$(dirname "$(dirname "$journal")")")-$(basename "$(dirname "$journal")")
        lines=$(wc -l <"$journal")
        for ((count = 1; count <= lines; count++)); do
            head -n "$count" "$journal" >"$into/$name-$count"
        done
        for count in 0 1 2 3 4 5; do
            { printf '%sQ!' "$count" && cut -d ' ' -f 5- "$journal"; } >"$into/$name-way-$count"
        done
    done
}

# Prints the words and signs of some folders as a dictionary.
dictionary() {
    grep -rahoE '[A-Za-z][A-Za-z0-9_]+|"""|\$\{|[<>=!+]=' "$@" | LC_ALL=C sort -u |
        sed 's/["\\]/\\&/g; s/.*/"&"/'
}

run() {
    local target=$1 corpus=$2 log=$work/$1.log status=0
    local specs=(tests/cases/ok tests/cases/err stdlib)
    local seeds=("fuzz/seeds/$target")
    case $target in
    parser | formatter | compile) seeds+=("${specs[@]}") ;;
    lock)
        locks "$work/locks"
        seeds+=("$work/locks")
        ;;
    journal)
        journals "$work/journals"
        seeds=("$work/journals")
        ;;
    esac
    mkdir -p "$corpus" "$work/found/$target"
    dictionary "${seeds[@]}" >"$work/$target.dict"
    # One input may take 5 seconds and 1 GiB; nearly all take less than one
    # thousandth of both.
    RUST_BACKTRACE=0 "$bin/$target" "$corpus" "${seeds[@]}" -dict="$work/$target.dict" \
        -max_total_time="$seconds" -seed="${seed:-0}" -timeout=5 -rss_limit_mb=1024 \
        -print_final_stats=1 -artifact_prefix="$work/found/$target/" >"$log" 2>&1 || status=$?
    if [ "$status" = 0 ]; then
        say "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs," \
            "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log") each second"
        return 0
    fi
    explain "$target" "$log"
    return 1
}

# Shows what a target found.
explain() {
    local target=$1 log=$2 input
    sed -n '/panicked at/,/^note: /p; /ERROR: libFuzzer/p; /^SUMMARY/p' "$log" | head -n 40 >&2
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    if [ -z "$input" ]; then
        tail -n 20 "$log" >&2
        say "error: $target did not run to its end; see $log"
        return
    fi
    say "error: $target fails for this input ($(wc -c <"$input") bytes, the first 2000 shown):"
    head -c 2000 "$input" | cat -v >&2
    echo >&2
    say "the input is $input"
    say "again:   $bin/$target $input"
    say "smaller: $bin/$target -minimize_crash=1 -runs=10000 -timeout=5 $input"
}

learned=$work/corpus
if [ -n "$seed" ]; then
    learned=$(mktemp -d)
    trap 'rm -rf "$learned"' EXIT
fi
failed=()
for target in "${targets[@]}"; do
    run "$target" "$learned/$target" || failed+=("$target")
done
[ ${#failed[@]} = 0 ] || fail "inputs were found that must not be: ${failed[*]}"
