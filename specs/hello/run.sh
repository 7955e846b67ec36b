#!/usr/bin/env bash
# Plays the demo: makes a small repository, compiles the spec beside this file,
# runs the plan on the repository and shows what came of it.
#
# usage: run.sh [--kill N]
#
# --kill N   kills the run with -9 at N random moments, and starts it again each
#            time, before it may come to its end
#
# EUFM        the program; eufm on the PATH if not given
# EUFM_CODEX  the Codex CLI; the installed one (scripts/install-tools.sh), or
#             codex on the PATH, if not given
#
# Everything lies in $XDG_STATE_HOME/eufm/demo/hello. A demo that was killed
# goes on there; one that came to its end, or was made from other files, is
# made anew.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../../scripts/demo.sh"
begin_demo "$@"

# The files that the run leaves, as one name. It is the same on every machine,
# however often the run was killed.
expected_tree=7de681f42c8edda3802ab4aaf1e6ff40d9fb4e40

repo=$demo/weblog
state=$demo/state
git_in_repo() { git --no-pager -C "$repo" "$@"; }

run_plan=("$eufm" exec "$here/plan.lock" --repo "$repo" --state "$state"
    --cassette "$here/cassette.toml")

cat <<'END'
eufm: the hello demo
--------------------
Scripted: the model's replies. They come from a file, cassette.toml, so the demo
needs no key, no network and no money.
Real: the Codex CLI, git, the sandbox, the commands and edits that Codex makes in
it, the tests that judge them, and the branch that comes out.
END

say "The repository: a reader of web server logs, with tests for a part that is missing"
make_repo "$repo"
base=$(git_in_repo rev-parse main)
git_in_repo log --format='%h %s' main
echo "$repo"

say "eufm compile --locked hello.eufm: the plan is the one that was reviewed"
"$eufm" compile --locked --root "$here" "$here/hello.eufm"

say "eufm exec plan.lock: two Codex agents and a command, each in a sandbox"
kill_and_start_again "$kills" 600 "${run_plan[@]}"
"${run_plan[@]}"

branch=$(git_in_repo for-each-ref --format='%(refname:short)' 'refs/heads/eufm/')
journal=$state/runs/${branch#eufm/}/journal
say "The merged branch: git log --graph --stat main..$branch"
git_in_repo log --graph --stat --format='%h %s' "main..$branch"

say "REPORT.md, written by the merged result of both agents"
git_in_repo show "$branch:REPORT.md"

say "Checked"
commits=$(grep -c '"committed":{' "$journal") || true
[ "$commits" = 3 ] || fail "3 nodes, but $commits commits stand in $journal"
echo "the journal shows each of the 3 nodes committed once"
sessions=$(grep '"node":"percentiles"' "$journal" | grep -o '"session":{"id":"[^"]*"' | sort -u | wc -l)
resumed=$(grep -c '"resumed":{' "$journal") || true
echo "the run was taken up again $resumed times"
starts=$(grep '"node":"percentiles"' "$journal" | grep -c '"started":{')
echo "percentiles was started $starts times, in $sessions session(s) of Codex"
[ "$(git_in_repo rev-parse main)" = "$base" ] || fail "main was moved"
[ "$(git_in_repo symbolic-ref HEAD)" = refs/heads/main ] || fail "another branch is checked out"
[ -z "$(git_in_repo status --porcelain)" ] || fail "the checkout was changed"
echo "the checkout, its branch and its index are untouched"
tree=$(git_in_repo rev-parse "$branch^{tree}")
[ "$tree" = "$expected_tree" ] || fail "the files are $tree, but should be $expected_tree"
echo "the files are the expected ones: tree $tree"

say "Scripted were the model's replies alone. Look around:"
printf '  git -C %q log -p %s\n' "$repo" "$branch"
printf '  less %q\n' "$here/cassette.toml" "$journal"
printf '  ls -R %q\n' "$state/runs/${branch#eufm/}/nodes"
touch "$demo/ended"
