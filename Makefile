# The habits of this project. Each target sets up all it needs in .venv; only python3 with its venv
# module has to be there.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers

.DEFAULT_GOAL := help
.PHONY: help demo test test-browser test-deploy test-ring check fmt lint types bench bench-peers bench-quick soak corpora simulate lock build clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/installed ## run the main job on a sample handbook against the built-in sandbox
	@$(BIN)/syncd demo

test: $(VENV)/test ## run all tests
	$(BIN)/python -m pytest -q -n 4 --dist worksteal

test-deploy: $(VENV)/test $(VENV)/ops ## check what deploy/ holds with the tools that read it
	$(BIN)/python -m pytest -q tests/deploy

test-ring: $(VENV)/test ## try every fault on real processes, and real history under faults; half an hour
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m ring

check: $(VENV)/lint fmt-check lint types test ## format, lint, types, import rules and tests: what CI runs

fmt: $(VENV)/lint ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --quiet .

.PHONY: fmt-check
fmt-check: $(VENV)/lint
	$(BIN)/ruff format --check .

lint: $(VENV)/lint ## look for mistakes and forbidden imports
	$(BIN)/ruff check .

types: $(VENV)/lint $(VENV)/test ## check the types
	$(BIN)/mypy

test-browser: $(VENV)/browser ## try the dashboard in Chromium; installs what that needs
	$(BIN)/python -m pytest -q tests/browser

bench: $(VENV)/test ## measure speed and memory against what the machine can do (SCALE=1000000: memory only)
	$(BIN)/python -m tests.bench $(if $(SCALE),--scale $(SCALE)) $(if $(JSON),--json $(JSON))

bench-peers: $(VENV)/test $(PEERS)/installed ## the same beside what people would otherwise use
	$(BIN)/python -m tests.bench --peers $(PEERS) $(if $(JSON),--json $(JSON))

bench-quick: $(VENV)/test ## the same on fewer pages, in under two minutes
	$(BIN)/python -m tests.bench --quick

MINUTES ?= 60
soak: $(VENV)/test ## let the service work for MINUTES, with edits, faults and restarts: tests/soak.md
	$(BIN)/python -m tests.soak --minutes $(MINUTES) --write

corpora: $(VENV)/test ## measure what arrives of real documentation: tests/corpora.md
	$(BIN)/python -m tests.corpora

SEEDS := 200000
FIRST := 0
WORKERS := 2
simulate: $(VENV)/test ## live SEEDS simulated lives from seed FIRST on, in WORKERS processes: tests/simulation/README.md
	$(BIN)/python -m syncd.testing.simulation --seeds $(SEEDS) --first $(FIRST) --workers $(WORKERS)

PIN = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock: $(VENV)/lint ## pin what a deployment installs, with hashes: deploy/requirements.txt
	$(PIN) --extra postgres --output-file deploy/requirements.txt pyproject.toml
	$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['build-system']['requires'], \
		sep='\n')" | $(PIN) --output-file deploy/requirements-build.txt -

build: $(VENV)/lint ## build the wheel and the source archive into dist/
	$(BIN)/uv build

clean: ## remove the virtual environment and all that was built
	rm -rf $(VENV) $(PEERS) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# One virtual environment for everything; each group of packages leaves a mark when it is complete.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Groups need a newer pip than a system brings.
$(VENV)/pip: $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/installed: $(VENV)/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/test: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group test
	@touch $@

$(VENV)/ops: $(VENV)/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group ops
	@touch $@

# The peers bring hundreds of packages: nothing of ours shares an environment with them.
$(PEERS)/installed: tests/bench/peers/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# axe-core judges how accessible the pages are; it comes from npm and is no part of syncd.
$(VENV)/browser: $(VENV)/test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group browser
	command -v chromium || command -v chromium-browser || command -v google-chrome || \
		$(BIN)/python -m playwright install chromium
	mkdir -p $(VENV)/axe-core
	npm pack --silent --pack-destination $(VENV)/axe-core axe-core@4
	tar xzf $(VENV)/axe-core/axe-core-4*.tgz -C $(VENV)/axe-core
	@touch $@

$(VENV)/lint: $(VENV)/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group lint
	@touch $@
