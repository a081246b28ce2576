# The commands of this project. `make help` lists them.
#
# Build products go to a cache outside the checkout, so that RocksDB (11 minutes on two cores) is compiled once, not once
# for every clone. CARGO_TARGET_DIR in the environment wins.
XDG_CACHE_HOME ?= $(HOME)/.cache
export CARGO_TARGET_DIR ?= $(XDG_CACHE_HOME)/dohle/target
# A file holds the compiler flags (.cargo/config.toml); flags from the environment would replace them and rebuild RocksDB.
unexport RUSTFLAGS

DOHLE := $(CARGO_TARGET_DIR)/release/dohle
# Passed on by `make run`: make run ARGS="--listen 0.0.0.0:9092"
ARGS ?=
# Passed on by `make test`: only tests whose name contains it.
FILTER ?=

.DEFAULT_GOAL := help
.PHONY: help setup build run test lint verify fix figures

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what building takes, or say which command does
	@scripts/setup

build: setup ## Build the broker
	cargo build --release --locked --package dohle

run: build ## Start a broker on localhost:9092 with its data in ./data
	exec $(DOHLE) server $(ARGS)

test: setup ## Run every test, with every client family whose toolchain is there
	cargo build --release --locked --package dohle --package dohle-integration-tests
	cargo test --release --locked --workspace --no-fail-fast -- $(FILTER)

lint: setup ## Check format, lints and documentation
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --release --locked --workspace --no-deps --document-private-items

verify: lint test ## Everything that must pass before a change lands

fix: ## Format, and apply what the linter can mend
	cargo fmt --all
	cargo clippy --release --workspace --all-targets --fix --allow-dirty --allow-staged

figures: build ## Measure start, idle memory and idle CPU (PEER="command" measures another broker beside)
	scripts/figures --dohle $(DOHLE) $(if $(PEER),--peer "$(PEER)")
