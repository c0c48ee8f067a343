# Two commands do everything: `make demo` and `make test`. Both set themselves up.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed

.PHONY: demo test test-long check bench docs docs-serve release-check clean

demo: $(READY)  ## compare a short list of recipes on a table that scikit-learn ships, into demo/
	rm -rf demo
	$(BIN)/equipoise compare --demo --out demo

test: check  ## everything that CI runs, on two cores
	$(BIN)/pytest --numprocesses 2 --dist worksteal

test-long: $(READY)  ## what takes too long for every change
	$(BIN)/pytest -m long --timeout 0 -o faulthandler_timeout=0

check: $(READY)  ## style and types
	$(BIN)/ruff check src tests benchmarks reproductions docs conftest.py
	$(BIN)/ruff format --check src tests benchmarks reproductions docs conftest.py
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
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,docs]' --editable reproductions
	@touch $(READY)

release-check:  ## wheel and sdist, built, checked and used in fresh environments
	PYTHON=$(PYTHON) .ci/release-check

clean:
	rm -rf .venv demo
