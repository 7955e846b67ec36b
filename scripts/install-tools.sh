#!/usr/bin/env bash
# Installs what the demo and the tests need, and prints the path of the Codex
# CLI: bubblewrap, git, strace and pytest from Debian, as root or by sudo, the
# pinned Codex CLI from npm, and with pip the wheels that specs/webhook pins. What
# is there is left as it is.
#
# usage: install-tools.sh [--where | --wheels]
#
# --where     prints where the Codex CLI is or would be, and installs nothing
# --wheels    the same for the folder of the wheels
#
# EUFM_TOOLS  the folder for both; $XDG_STATE_HOME/eufm/tools if not given
set -euo pipefail

codex_version=0.169.0

case ${XDG_STATE_HOME-} in
/*) state_home=$XDG_STATE_HOME ;;
*) state_home=${HOME:?there is no home folder}/.local/state ;;
esac
tools=${EUFM_TOOLS:-$state_home/eufm/tools}
home=$tools/codex-$codex_version
codex=$home/node_modules/.bin/codex
pinned=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/../specs/webhook/requirements.txt
# Other pins are another folder.
wheels=$tools/wheels-$(cksum <"$pinned" | tr ' ' -)

say() { echo "install-tools: $*" >&2; }
fail() {
    say "error: $*"
    exit 1
}

# The sandbox shows /usr and nothing of the user's, so it has to be this Python.
has_pytest() { (cd / && env -i /usr/bin/python3 -m pytest --version) >/dev/null 2>&1; }

# Prints the packages that are missing.
missing_packages() {
    command -v bwrap >/dev/null || echo bubblewrap
    command -v git >/dev/null || echo git
    command -v strace >/dev/null || echo strace
    has_pytest || echo python3-pytest
    [ -d "$wheels" ] || pip_command >/dev/null || echo python3-pip
}

# Prints the pip to download with: the user's, with the user's settings.
pip_command() {
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -m pip --version >/dev/null 2>&1; then
            echo "$python"
            return
        fi
    done
    return 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_packages() {
    local by_hand="as root: apt-get install $*"
    command -v apt-get >/dev/null || fail "missing: $*; this is no Debian: install them by hand"
    if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
        fail "missing: $*; run, $by_hand"
    fi
    say "installing $* from Debian"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -q)
    # The lists of a fresh machine are empty, and old ones name packages that
    # are gone; only then is the network asked for them.
    as_root "${apt[@]}" install --no-install-recommends "$@" >&2 </dev/null ||
        { as_root "${apt[@]}" update >&2 </dev/null &&
            as_root "${apt[@]}" install --no-install-recommends "$@" >&2 </dev/null; } ||
        fail "$* could not be installed; run, $by_hand"
}

install_codex() {
    command -v npm >/dev/null || fail "npm is missing: install Node.js, from 18 on"
    say "installing the Codex CLI $codex_version from npm into $home"
    mkdir -p "$tools"
    # It appears under its name as a whole, or not at all.
    local new
    new=$(mktemp -d "$tools/codex.XXXXXX")
    # shellcheck disable=SC2064 # The folder is known now.
    trap "rm -rf '$new'" EXIT
    chmod 755 "$new"
    npm install --prefix "$new" --ignore-scripts --no-audit --no-fund --loglevel=error \
        "@openai/codex@$codex_version" >&2 </dev/null ||
        fail "npm could not install @openai/codex@$codex_version"
    rm -rf "$home"
    mv -T "$new" "$home"
    trap - EXIT
}

# The wheels are of pure Python and checked against their digests, so the files
# are the same wherever and with whichever Python they are downloaded.
download_wheels() {
    local python new
    python=$(pip_command) || fail "pip is missing: install Python's"
    say "downloading the wheels of specs/webhook with pip into $wheels"
    mkdir -p "$tools"
    new=$(mktemp -d "$tools/wheels.XXXXXX")
    # shellcheck disable=SC2064 # The folder is known now.
    trap "rm -rf '$new'" EXIT
    chmod 755 "$new"
    "$python" -m pip download --quiet --disable-pip-version-check --no-input --no-deps \
        --only-binary=:all: --require-hashes --requirement "$pinned" --dest "$new" \
        >&2 </dev/null || fail "pip could not download what $pinned names"
    rm -rf "$wheels"
    mv -T "$new" "$wheels"
    trap - EXIT
}

case ${1-} in
--where)
    echo "$codex"
    exit 0
    ;;
--wheels)
    echo "$wheels"
    exit 0
    ;;
esac

mapfile -t missing < <(missing_packages)
if [ ${#missing[@]} -gt 0 ]; then
    install_packages "${missing[@]}"
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} = 0 ] || fail "still missing: ${missing[*]}"
fi

if [ ! -d "$wheels" ]; then download_wheels; fi

found=$("$codex" --version 2>/dev/null </dev/null) || found=none
if [ "$found" != "codex-cli $codex_version" ]; then
    install_codex
    found=$("$codex" --version </dev/null) || fail "$codex does not run"
    [ "$found" = "codex-cli $codex_version" ] || fail "$codex says it is $found"
fi
echo "$codex"
