# shellcheck shell=bash
# What the demos have in common: where a demo lies, how it is begun again after it
# was killed itself, and how its run is killed. Sourced by specs/*/run.sh, which
# has set `here` to its folder and gives its arguments:
#
#   . "$here/../../scripts/demo.sh"
#   begin_demo "$@"
#
# Sets eufm, demo (the folder of this demo), kills, and EUFM_CODEX where it finds
# the Codex CLI.

say() { printf '\n== %s\n\n' "$*"; }
fail() {
    echo "run.sh: $*" >&2
    exit 1
}

# Reads the command line, finds the programs and makes the demo's folder: anew if
# the last one came to its end or was made from other files, else as it was left.
begin_demo() {
    kills=0
    if [ "${1-}" = --kill ]; then
        kills=${2:?usage: run.sh [--kill N]}
    elif [ $# -gt 0 ]; then
        echo "usage: run.sh [--kill N]" >&2
        exit 2
    fi
    local state_home installed made_from
    case ${XDG_STATE_HOME-} in
    /*) state_home=$XDG_STATE_HOME ;;
    *) state_home=${HOME:?there is no home folder}/.local/state ;;
    esac
    # shellcheck disable=SC2154 # The caller says where it lies.
    demo=$state_home/eufm/demo/${here##*/}
    eufm=${EUFM:-eufm}
    command -v "$eufm" >/dev/null ||
        fail "there is no program $eufm; run \`make demo\`, or name it with EUFM"
    if [ -z "${EUFM_CODEX-}" ]; then
        installed=$("$here/../../scripts/install-tools.sh" --where)
        if [ -e "$installed" ]; then export EUFM_CODEX=$installed; fi
    fi
    # Made anew at once or not at all, since this script may be killed as well.
    made_from=$(find "$here" -type f ! -path '*/__pycache__/*' | LC_ALL=C sort |
        xargs cat | cksum)
    if [ -e "$demo/ended" ] || [ "$(cat "$demo/made-from" 2>/dev/null)" != "$made_from" ]; then
        rm -rf "$demo.old"
        if [ -e "$demo" ]; then mv "$demo" "$demo.old"; fi
        rm -rf "$demo.old"
        mkdir -p "$demo"
        echo "$made_from" >"$demo/made-from"
    fi
}

# Makes the demo's repository with the script beside it, if it is not there yet.
make_repo() {
    if [ ! -e "$1" ]; then
        rm -rf "$1.new"
        "$here/make-repo.sh" "$1.new"
        mv "$1.new" "$1"
    fi
}

# kill_and_start_again N MS COMMAND…: starts the run N times and kills the runner
# alone, with -9, at a random moment up to MS milliseconds: what it leaves behind
# is its own to find when it starts again.
kill_and_start_again() {
    local times=$1 longest=$2 i runner delay status
    shift 2
    for ((i = 1; i <= times; i++)); do
        "$@" >>"$demo/killed.log" 2>&1 &
        runner=$!
        delay=$((RANDOM % longest + 100))
        sleep "$((delay / 1000)).$(printf %03d $((delay % 1000)))"
        kill -9 "$runner" 2>/dev/null || true
        status=0
        wait "$runner" 2>/dev/null || status=$?
        if [ "$status" = 137 ]; then
            echo "killed with -9 after $delay ms ($i of $times)"
        else
            echo "ended with $status before it was killed ($i of $times)"
        fi
    done
}
