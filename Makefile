# Needs python3 with its venv module, and make. Everything is installed into .venv, but for the
# benchmarks (.venv-bench) and what the tests talk to: a Label Studio server (.venv-label-studio), Datumaro
# (.venv-datumaro) and the MongoDB of FiftyOne (.venv-mongod), whose program needs libcurl4.
# Tests that look at a page drive the system's browser and are skipped without one: apt install chromium libatomic1.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVER := .venv-label-studio
DATUMARO := .venv-datumaro
MONGOD := .venv-mongod
RACE := .venv-bench

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
export PYTHONSAFEPATH := 1

.PHONY: help demo test lint bench datumaro label-studio-server mongod clean

help:
	@echo "make demo    install into $(VENV), gate the packaged sample delivery, print the verdict"
	@echo "make test    ruff, mypy, import-linter, then the tests"
	@echo "make lint    the static checks alone"
	@echo "make bench   side by side with other tools (BENCH=--quick for a short run)"
	@echo "make clean   remove what the other targets made"

demo: $(VENV)/.demo
	@$(BIN)/segcore demo segcore-demo

test: $(VENV)/.test datumaro label-studio-server mongod
	@status=0; \
	$(MAKE) --no-print-directory lint || status=1; \
	$(BIN)/pytest -n auto --dist loadgroup $(PYTEST) || status=1; \
	exit $$status

lint: $(VENV)/.test
	@status=0; \
	$(BIN)/ruff check . || status=1; \
	$(BIN)/ruff format --check . || status=1; \
	$(BIN)/mypy || status=1; \
	$(BIN)/lint-imports || status=1; \
	exit $$status

datumaro: $(DATUMARO)/.installed

label-studio-server: $(SERVER)/.installed

mongod: $(MONGOD)/.installed

bench: $(RACE)/.installed
	@PYTHONSAFEPATH= $(RACE)/bin/python -m benchmarks $(BENCH)

clean:
	rm -rf $(VENV) $(DATUMARO) $(SERVER) $(MONGOD) $(RACE) segcore-demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "python3 cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }

$(VENV)/.demo: $(BIN)/python pyproject.toml
	@echo "installing segcore into $(VENV) ..."
	@$(BIN)/python -m pip install -qq --editable '.[gates]'
	@touch $@

# Dependency groups need pip 25.1; Debian 12 has 23.0.
$(VENV)/.test: $(BIN)/python pyproject.toml
	@echo "installing segcore, its tests' tools and the peers it is compared with into $(VENV) ..."
	@$(BIN)/python -m pip install -qq --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install -qq --editable '.[gates,fast,label-studio,fiftyone]' --group test --group peers --group lint
	@touch $@ $(VENV)/.demo

$(DATUMARO)/.installed: tests/datumaro/datumaro-requirements.txt
	@echo "installing the Datumaro that the tests start into $(DATUMARO) ..."
	@rm -rf $(DATUMARO)
	@$(PYTHON) -m venv $(DATUMARO)
	@$(DATUMARO)/bin/python -m pip install -qq --requirement $<
	@touch $@

$(SERVER)/.installed: tests/labelstudio/server-requirements.txt
	@echo "installing the Label Studio server that the tests start into $(SERVER) ..."
	@rm -rf $(SERVER)
	@$(PYTHON) -m venv $(SERVER)
	@$(SERVER)/bin/python -m pip install -qq --requirement $<
	@touch $@

# Without dependencies: only the program is wanted, and FiftyOne itself is in $(VENV).
$(MONGOD)/.installed: tests/fiftyone/mongod-requirements.txt
	@echo "installing the MongoDB that the tests of FiftyOne start into $(MONGOD) ..."
	@rm -rf $(MONGOD)
	@$(PYTHON) -m venv $(MONGOD)
	@$(MONGOD)/bin/python -m pip install -qq --no-deps --requirement $<
	@touch $@

# Apart from the tests' environment, in which label-studio-sdk holds NumPy at 2.2.
$(RACE)/.installed: pyproject.toml
	@echo "installing segcore and the peers it is compared with into $(RACE) ..."
	@rm -rf $(RACE)
	@$(PYTHON) -m venv $(RACE)
	@$(RACE)/bin/python -m pip install -qq --upgrade 'pip>=25.1'
	@$(RACE)/bin/python -m pip install -qq --editable '.[gates,fast]' --group test --group peers
	@touch $@
