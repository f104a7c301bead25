# The only verbs of the project. Each makes the environment itself on a machine that has Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check bench docs image audit-dependencies clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   draw a crowd, learn from it, score before and after, write demo/report.html"
	@echo "make test   run the tests"
	@echo "make check  format, lint, types, import layers"
	@echo "make bench  measure the hot parts (about an hour; a million rows take 6 GB)"
	@echo "make docs   build the documentation into site/"
	@echo "make image  build a container image for the CPU, if this machine has a builder"
	@echo "make audit-dependencies  compare constraints.txt with known vulnerabilities (needs a network)"
	@echo "make clean  delete the environment and what was built"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "reseen needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,docs]'
	touch $@

demo: $(READY)
	$(BIN)/reseen demo demo

# One thread per worker: tests run on two processes, and threads of both would only wait for each other.
# Modules are compiled once, whatever the environment says: tests start many processes, each of which would compile all.
test: $(READY)
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest

check: $(READY)
	$(BIN)/ruff format --check src tests benchmarks examples docs
	$(BIN)/ruff check src tests benchmarks examples docs
	$(BIN)/pyrefly check --python-interpreter-path $(BIN)/python
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python benchmarks/speed.py

docs: $(READY)
	$(BIN)/mkdocs build --strict

image:
	docker/build.sh

# Not part of test: it asks a public database. Its own environment keeps it out of what is audited.
audit-dependencies:
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(VENV)-audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

clean:
	rm -rf $(VENV) $(VENV)-audit site dist demo .pytest_cache .ruff_cache .hypothesis
