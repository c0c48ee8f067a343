# Two commands do everything: `make demo` and `make test`. Both set themselves up.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed

.PHONY: demo test test-long check style types suite bench docs docs-serve release-check clean

demo: $(READY)  ## compare a short list of recipes on a table that scikit-learn ships, into demo/
	rm -rf demo
	$(BIN)/equipoise compare --demo --out demo

test: style  ## everything that CI runs, on two cores; mypy, on one, beside the tests
	@+$(MAKE) --no-print-directory --jobs 2 types suite

suite: $(READY)
	$(BIN)/pytest --numprocesses 2 --dist worksteal

test-long: $(READY)  ## what takes too long for every change
	$(BIN)/pytest -m long --timeout 0 -o faulthandler_timeout=0

check: style types  ## style and types

style: $(READY)
	$(BIN)/ruff check src tests benchmarks reproductions docs conftest.py
	$(BIN)/ruff format --check src tests benchmarks reproductions docs conftest.py

types: $(READY)
	$(BIN)/mypy

bench: $(READY)  ## speed against peers, each ratio measured side by side in one run
	$(BIN)/python -m benchmarks

docs: $(READY)  ## the documentation site, into build/docs; warnings are errors
	$(BIN)/sphinx-build -W --keep-going --quiet -b html -d build/doctrees docs build/docs
	$(BIN)/sphinx-build -W --keep-going --quiet -b markdown -d build/doctrees docs build/markdown
	$(BIN)/python docs/markdown_twins.py build/markdown build/docs

docs-serve: docs  ## the same, at http://localhost:8000
	$(BIN)/python -m http.server --bind localhost --directory build/docs 8000

$(READY): pyproject.toml reproductions/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "equipoise needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable '.[dev,docs]' --editable reproductions
	@$(BIN)/python -m compileall -q -j 0 .venv/lib src reproductions/src >/dev/null || true  # on all cores; pip has one
	@touch $(READY)

release-check:  ## wheel and sdist, built, checked and used in fresh environments
	PYTHON=$(PYTHON) .ci/release-check

clean:
	rm -rf .venv demo
