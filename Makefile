# Every target sets itself up: a virtual environment in .venv, filled once from the package index.
# Needed beforehand: make, Python 3.11 or later with venv, about 6 GB of disk for PyTorch.

PYTHON ?= python3
DATA ?= ../shared/msrc21
CONFIG ?= configs/msrc21.yaml
OUT ?=
SEED ?= 0
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install test test-recipes test-wheel test-minimum quickstart train data docs lint types clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s%s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  Variables: PYTHON=$(PYTHON)  OUT=$(OUT)  SEED=$(SEED)  DATA=$(DATA)  CONFIG=$(CONFIG)  ARGS=$(ARGS)"

install: $(STAMP)  ## set up .venv; the other targets do so themselves

# Filled again only when pyproject.toml changes; an installation that was interrupted leaves no stamp and is taken up.
$(STAMP): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "error: no $(PYTHON), expected Python 3.11 or later. Install it (Debian: apt install python3 python3-venv), or name another: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is $$($(PYTHON) --version), expected Python 3.11 or later. Name another: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "error: $(PYTHON) has no venv, which Debian packs apart. Run: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install -e ".[imagenet,dev]"
	@touch $@

test: $(STAMP)  ## run the tests and the examples in docstrings, on all cores up to four
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

test-recipes: $(STAMP)  ## one step of every recipe in configs/, about ten minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 2 --dist worksteal -m recipes tests/benchmarks/test_recipes.py $(ARGS)

test-wheel: $(STAMP)  ## the wheel without extras in an environment of its own: a user's first commands, in an empty folder
	VENV_BIN=$(CURDIR)/$(BIN) tools/test_wheel.sh

test-minimum: $(STAMP)  ## the same and the tests of what depends on them, with the lowest dependencies that are admitted
	VENV_BIN=$(CURDIR)/$(BIN) tools/test_minimum.sh

quickstart: $(STAMP)  ## the whole method in minutes, with no download: a drawn world, a tiny CLIP; OUT, SEED
	$(BIN)/clipteacher quickstart --out $(or $(OUT),runs/quickstart) --seed $(SEED) $(ARGS)

train: data $(STAMP)  ## train CONFIG on DATA, score it, and draw OUT/report.png
	$(BIN)/clipteacher fit --config $(CONFIG) --data.root $(DATA) --out $(or $(OUT),runs/train) --resume $(ARGS)

data:
	@test -f "$(DATA)/classes.txt" || { printf '%s\n' \
		"error: no data at DATA=$(DATA), expected a folder with" \
		"  classes.txt                 one class name a line, in the order of the mask ids" \
		"  images/train/, images/val/  photos" \
		"  masks/train/, masks/val/    one PNG of class ids for each photo, 255 = ignore" \
		"Run: make train DATA=/path/to/your/data CONFIG=your.yaml" \
		"where your.yaml is a copy of configs/msrc21.yaml that names unseen classes of yours." >&2; exit 1; }

docs: $(STAMP)  ## build the documentation site in site/: no warning, no dead link
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "Open site/index.html in a browser."

lint: $(STAMP)  ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## check types (mypy, strict)
	$(BIN)/mypy

clean:  ## remove caches and build outputs; .venv and runs/ stay
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
