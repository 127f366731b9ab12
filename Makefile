# What a developer or a new user runs. Needs Python 3.11 or newer and make; everything else is installed into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests of one file share a platform and stay together. In the order of their names files that need one come first, and the many short ones fill up the end.
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/python -m pip --disable-pip-version-check
UV := $(BIN)/uv pip install --python $(BIN)/python

.PHONY: help demo up test lint typecheck unit test-containers lock clean scenarios chaos test-slow
.DEFAULT_GOAL := help

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.runtime ## the whole pipeline on a simulated exchange, in this terminal
	@$(BIN)/bookmill demo $(ARGS)

up: $(VENV)/.runtime ## the same against the real exchanges
	@$(BIN)/bookmill up $(ARGS)

test: lint typecheck ## lint, types and all tests
	@$(PYTEST) $(ARGS)

test-slow: $(VENV)/.dev ## the tests that make test leaves out for their length
	@$(PYTEST) -m slow $(ARGS)

scenarios: $(VENV)/.dev ## every market under every fault its simulator offers, and a mix of all (on a machine that is not busy)
	@$(BIN)/python -m pytest tests/scenarios -m "scenario or not scenario" $(ARGS)

chaos: $(VENV)/.dev ## a seeded schedule of faults over the whole pipeline, and whether anything was lost (docs/reliability.md)
	@$(BIN)/python -m tests.chaos $(ARGS)

unit: $(VENV)/.dev ## the fast tests alone
	@$(PYTEST) tests/unit tests/properties tests/conformance $(ARGS)

test-containers: $(VENV)/.dev ## the integration tests on containers instead of the embedded platform
	@BOOKMILL_TEST_PLATFORM=containers $(BIN)/python -m pytest tests/integration $(ARGS)

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "Run $(BIN)/ruff format ."; exit 1; }

typecheck: $(VENV)/.dev
	@$(BIN)/mypy

lock: $(VENV)/.dev ## resolve the dependencies anew and write the lock files
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		pyproject.toml --group build -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes -c requirements.lock \
		pyproject.toml --group dev -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes -c requirements-dev.lock \
		--group install -o requirements-uv.lock

clean: ## remove what was installed and built here (not the platform's data)
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis test-output

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "bookmill needs Python 3.11 or newer, '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Name one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "'$(PYTHON) -m venv' failed: install your system's package for it (Debian: python3-venv)."; exit 1; }

# uv takes a fraction of pip's time. Where it cannot reach what pip can (a mirror that only pip's settings name), pip does it.
$(VENV)/.uv: requirements-uv.lock | $(BIN)/python
	@$(PIP) install --quiet --no-compile --require-hashes -r requirements-uv.lock
	@touch $@

$(VENV)/.runtime: requirements.lock pyproject.toml $(VENV)/.uv
	@echo "Installing bookmill into $(VENV) (about 250 MB, once)"
	@$(UV) --require-hashes -r requirements.lock || $(PIP) install --quiet --no-compile --require-hashes -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@$(UV) --quiet --require-hashes -r requirements-dev.lock || $(PIP) install --quiet --no-compile --require-hashes -r requirements-dev.lock
	@touch $@
