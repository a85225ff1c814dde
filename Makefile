# `make` alone explains. Every target works from a clean clone on Debian or Ubuntu with a Rust toolchain and nothing else.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run build install verify test lint fuzz bench pairs soak setup setup-test setup-bench clean

# What a target does stands in tools/, so that all of it works where make is missing.
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
FUZZ_CASES ?= 2000000
ETCDCTL_OPS ?= 20000
LOAD_SCALE ?= 100
SOAK_ENV := WAL_CASES=$(WAL_CASES) STORAGE_CASES=$(STORAGE_CASES) SNAPSHOT_CASES=$(SNAPSHOT_CASES) \
	DIFF_OPS=$(DIFF_OPS) CRASH_ROUNDS=$(CRASH_ROUNDS) CRASH_CUTS=$(CRASH_CUTS) DAMAGE_STARTS=$(DAMAGE_STARTS) DAMAGE_BITS=$(DAMAGE_BITS) \
	ETCDCTL_OPS=$(ETCDCTL_OPS) LOAD_SCALE=$(LOAD_SCALE) FUZZ_CASES=$(FUZZ_CASES)

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

run: ## Build, then serve 127.0.0.1:2379 and 127.0.0.1:4001 until Ctrl-C
	@DATA_DIR='$(DATA_DIR)' exec tools/run.sh $(ARGS)

build: ## Install what is missing, leave the programs in target/release/
	@tools/build.sh

install: build ## Put programs, manual pages and shell completion below PREFIX (make install PREFIX=/opt/etcd2)
	@install -Dt '$(DESTDIR)$(PREFIX)/bin' $(TARGET)/release/etcd $(TARGET)/release/etcdctl
	@$(TARGET)/release/etcdctl man '$(DESTDIR)$(PREFIX)/share/man/man1'
	@share='$(DESTDIR)$(PREFIX)/share' ctl=$(TARGET)/release/etcdctl && \
		install -d "$$share/bash-completion/completions" "$$share/zsh/site-functions" "$$share/fish/vendor_completions.d" && \
		$$ctl completion bash >"$$share/bash-completion/completions/etcdctl" && \
		$$ctl completion zsh >"$$share/zsh/site-functions/_etcdctl" && \
		$$ctl completion fish >"$$share/fish/vendor_completions.d/etcdctl.fish"
	@echo 'installed below $(DESTDIR)$(PREFIX)'

verify: ## The one check: lint, dependencies, every test; changes no file of the repository
	@tools/verify.sh

test: setup-test ## Every test (installs Debian's etcd, etcdctl and Python clients as references)
	@tools/test.sh

lint: setup ## Formatting, clippy and documentation, all warnings denied; changes no file
	@tools/lint.sh

fuzz: setup ## Every decoder under mutated bytes from a new seed, each for FUZZ_SECONDS=10
	@tools/fuzz.sh

bench: setup-bench build ## Compare with Debian's etcd on this machine (options: make bench ARGS="--rounds 5")
	@benches/compare.sh $(ARGS)

pairs: $(if $(OLD),setup-bench $(if $(NEW),,build)) ## Did a change cost anything? make pairs OLD=path/to/etcd NEW=… (default: this build)
	@[ -n '$(OLD)' ] || { echo 'pairs: OLD is missing: make pairs OLD=path/to/etcd [NEW=path/to/etcd]' >&2; exit 2; }
	@benches/pairs.py --old '$(OLD)' --new '$(or $(NEW),$(TARGET)/release/etcd)' $(ARGS)

soak: setup-test ## The long proofs, hours: every length is a variable (make soak CRASH_ROUNDS=1000)
	@$(SOAK_ENV) tools/test.sh

setup: ## Install what a build needs and this machine lacks, compile RocksDB into a cache (once per machine, some minutes)
	@tools/prepare.sh build

setup-test: ## The same for the tests
	@tools/prepare.sh test

setup-bench: ## The same for the benchmark
	@tools/prepare.sh bench

clean: ## Remove what was built (not the data under var/, not the RocksDB cache)
	@. tools/env.sh && cargo clean
