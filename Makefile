# `make serve` and `make test` need Python 3.11 or newer with its venv module; everything else they install themselves.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make lock'
INSTALLED := .venv/installed
INSTALLED_DEV := .venv/installed-dev

.DEFAULT_GOAL := help
.PHONY: help serve install dev test lint format bench lock docs clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

serve: $(INSTALLED) ## run the registry on http://127.0.0.1:5000; options go into ARGS="--workers 2"
	exec $(BIN)/dtr serve $(ARGS)

install: $(INSTALLED) ## make .venv/bin/dtr ready, with the exact packages of requirements.lock

dev: $(INSTALLED_DEV) ## the same, and what tests, lint and benchmarks need

test: $(INSTALLED_DEV) ## lint, then run all tests; the last line is pytest's own
	tests/install-system-packages.sh
	@$(MAKE) --no-print-directory lint
	@$(BIN)/pytest -m serial || [ $$? -eq 5 ]
	@$(BIN)/pytest -m 'not serial' --numprocesses 2

lint: $(INSTALLED_DEV) ## check style, format, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED_DEV) ## repair what can be repaired by a program
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(INSTALLED_DEV) ## measure against Debian's docker-registry; options go into ARGS
	tests/install-system-packages.sh
	$(BIN)/python -m bench $(ARGS)

lock: $(INSTALLED_DEV) ## write both lock files anew, from pyproject.toml
	$(LOCK) --upgrade --group build pyproject.toml --output-file requirements.lock
	$(LOCK) --upgrade --group build --extra dev --constraints requirements.lock pyproject.toml --output-file requirements-dev.lock

docs: $(INSTALLED_DEV) ## write the generated pages of docs/reference anew
	$(BIN)/python docs/generate.py

clean: ## remove what the targets above made, but never data/
	rm -rf .venv build src/dtr.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or newer is needed; name it like this: make PYTHON=python3.12'; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; echo 'Python needs its venv module; on Debian: apt install python3-venv'; exit 1; }

$(INSTALLED): requirements.lock pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes --only-binary :all: --requirement requirements.lock
	$(PIP) --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(INSTALLED_DEV): requirements-dev.lock pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes --only-binary :all: --requirement requirements-dev.lock
	$(PIP) --no-deps --no-build-isolation --no-index --editable .
	@touch $@ $(INSTALLED)
