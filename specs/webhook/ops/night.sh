#!/usr/bin/env bash
# One night: compiles the spec, stops if the plan may do more than the approved
# one, runs it and reports. Made for a place where nobody looks on: `make night`,
# cron, a systemd timer, CI.
#
# usage: ops/night.sh [ARGUMENT of eufm exec]...
#
# EUFM        the program; eufm on the PATH if not given
# EUFM_STATE  the folder of the state; eufm's own choice if not given
#
# It ends with the status that eufm gave (0 done, 1 failed, 5 budget, 6 waiting for
# a person, …), and with 6 where the plan escalates: that waits for a person too.
# .night/ has the status, a line about it, what the plan changes and what was spent.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

eufm=${EUFM:-eufm}
state=()
if [ -n "${EUFM_STATE-}" ]; then state=(--state "$EUFM_STATE"); fi
mkdir -p .night

# Runs eufm so that a stop of this script reaches it, once, and waits until it has
# written down where it stands.
run() {
    "$@" &
    local child=$! status
    # shellcheck disable=SC2064 # The number is known now.
    trap "kill -TERM $child 2>/dev/null" TERM INT HUP
    while :; do
        wait "$child"
        status=$?
        # A signal ends the waiting, not the child.
        kill -0 "$child" 2>/dev/null || break
    done
    trap - TERM INT HUP
    return "$status"
}

# Writes down how the night ended, and ends.
end() {
    echo "$1" >.night/status
    echo "night: $1: $2" | tee .night/summary
    exit "$1"
}

"$eufm" compile webhook.eufm || end $? "the spec does not compile"

# 3 is an escalation: more money, more rights, fewer checks than were approved.
status=0
"$eufm" diff --within approved.lock plan.lock >.night/diff || status=$?
cat .night/diff
case $status in
0) ;;
3) end 6 "plan.lock may do more than approved.lock; review .night/diff, then: cp plan.lock approved.lock" ;;
*) end "$status" "the plans cannot be compared" ;;
esac

run "$eufm" exec plan.lock ${state[@]+"${state[@]}"} "$@" || status=$?
# Nothing has been spent yet where no run has begun.
"$eufm" cost plan.lock ${state[@]+"${state[@]}"} >.night/cost || true
cat .night/cost

case $status in
0) end 0 "done" ;;
1) end 1 "a node or a gate failed; another try: ARGS=--retry" ;;
5) end 5 "a budget is used up" ;;
6) end 6 "a person is asked; answer with eufm approve, and the next night goes on" ;;
7) end 7 "the agent or the model could not be had; another try: ARGS=--retry" ;;
75) end 75 "another night is still at work" ;;
129 | 130 | 143) end "$status" "stopped; the next night goes on" ;;
*) end "$status" "eufm exec ended with $status" ;;
esac
