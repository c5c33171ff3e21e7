# What a developer or a user calls.  Needs Python 3.11 or newer and make; everything else goes into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest -n auto --dist loadgroup

.PHONY: help run test check format bench mutants clean

help: ## Show the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST)

run: $(VENV)/.installed ## Install into .venv and run the flagship scenario
	$(BIN)/nodesim run scenarios/partition-evicts.yaml

test: $(VENV)/.test ## Run the whole test suite, on all cores
	$(PYTEST)

check: $(VENV)/.dev ## Format, lint, types, layers, tests: what must pass before a change goes to main
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	NODESIM_SEEDS=20 $(PYTEST)
	NODESIM_FROZEN=1 $(PYTEST) -m "not slow" -q

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## Measure heartbeats, codec, scenarios and the transport, as ratios
	$(BIN)/python -m benchmarks

mutants: $(VENV)/.dev ## Change one rule at a time in a copy, and see that the tests catch each change
	$(BIN)/python -m tests.mutants

clean: ## Remove .venv and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nodesim needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.test $(VENV)/.installed
