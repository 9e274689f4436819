# make demo   robots trade in a notebook's double auction; nobody at the keyboard
# make lab    the same notebook in JupyterLab, for a person
# make docs   the documentation, built into site/
# make quick  lint, types and the short tests: before each commit (a minute and a half)
# make test   everything that is checked before a change is accepted (twelve minutes on two cores)
# make test-lowest   the unit tests with the oldest packages that setup.cfg allows
# make test-3.13     the short tests of the core on Python 3.13, where there is one
# make mutants       break the engine in sixty ways, and name those that no test notices
# make conformance   Autobahn's test suite against the WebSocket, where there is a Python 2.7
# make chaos  kernel and server are killed, restarted and interrupted for CHAOS_SECONDS (1200), then
#             six hosts are, and cut off from each other, for as long; CHAOS="--faults 200" instead
#
# Each alone is enough on a fresh machine: what is needed is installed into .venv first.

BIN := .venv/bin

# Without bytecode every kernel and every server of the tests would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

# A file's tests run in one worker, because they share its Jupyter server and its browser. Tests that
# start processes wait for them much of the time: three workers for each core.
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
BY_FILE := --maxprocesses 8 --dist loadfile --no-loadscope-reorder
PARALLEL := -n $(CORES) $(BY_FILE)
CROWDED := -n $(shell expr 3 '*' $(CORES)) $(BY_FILE)
FOLDERS := --ignore tests/browser --ignore tests/notebooks
UNITS := $(PARALLEL) $(FOLDERS) -m "not processes and not slow and not hypothesis"
QUICK := $(PARALLEL) $(FOLDERS) -m "not processes and not slow and not hypothesis and not long"

CORE := $(addprefix tests/,bridge engine experiment flow forms log realtime server session templating)

# Old releases warn of what newer ones have changed.
OLD := -W ignore::DeprecationWarning -W ignore::FutureWarning

.PHONY: chaos demo lab docs quick short test test-all test-lowest test-3.13 mutants
.PHONY: bench collected conformance lint suite vendor clean browser proxy r postgres hub
.DEFAULT_GOAL := demo

demo: .venv/demo
	$(BIN)/python tools/demo.py

lab: .venv/lab
	$(BIN)/python tools/lab.py

quick: .venv/installed
	$(MAKE) --jobs=2 --output-sync lint short

short: .venv/installed
	$(BIN)/python -m pytest $(QUICK)

docs: .venv/installed
	$(BIN)/python -m mkdocs build --strict

test: browser proxy r postgres
	$(MAKE) --jobs=2 lint suite

suite: collected
	$(BIN)/python -m pytest $(CROWDED) -m "not slow"

test-all: browser proxy r postgres hub
	$(MAKE) --jobs=2 --output-sync lint collected
	$(BIN)/python -m pytest $(CROWDED) --hypothesis-profile=thorough

test-lowest:
	bash tools/prepare.sh lowest
	.venv-lowest/bin/python -m pytest $(UNITS) $(OLD)

test-3.13:
	bash tools/prepare.sh 3.13
	[ ! -x .venv-3.13/bin/python ] || .venv-3.13/bin/python -m pytest $(CORE) $(QUICK)

mutants: .venv/installed
	$(BIN)/python tools/mutants.py

chaos: .venv/installed
	$(BIN)/python tools/chaos.py
	$(BIN)/python tools/chaos.py --hosts $(CHAOS)

# Python compiles the tests here, once, and not in each worker. What cannot be collected, they report.
collected: .venv/installed
	-$(BIN)/python -m pytest --collect-only -qq > /dev/null

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed
	$(BIN)/python bench/run.py

conformance: .venv/installed
	$(BIN)/python tools/conformance.py

vendor: .venv/installed
	$(BIN)/python tools/vendor.py

browser:
	bash tools/prepare.sh browser

proxy:
	bash tools/prepare.sh proxy

r:
	bash tools/prepare.sh r

postgres:
	bash tools/prepare.sh postgres

hub: .venv/installed
	bash tools/prepare.sh hub

# The demo needs neither JupyterLab nor linters, type checkers, browsers' drivers and MkDocs.
.venv/demo: setup.cfg pyproject.toml tools/prepare.sh
	bash tools/prepare.sh demo
	touch $@

.venv/lab: setup.cfg pyproject.toml tools/prepare.sh
	bash tools/prepare.sh lab
	touch .venv/demo $@

.venv/installed: setup.cfg pyproject.toml tools/prepare.sh
	bash tools/prepare.sh environment
	touch .venv/demo .venv/lab $@

clean:
	rm -rf .venv .venv-lowest .venv-3.13 build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
