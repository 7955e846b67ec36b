#!/usr/bin/env bash
# Makes the repository of the demo in a new folder, from the files beside this
# script: a small Python service with its tests, its dependencies as wheels, and
# the spec of the night. Authors and dates are fixed, so the commit has the same
# name on every machine.
#
# usage: make-repo.sh DIR
#
# The wheels are those that scripts/install-tools.sh has downloaded.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=${1:?usage: make-repo.sh DIR}
fail() {
    echo "make-repo.sh: $*" >&2
    exit 2
}
[ ! -e "$dir" ] || fail "$dir is there already; remove it, or name another folder"
wheels=$("$here/../../scripts/install-tools.sh" --wheels)
[ -d "$wheels" ] || fail "$wheels is not there; run scripts/install-tools.sh first"

mkdir -p "$dir/vendor"
# All but what plays the demo: that is no part of the service.
for name in .gitignore CHANGES.md Makefile README.md checks docs ops plan.lock receiver \
    requirements.txt samples tests webhook.eufm; do
    cp -R "$here/$name" "$dir/$name"
done
cp "$here/plan.lock" "$dir/approved.lock"
cp -R "$wheels" "$dir/vendor/wheels"
cd "$dir"
# What a Python of the user's may have left beside the sources.
find . -name __pycache__ -prune -exec rm -rf {} +
find . -type f -exec chmod 644 {} +
chmod 755 ops/night.sh

# Nothing of the user's own settings counts, so the commit is always the same.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME="Ada Demo" GIT_AUTHOR_EMAIL="ada@example.invalid"
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
export GIT_AUTHOR_DATE="2026-01-05T09:00:00Z" GIT_COMMITTER_DATE="2026-01-05T09:00:00Z"
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY
git init --quiet --initial-branch=main --object-format=sha1 --template= .
git add --all
git commit --quiet --message "hooks 1.0, and the plan of the night"
