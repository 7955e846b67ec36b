#!/usr/bin/env bash
# Plays the demo: makes the repository of a service, compiles the spec beside this
# file, runs the plan on the repository until it waits for a person, answers in
# that person's place, and shows what was deployed, spent and merged.
#
# usage: run.sh [--kill N]
#
# --kill N    kills the run with -9 at N random moments, three of four before the
#             question and the others behind the answer, and starts it again each
#             time, before it may come to its end
#
# EUFM        the program; eufm on the PATH if not given
# EUFM_CODEX  the Codex CLI; the installed one (scripts/install-tools.sh), or
#             codex on the PATH, if not given
#
# Everything lies in $XDG_STATE_HOME/eufm/demo/webhook, but for the deploy: that
# goes where the plan says, ~/.local/share/eufm-demo/webhook. A demo that was
# killed goes on there; one that came to its end, or was made from other files,
# is made anew.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../../scripts/demo.sh"
begin_demo "$@"

# What the agents leave in the branch, and the release that is deployed, each as one
# name. They are the same on every machine, however often the run was killed.
expected_files=0a85454fb52c82cd0c3808c33685ac9f787e0ff0
expected_release=d6d5b3d0df02

repo=$demo/hooks
state=$demo/state
live=$HOME/.local/share/eufm-demo/webhook
git_in_repo() { git --no-pager -C "$repo" "$@"; }

run_plan=("$eufm" exec "$repo/plan.lock" --repo "$repo" --state "$state"
    --cassette "$here/cassette.toml")

# Starts the run, which must end with the status that is given first.
run_to() {
    local status=0
    "${run_plan[@]}" || status=$?
    [ "$status" = "$1" ] || fail "eufm exec ended with $status; $1 was expected"
}

cat <<'END_OF_HEAD'
eufm: a night for a webhook service
-----------------------------------
Scripted: the model's replies. They come from a file, cassette.toml, so the demo
needs no key, no network and no money. And the person: this script answers the one
question that is asked.
Real: the Codex CLI, git, the sandbox, pip and the packages it installs, the
commands and edits that Codex makes, the tests that judge them, the deploy, and the
branch that comes out.
END_OF_HEAD

say "The repository: a service with tests for two features that are missing"
if [ ! -e "$repo" ]; then rm -rf "$live"; fi
make_repo "$repo"
mkdir -p "$live"
base=$(git_in_repo rev-parse main)
git_in_repo log --format='%h %s' main
echo "$repo"

say "eufm compile --locked webhook.eufm: the plan is the one that was reviewed"
"$eufm" compile --locked "$repo/webhook.eufm"

say "eufm exec plan.lock: until a person is asked"
asked=$demo/asked
if [ ! -e "$asked" ]; then
    if ((kills > 0)); then
        # While packages are installed; then they are there, and all other moments
        # are those of the run itself.
        kill_and_start_again $((kills / 10)) 900 "${run_plan[@]}"
        "$eufm" doctor --plan "$repo/plan.lock" --repo "$repo" --state "$state" |
            sed -n '/^the plan on its base/,$p'
        kill_and_start_again $((kills - kills / 10 - kills / 4)) 1000 "${run_plan[@]}"
    fi
    run_to 6
    [ ! -e "$live/current" ] || fail "something was deployed before the answer"
    touch "$asked"
fi

if [ ! -e "$demo/answered" ]; then
    say "eufm approve: what is asked, and what there is to read"
    (cd "$repo" && "$eufm" approve --state "$state")
    for read in after/stdout review/answer; do
        printf '\n%s:\n' "$read"
        cat "$state"/runs/*/nodes/*-release/in/"$read"
        echo
    done

    say "eufm approve release --note …: the answer, bound to the plan and to the tree"
    "$eufm" approve release "$repo/plan.lock" --state "$state" \
        --note "$(cat "$here/note.txt")"
    touch "$demo/answered"
fi

say "eufm exec plan.lock: the same command goes on"
kill_and_start_again $((kills / 4)) 300 "${run_plan[@]}"
run_to 0

branch=$(git_in_repo for-each-ref --format='%(refname:short)' 'refs/heads/eufm/')
run=${branch#eufm/}
journal=$state/runs/$run/journal

say "What was deployed: $live"
ls -l "$live" "$live/current/"
echo
echo "NOTE, as the person wrote it:"
cat "$live/current/NOTE"
echo
echo "The deployed service answers the recorded deliveries:"
(cd "$live/current" &&
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=lib /usr/bin/python3 -s -m receiver.replay \
        "$repo/samples/deliveries.jsonl")

say "eufm cost plan.lock: what it could cost, and what it did, by the cassette's tokens"
"$eufm" cost "$repo/plan.lock" --repo "$repo" --state "$state"

say "The merged branch: git log --graph --stat main..$branch"
git_in_repo log --graph --stat --format='%h %s' "main..$branch"

say "Checked"
counted() { grep -c "$1" "$journal" || true; }
echo "the run was taken up again $(counted '"resumed":{') times"
[ "$(counted '"answered":{')" = 1 ] || fail "more than one answer stands in $journal"
echo "a person was asked once"
[ "$(wc -l <"$live/history")" = 1 ] || fail "deployed more than once: $live/history"
release=$(cat "$live/history")
[ "$(ls "$live/releases")" = "$release" ] || fail "there are other releases: $live/releases"
[ "$release" = "$expected_release" ] || fail "release $release, but should be $expected_release"
echo "the deploy was done once, and it is the expected one: release $release"
[ "$(git_in_repo rev-parse main)" = "$base" ] || fail "main was moved"
[ "$(git_in_repo symbolic-ref HEAD)" = refs/heads/main ] || fail "another branch is checked out"
[ -z "$(git_in_repo status --porcelain)" ] || fail "the checkout was changed"
echo "the checkout, its branch and its index are untouched"
files=$(git_in_repo ls-tree -r "$branch" CHANGES.md docs receiver tests | git hash-object --stdin)
[ "$files" = "$expected_files" ] || fail "the files are $files, but should be $expected_files"
echo "the files are the expected ones: $files"

say "Scripted were the model's replies and the person's answer. Look around:"
printf '  git -C %q log -p %s\n' "$repo" "$branch"
printf '  less %q\n' "$here/cassette.toml" "$journal"
printf '  ls -R %q\n' "$state/runs/$run/nodes" "$live"
touch "$demo/ended"
