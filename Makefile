PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
export BRIDGE_REFERENCE ?= $(abspath ../shared/reference)

.PHONY: help install sandbox test check bench chaos sdk-check clean

help: ## List what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/installed: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: install it, or name yours with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

install: $(VENV)/installed ## Install the bridge into .venv

sandbox: $(VENV)/installed ## Run the bridge with simulated Slack, RingCentral and phones
	@$(BIN)/python -m bridge sandbox

test: $(VENV)/installed-dev ## Run all tests but the bench's own, on SQLite and PostgreSQL
	$(BIN)/python -m pytest -n 3 --dist worksteal -q --ignore tests/bench $(ARGS)

check: $(VENV)/installed-dev ## Format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(VENV)/installed-dev ## Measure the bridge against a floor, in one run
	$(BIN)/python -m tests.bench $(ARGS)

chaos: $(VENV)/installed-dev ## Ten thousand texts under fire, each accounted for; ARGS="--help"
	$(BIN)/python -m tests.chaos $(ARGS)

sdk-check: $(VENV)/installed-dev ## Let the providers' official Node SDKs talk to the simulators
	@command -v node npm >/dev/null || { echo "Node.js and npm are needed: install them, then make sdk-check again."; exit 1; }
	cd tests/contracts/sdk && npm install --silent --no-audit --no-fund --no-package-lock
	$(BIN)/python -m tests.contracts.sdk.run_ringcentral node
	$(BIN)/python -m tests.contracts.sdk.run_slack node

clean: ## Remove what was installed and made
	rm -rf $(VENV) .venv-ringcentral-sdk var tests/contracts/sdk/node_modules
