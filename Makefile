# The one interface for people and for CI. Needs Python 3.11 or newer and make; everything else goes into $(VENV).
# Variables: PYTHON, VENV; for `dev` BAO_PORT, SCM_PORT, SIM_ARGS, PLUGIN_ENV, DEV_DIR; for `simulator` SIM_ARGS;
# for `dist` DIST; for tests PYTEST_ARGS, WORKERS; for `test-server` SERVER; for `fuzz` and `fuzz-api` FUZZ; for `histories` HISTORIES; for
# `model` SEED, CERTIFICATES; for `scale`, `report-scale` and `bench` STORED; for `chaos` SEED, RUNS, OPERATIONS; for `soak` SEED, REQUESTS; for `bench` BENCH; for
# `profile` PROFILE.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
DIST ?= dist
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Tests on real servers wait half of their time: one more worker than there are cores keeps these busy. Tests that only
# compute need no more than the cores. At most four, because each starts an OpenBao server of its own.
WORKERS ?=
PARALLEL = --numprocesses=$(or $(WORKERS),$(shell expr $$(nproc) + 1)) --maxprocesses=4
COMPUTING := --numprocesses=$(or $(WORKERS),auto) --maxprocesses=4

.PHONY: help
help:  ## this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml
	@echo "Setting up $(VENV) (once; a minute or so) ..." >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip check >&2
	@touch $@

.PHONY: setup
setup: $(READY)  ## the virtual environment with everything that development needs

# The recipes below replace their shell by the program, so that a signal to make reaches it.
.PHONY: demo
demo: $(READY)  ## order, renew, replace and revoke certificates on a real OpenBao, and show it
	@exec $(BIN)/python -m scripts.demo

.PHONY: dev
dev: $(READY)  ## OpenBao with the plugin, and the simulator, until Ctrl-C
	@exec $(BIN)/python -m scripts.dev

.PHONY: simulator
simulator: $(READY)  ## the simulated SCM alone; SIM_ARGS=--help lists its options
	@exec $(BIN)/python -m sectigo_vault_pki.scm_simulator $(SIM_ARGS)

.PHONY: lint
lint: $(READY)  ## formatting, lint, types, import directions, spelling, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python scripts/generate_proto.py --check
	$(BIN)/python -m scripts.field_tables --check

.PHONY: test
test: $(READY)  ## every test, those on a real OpenBao server too; 9 minutes on two cores
	@exec $(BIN)/pytest $(PARALLEL) $(PYTEST_ARGS)

.PHONY: quick
quick: $(READY)  ## less than a minute: the tests that start no server and no process, and do not take long
	@exec $(BIN)/pytest $(COMPUTING) -m "not process and not long" tests/unit tests/paths $(PYTEST_ARGS)

.PHONY: test-server
test-server: $(READY)  ## the server's tests on another binary: SERVER=/path/to/vault, of OpenBao or of Vault
	@test -x "$(SERVER)" || { echo "make test-server SERVER=/path/to/vault (or bao)" >&2; exit 2; }
	@"$(SERVER)" version
	@SERVER="$(abspath $(SERVER))" exec $(BIN)/pytest $(PARALLEL) tests/vault $(PYTEST_ARGS)

.PHONY: test-browser
test-browser: $(READY)  ## our paths in OpenBao's web UI; needs Debian's packages chromium and chromium-driver
	@exec $(BIN)/pytest tests/browser $(PYTEST_ARGS)

.PHONY: test-monitoring
test-monitoring: $(READY)  ## alert rules, dashboard and scrape configuration on a real Prometheus; needs Debian's package prometheus
	@exec $(BIN)/pytest tests/monitoring $(PYTEST_ARGS)

.PHONY: test-clients
test-clients: $(READY)  ## other makers' clients: node-vault, Go's api, consul-template, a generated one; downloads them once
	@exec $(BIN)/pytest --timeout=900 tests/clients $(PYTEST_ARGS)

.PHONY: test-dist
test-dist: $(READY)  ## test what `make dist` builds, on a real OpenBao without Python; as root, and with gcc
	@exec $(BIN)/pytest --timeout=300 tests/one_file $(PYTEST_ARGS)

.PHONY: fuzz
fuzz: $(READY)  ## ten times as many generated inputs as in `make test`; FUZZ=100 for a longer run
	@FUZZ=$${FUZZ:-10} exec $(BIN)/pytest $(COMPUTING) --timeout=3600 -m hypothesis tests/unit tests/paths $(PYTEST_ARGS)

.PHONY: fuzz-api
fuzz-api: $(READY)  ## what our OpenAPI document allows, sent to a real OpenBao by schemathesis; FUZZ=100 for more
	@FUZZ=$${FUZZ:-10} exec $(BIN)/pytest --timeout=3600 tests/vault/test_openapi_fuzz.py $(PYTEST_ARGS)

.PHONY: histories
histories: $(READY)  ## random histories of operations, faults and time; HISTORIES=2000 for a longer run
	@HISTORIES=$${HISTORIES:-200} exec $(BIN)/pytest --timeout=3600 tests/paths/test_histories.py

.PHONY: model
model: $(READY)  ## 1 000 certificates over two virtual years, and what they cost; SEED, CERTIFICATES for others
	@SEED=$${SEED:-$$RANDOM} CERTIFICATES=$${CERTIFICATES:-1000} \
		exec $(BIN)/pytest --timeout=3600 --capture=no -p no:logging tests/paths/test_money_model.py $(PYTEST_ARGS)

.PHONY: scale
scale: $(READY)  ## a comparison of 5 000 certificates with SCM, and what it costs; STORED=20000 for others
	@STORED=$${STORED:-5000} exec $(BIN)/pytest --timeout=3600 tests/paths/test_sync_scale.py $(PYTEST_ARGS)

.PHONY: report-scale
report-scale: $(READY)  ## a report over 100 000 certificates: time, memory, size; STORED=20000 for others
	@STORED=$${STORED:-100000} exec $(BIN)/pytest --timeout=600 --capture=no tests/unit/console/report/test_report_scale.py $(PYTEST_ARGS)

.PHONY: chaos
chaos: $(READY)  ## kills and faults at random points of 300 operations; SEED=1 RUNS=20 for certain ones
	@SEED=$${SEED:-$$RANDOM} RUNS=$${RUNS:-1} OPERATIONS=$${OPERATIONS:-300} \
		exec $(BIN)/pytest --timeout=1800 --verbose -p no:randomly tests/vault/test_chaos.py $(PYTEST_ARGS)

.PHONY: soak
soak: $(READY)  ## 100 000 mixed requests with reloads between: nothing may grow; REQUESTS, SEED for others
	@SEED=$${SEED:-$$RANDOM} REQUESTS=$${REQUESTS:-100000} \
		exec $(BIN)/pytest --timeout=14400 --log-cli-level=INFO -p no:randomly tests/vault/test_soak.py $(PYTEST_ARGS)

.PHONY: test-large
test-large: $(READY)  ## messages of hundreds of MiB; needs 6 GiB of memory
	@exec $(BIN)/pytest tests/large $(PYTEST_ARGS)

.PHONY: dist
dist: $(READY)  ## build the plugin as one file that needs nothing on its host, in dist/; needs gcc
	@PYTHONHASHSEED=0 exec $(BIN)/python -m scripts.one_file --output $(DIST)

.PHONY: bench
bench: $(READY)  ## measure against the built-in engines; BENCH="reads enrolments" some figures only
	@exec $(BIN)/python -m benchmarks $(BENCH)

.PHONY: profile
profile: $(READY)  ## profile the plugin; PROFILE="reads" one kind of load only
	@exec $(BIN)/python -m benchmarks.profile $(PROFILE)

.PHONY: proto
proto: $(READY)  ## regenerate the protobuf code from proto/
	$(BIN)/python scripts/generate_proto.py

.PHONY: tables
tables: $(READY)  ## regenerate the tables of docs/fields*.md from the paths' declarations
	$(BIN)/python -m scripts.field_tables

.PHONY: guide
guide: $(READY)  ## run the examples of the documents, and write their answers
	$(BIN)/python -m scripts.guide_examples

.PHONY: lock
lock:  ## choose the newest versions, at least a week old, and pin them by hash
	$(PYTHON) -m venv build/lock-venv
	build/lock-venv/bin/pip install --quiet --disable-pip-version-check uv
	build/lock-venv/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-emit-index-url --no-annotate --upgrade \
		--exclude-newer "$$(date -u -d '7 days ago' +%F)" --output-file requirements.lock

.PHONY: clean
clean:  ## remove what the other targets made
	rm -rf $(VENV) .dev build dist bench.json .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
