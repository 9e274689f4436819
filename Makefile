# make demo   robots trade in a notebook's double auction; nobody at the keyboard
# make lab    the same notebook in JupyterLab, for a person
# make docs   the documentation, built into site/
# make test   everything that is checked before a change is accepted (less than 20 minutes)
# make conformance   Autobahn's test suite against the WebSocket, where there is a Python 2.7
# make chaos  kernel and server are killed, restarted and interrupted for CHAOS_SECONDS (1200)
#
# Each alone is enough on a fresh machine: what is needed is installed into .venv first.

BIN := .venv/bin

# A file's tests run in one worker, because they share its Jupyter server and its browser.
PARALLEL := -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.PHONY: chaos demo lab docs test test-all bench conformance lint vendor clean browser proxy
.DEFAULT_GOAL := demo

demo: .venv/installed
	$(BIN)/python tools/demo.py

lab: .venv/installed
	$(BIN)/python tools/lab.py

docs: .venv/installed
	$(BIN)/python -m mkdocs build --strict

test: lint browser proxy
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow"

test-all: lint browser proxy
	$(BIN)/python -m pytest $(PARALLEL)

chaos: .venv/installed
	$(BIN)/python tools/chaos.py

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

.venv/installed: setup.cfg pyproject.toml tools/prepare.sh
	bash tools/prepare.sh environment
	touch $@

clean:
	rm -rf .venv build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
