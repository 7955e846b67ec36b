#!/usr/bin/env bash
# Runs integration tests as somebody who is not root, for a machine where all runs
# as root: limits, sandboxes and overlays are others there.
#
# usage: test-as-user.sh FILTER...
#
# The checkout has to lie where others may look; where it does not, that is said, and
# nothing is tested.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

user=54321
binary=$(cargo test --locked --test eufm --no-run --message-format json |
    sed -n '/"kind":\["test"\]/s/.*"executable":"\([^"]*\)".*/\1/p')
codex=$(scripts/install-tools.sh --where)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/home" "$scratch/tmp"
echo "a file" >"$scratch/home/file"
cp -a "${codex%/node_modules/*}" "$scratch/codex"
chown -R "$user:$user" "$scratch"

as_user=(setpriv --reuid "$user" --regid "$user" --clear-groups --inh-caps=-all)
if ! "${as_user[@]}" test -x "$binary"; then
    echo "NOT TESTED: what is not root's: others may not look into $PWD" >&2
    exit 0
fi
"${as_user[@]}" env -u XDG_STATE_HOME HOME="$scratch/home" TMPDIR="$scratch/tmp" \
    EUFM_TEST_CODEX="$scratch/codex/node_modules/.bin/codex" INSTA_UPDATE=no \
    "$binary" "$@"
