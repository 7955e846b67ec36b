# The tasks of a checkout. `make demo` and `make test` install what they need:
# see scripts/install-tools.sh. What `make fuzz` needs, fuzz/run.sh says.

CARGO ?= cargo

# Cargo's target folder, wherever the user's configuration puts it.
target = $(shell $(CARGO) metadata --format-version 1 --no-deps --locked \
	| sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')

.PHONY: help demo hello test faults mutants bench fuzz lint install

help:
	@echo "make demo     play specs/webhook, a whole night: the real Codex CLI, with scripted replies of the model"
	@echo "make hello    play specs/hello, the first page of the tutorial"
	@echo "make test     run all tests, those with the real Codex CLI included"
	@echo "make faults   kill a run at each of its system calls, and fail each write: hours"
	@echo "make mutants  alter the proofs and what they rest on, and list what no test sees: hours"
	@echo "make bench    measure what a run costs beside the agents' own time"
	@echo "make fuzz     run each fuzz target for FUZZ_SECONDS, 60 if not given"
	@echo "make lint     check format, lints, docs and dependencies"
	@echo "make install  install eufm with cargo"

demo: spec = webhook
hello: spec = hello
demo hello:
	codex=$$(scripts/install-tools.sh) && \
	$(CARGO) build --release --locked --bin eufm && \
	EUFM="$(target)/release/eufm" EUFM_CODEX="$$codex" specs/$(spec)/run.sh

test:
	codex=$$(scripts/install-tools.sh) && \
	EUFM_TEST_CODEX="$$codex" $(CARGO) test --workspace --locked

faults:
	scripts/install-tools.sh >/dev/null && \
	EUFM_FAULTS="$${EUFM_FAULTS:-all}" $(CARGO) test --locked --test eufm -- faults::
	EUFM_FAULTS="$${EUFM_FAULTS:-all}" $(CARGO) test --locked -p eufm-runner --lib -- gateway::bill_test

mutants:
	scripts/mutants.sh

bench:
	codex=$$(scripts/install-tools.sh) && \
	EUFM_TEST_CODEX="$$codex" $(CARGO) bench --locked --bench agent_overhead --bench compile --bench exec --bench gateway --bench node --bench review

fuzz:
	fuzz/run.sh

lint:
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --locked
	$(CARGO) deny check bans licenses sources

install:
	$(CARGO) install --path . --locked
