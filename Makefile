# Two commands do everything: `make demo` and `make test`. Everything is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_OUT ?= runs/demo
# A file's tests stay together: they share what is slow to make. Each process takes one core.
PARALLEL ?= -n auto --maxprocesses 4 --dist loadfile

.PHONY: demo install native browser test test-all check lint clean-demo
.DEFAULT_GOAL := demo

demo: install native
	rm -rf $(DEMO_OUT) $(DEMO_OUT)-clean
	@echo "The demo network was taught a shortcut: its audit must fail (exit code 1)."
	$(BIN)/macoaudit audit samples/ --model demo --out $(DEMO_OUT); test $$? -eq 1
	@echo "Its clean twin was not: the audit must pass."
	$(BIN)/macoaudit audit samples/ --model demo-clean --out $(DEMO_OUT)-clean
	@echo "Reports: $(CURDIR)/$(DEMO_OUT)/report.html $(CURDIR)/$(DEMO_OUT)-clean/report.html"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# WeasyPrint draws text with Pango, a native library. It is installed only where it is missing.
native:
	@sh .ci/native.sh

# The tests of the pages open them in Chromium; a missing browser must not let them be skipped.
browser:
	@sh .ci/native.sh browser

test: install browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m "not slow" $(PARALLEL)

test-all: install browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q $(PARALLEL)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test
