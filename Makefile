# The commands of this project. `make help` lists them.
#
# Build products go to a cache outside the checkout, so that RocksDB (11 minutes on two cores) is compiled once, not once
# for every clone. CARGO_TARGET_DIR in the environment wins.
XDG_CACHE_HOME ?= $(HOME)/.cache
export CARGO_TARGET_DIR ?= $(XDG_CACHE_HOME)/dohle/target
# A file holds the compiler flags (.cargo/config.toml); flags from the environment would replace them and rebuild RocksDB.
unexport RUSTFLAGS

DOHLE := $(CARGO_TARGET_DIR)/dist/dohle
BENCH := $(CARGO_TARGET_DIR)/release/dohle-bench
BENCH_OUT := $(CARGO_TARGET_DIR)/bench
# Passed on by `make run`: make run ARGS="--listen 0.0.0.0:9092"
ARGS ?=
# Passed on by `make test`: only tests whose name contains it.
FILTER ?=
# Passed on by `make conformance`: kafka instead of dohle; a module; patterns for classes and methods; anything else that
# scripts/conformance takes.
PEER ?=
MODULE ?=
CLASS ?=
METHOD ?=
# Which part of what passes `make conformance-slice` runs, and how long; successive numbers are parts spread evenly.
TURN ?= $(shell git rev-list --count HEAD)
MINUTES ?= 10

.DEFAULT_GOAL := help
.PHONY: help setup build run test lint verify fix conformance conformance-slice ledger differential bench bench-quick bench-report \
	figures

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what building takes, or say which command does
	@scripts/setup

build: setup ## Build the broker
	scripts/build

run: build ## Start a broker on localhost:9092 with its data in ./data
	exec $(DOHLE) server $(ARGS)

test: build ## Run every test, with every client family whose toolchain is there
	cargo build --release --locked --package dohle-integration-tests
	DOHLE_BIN=$${DOHLE_BIN:-$(DOHLE)} cargo test --release --locked --workspace --no-fail-fast -- $(FILTER)

lint: setup ## Check format, lints and documentation
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --release --locked --workspace --no-deps --document-private-items

verify: lint test ## Everything that must pass before a change lands

fix: ## Format, and apply what the linter can mend
	cargo fmt --all
	cargo clippy --release --workspace --all-targets --fix --allow-dirty --allow-staged

conformance: ## Run Kafka's own tests (MODULE, CLASS, METHOD choose; PEER=kafka runs them on an Apache Kafka)
	DOHLE_BIN=$${DOHLE_BIN:-$(DOHLE)} scripts/conformance run $(if $(PEER),--peer $(PEER)) $(if $(MODULE),--module $(MODULE)) \
		$(if $(CLASS),--class '$(CLASS)') $(if $(METHOD),--method '$(METHOD)') $(ARGS)

conformance-slice: ## Run some minutes of those of Kafka's own tests that pass; one that does not is an error
	DOHLE_BIN=$${DOHLE_BIN:-$(DOHLE)} scripts/conformance slice --turn $(TURN) --minutes $(MINUTES)

ledger: ## Write docs/compatibility.md
	scripts/conformance ledger

differential: build ## Compare every answer with an Apache Kafka's (ARGS="--newest", "--api Fetch", "--verbose", ...)
	cargo build --release --locked --package dohle-integration-tests --bin differential
	DOHLE_BIN=$${DOHLE_BIN:-$(DOHLE)} CARGO_MANIFEST_DIR=$(CURDIR)/integration-tests \
		$(CARGO_TARGET_DIR)/release/differential $(ARGS)

bench: build ## Measure Dohle beside Apache Kafka and the floor (ARGS="--rows 1-7 --without-kafka" and others: --help)
	cargo build --release --locked --package dohle-bench --features librdkafka
	$(BENCH) run --dohle $(DOHLE) --out $(BENCH_OUT) $(ARGS)

bench-quick: build ## Guard the ratios to the floor: six rows in two minutes
	cargo build --release --locked --package dohle-bench
	$(BENCH) run --dohle $(DOHLE) --out $(BENCH_OUT)-quick --quick $(ARGS)

bench-report: ## Write docs/benchmarks.md and its charts from the last `make bench`
	$(BENCH) report --results $(BENCH_OUT)/results.json --docs docs

figures: build ## Measure start, idle memory and idle CPU (PEER="command" measures another broker beside)
	scripts/figures --dohle $(DOHLE) $(if $(PEER),--peer "$(PEER)")
