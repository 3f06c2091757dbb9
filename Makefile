# Two commands on a fresh machine with Python 3.11 or newer, git and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: test demo check lint types layers unit wheel bench checkov clean

# everything that .ci/run runs
test: check unit

check: lint types layers

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check hardcode_hunter tests scripts

types: $(VENV)/.ready
	$(BIN)/mypy

layers: $(VENV)/.ready
	$(BIN)/lint-imports

# one process for each core; a file's tests stay together, for they share its servers
unit: $(VENV)/.ready
	$(BIN)/python -m pytest -q --numprocesses auto --dist loadfile

# the main job on the bundled legacy application, with an embedded AWS and a real PostgreSQL
demo: $(VENV)/.ready
	$(BIN)/python -m tests.demo

# checkov over what is generated; outside of `test`, for it needs an environment of its own (300 MB)
checkov: $(VENV)/.ready
	$(BIN)/python -m tests.downloads checkov
	$(BIN)/python -m pytest -q tests/test_generate_checkov.py

bench: $(VENV)/.ready
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks $(CORPUS) $(if $(HISTORY),--history $(HISTORY))

$(VENV)/.ready: pyproject.toml requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.13 …"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "Python's venv module is missing: install it (Debian: apt-get install python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m tests.downloads
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .demo
