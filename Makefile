# `make` alone explains. Every target works from a clean clone on Debian or Ubuntu with a Rust toolchain and nothing else.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run build install test lint bench pairs soak setup setup-test setup-bench rocksdb clean

# One line of a recipe is one shell: each that calls cargo sources this first.
ENV := . tools/env.sh &&
TARGET := $(or $(CARGO_TARGET_DIR),target)
DATA_DIR ?= var/default.etcd
PREFIX ?= /usr/local
DESTDIR ?=
ARGS ?=

# The lengths of `make soak`, each to be overridden on the command line.
WAL_CASES ?= 20000
STORAGE_CASES ?= 500
SNAPSHOT_CASES ?= 2000
DIFF_OPS ?= 50000
CRASH_ROUNDS ?= 100
CRASH_CUTS ?= 500
DAMAGE_STARTS ?= 2000
DAMAGE_BITS ?= all
ETCDCTL_OPS ?= 20000
LOAD_SCALE ?= 100
SOAK_ENV := WAL_CASES=$(WAL_CASES) STORAGE_CASES=$(STORAGE_CASES) SNAPSHOT_CASES=$(SNAPSHOT_CASES) \
	DIFF_OPS=$(DIFF_OPS) CRASH_ROUNDS=$(CRASH_ROUNDS) CRASH_CUTS=$(CRASH_CUTS) DAMAGE_STARTS=$(DAMAGE_STARTS) DAMAGE_BITS=$(DAMAGE_BITS) \
	ETCDCTL_OPS=$(ETCDCTL_OPS) LOAD_SCALE=$(LOAD_SCALE)

help: ## What can be done here
	@echo 'A node that speaks the etcd v2 API. From a clean clone:'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 21
	@echo
	@echo 'First steps:'
	@echo '  make run                                                   in one terminal, and in another:'
	@echo '  curl http://127.0.0.1:2379/v2/keys/message -XPUT -d value="Hello world"'
	@echo '  curl http://127.0.0.1:2379/v2/keys/message'
	@echo
	@echo 'More options: make run ARGS="--name node1 --listen-client-urls http://127.0.0.1:12379"'
	@echo 'All of them:  $(TARGET)/release/etcd --help      Data: $(DATA_DIR) (DATA_DIR=…)'

run: build ## Build, then serve 127.0.0.1:2379 and 127.0.0.1:4001 until Ctrl-C
	@mkdir -p $(dir $(DATA_DIR))
	@exec $(TARGET)/release/etcd --data-dir $(DATA_DIR) $(ARGS)

build: rocksdb ## Install what is missing, leave the programs in target/release/
	@$(ENV) cargo build --locked --release --bins

install: build ## Put programs, manual pages and shell completion below PREFIX (make install PREFIX=/opt/etcd2)
	@install -Dt '$(DESTDIR)$(PREFIX)/bin' $(TARGET)/release/etcd $(TARGET)/release/etcdctl
	@$(TARGET)/release/etcdctl man '$(DESTDIR)$(PREFIX)/share/man/man1'
	@share='$(DESTDIR)$(PREFIX)/share' ctl=$(TARGET)/release/etcdctl && \
		install -d "$$share/bash-completion/completions" "$$share/zsh/site-functions" "$$share/fish/vendor_completions.d" && \
		$$ctl completion bash >"$$share/bash-completion/completions/etcdctl" && \
		$$ctl completion zsh >"$$share/zsh/site-functions/_etcdctl" && \
		$$ctl completion fish >"$$share/fish/vendor_completions.d/etcdctl.fish"
	@echo 'installed below $(DESTDIR)$(PREFIX)'

test: setup-test rocksdb ## Every test (installs Debian's etcd, etcdctl and Python clients as references)
	@tools/test.sh

lint: rocksdb ## Formatting, clippy and documentation, all warnings denied; changes no file
	@$(ENV) cargo fmt --all --check
	@$(ENV) cargo clippy --locked --workspace --all-targets -- -D warnings
	@$(ENV) RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --lib

bench: setup-bench build ## Compare with Debian's etcd on this machine (options: make bench ARGS="--rounds 5")
	@benches/compare.sh $(ARGS)

pairs: $(if $(OLD),setup-bench $(if $(NEW),,build)) ## Did a change cost anything? make pairs OLD=path/to/etcd NEW=… (default: this build)
	@[ -n '$(OLD)' ] || { echo 'pairs: OLD is missing: make pairs OLD=path/to/etcd [NEW=path/to/etcd]' >&2; exit 2; }
	@benches/pairs.py --old '$(OLD)' --new '$(or $(NEW),$(TARGET)/release/etcd)' $(ARGS)

soak: setup-test rocksdb ## The long proofs, hours: every length is a variable (make soak CRASH_ROUNDS=1000)
	@$(SOAK_ENV) tools/test.sh

setup: ## Install what a build needs and this machine lacks (nothing else)
	@tools/setup.sh build

setup-test: ## The same for the tests
	@tools/setup.sh test
	@. tools/env.sh && tools/python-venv.sh >/dev/null

setup-bench: ## The same for the benchmark
	@tools/setup.sh bench

rocksdb: setup ## Compile RocksDB into a cache, once per machine (some minutes)
	@$(ENV) bash tools/build-rocksdb.sh "$$ROCKSDB_LIB_DIR"

clean: ## Remove what was built (not the data under var/, not the RocksDB cache)
	@$(ENV) cargo clean
