# Everything a person types. Each target sets up what it needs, says what it does, and can be run
# again at once: `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup build package demo test test-long bench lint format clean

JOBS ?= $(shell nproc)
PYTHON := .venv/bin/python
CTEST := ctest --output-on-failure --progress -j $(JOBS)
PACKAGE_SOURCES := $(shell find CMakeLists.txt cmake pyproject.toml include src python -type f \
  -not -path '*/tests/*' -not -name '*_test.cc' -not -name '*_fuzz.cc' -not -name '*_bench.cc' \
  -not -name '*.pyc' 2>/dev/null)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: ## install what is missing: Debian packages, .venv
	@scripts/setup.sh test

build: setup ## compile the engine and its tests with ASan and UBSan (build/dev)
	@scripts/build.sh dev

package: ## build the Python package and install it into .venv
	@scripts/setup.sh build
	@$(MAKE) --no-print-directory .venv/.omendb

.venv/.omendb: $(PACKAGE_SOURCES) .venv/.requirements
	@scripts/install_package.sh
	@touch $@

demo: package ## open a database on 10,000 real vectors: add, search, reopen, search again
	@$(PYTHON) scripts/demo.py

test: build package ## run every test of the default set: C++, lint, Python, docs
	@echo "==> C++ tests, lint and layers (ctest)"
	@$(CTEST) --test-dir build/dev -LE long
	@echo "==> Python, docs and repository tests (pytest)"
	@$(PYTHON) -m pytest -q python/tests tests

test-long: ## run the slow suites too: tsan, fuzz, soak, recall, NEON under qemu
	@scripts/setup.sh long
	@$(MAKE) --no-print-directory test
	@scripts/test_long.sh

bench: ## measure OmenDB beside hnswlib, faiss and usearch (ARGS="--help" for options)
	@scripts/setup.sh bench
	@$(MAKE) --no-print-directory package
	@$(PYTHON) bench/bench.py $(ARGS)

lint: build package ## check format, layers, clang-tidy, ruff and mypy
	@$(CTEST) --test-dir build/dev -R '^lint\.'

format: setup ## rewrite the sources in the house style
	@scripts/lint.sh clang_format --fix
	@scripts/lint.sh ruff --fix

clean: ## remove what was built (not .venv's packages, not the compiler cache)
	@rm -rf build dist bench/out .venv/.omendb
