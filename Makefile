# Everything a person or a check does here. `make app` and `make test` need nothing before them but Python and make.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh
.PHONY: help setup app test test-all check samples bench peer extras train docs lock browser clean

PYTHON ?= $(shell for python in python3 python3.13 python3.14 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-compile
LOCKED := --require-hashes --only-binary :all:

# A stamp is named for what was installed and where: another lock, or a moved checkout, is another stamp.
READY := $(VENV)/.ready-$(shell { pwd; cat requirements.lock; } | cksum | cut -d' ' -f1)
READY_DEV := $(VENV)/.ready-dev-$(shell { pwd; cat requirements.lock requirements-dev.lock; } | cksum | cut -d' ' -f1)
READY_PEER := build/peer/.ready-$(shell cksum < pyproject.toml | cut -d' ' -f1)
READY_TRAIN := $(VENV)/.ready-train-$(shell { pwd; cat requirements.lock pyproject.toml; } | cksum | cut -d' ' -f1)

help:  ## what can be made
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' Makefile | column -t -s '|'

setup: $(READY)  ## install what the app needs into .venv

app: $(READY)  ## start the dashboard and tell its address; MODE=share serves published views only, MODE=read changes nothing
	@exec $(PY) app.py $(if $(MODE),--mode $(MODE)) $(ARGS)

$(READY):
	@test -x $(PY) && grep -qF "$(CURDIR)/$(VENV)" $(VENV)/bin/activate && $(PY) -c '' 2>/dev/null || { \
	test -n "$(PYTHON)" || { echo "Budgetscape needs Python 3.11 to 3.14 and found none;" \
	"install one, or name it: make $(firstword $(MAKECMDGOALS)) PYTHON=path" >&2; exit 1; }; \
	"$(PYTHON)" -m venv --clear $(VENV); }
	@echo "Installing the packages of requirements.lock into $(VENV) (once; 1.4 GB on disk) ..."
	@$(PIP) $(LOCKED) -r requirements.lock
	@$(PIP) --no-index --no-build-isolation --editable .
	@$(PY) -m budgetscape.weights
	@rm -f $(VENV)/.ready-* && touch $@

$(READY_DEV): $(READY)
	@echo "Installing the packages of requirements-dev.lock ..."
	@$(PIP) $(LOCKED) -r requirements-dev.lock
	@rm -f $(VENV)/.ready-dev-* && touch $@

# By file, since what a file sets up is then set up once (xdist's groups do nothing under this pytest).
TWICE := -n 2 --dist loadfile --no-loadscope-reorder

browser: $(READY_DEV)
	@$(PY) -m tests.chromium

test: browser  ## all tests but the long ones
	@$(PY) -m pytest $(TWICE) -m "not slow" $(ARGS)

test-all: browser  ## all tests, with the share of engine and store that they reach
	@$(PY) -m pytest $(TWICE) --cov=engine --cov=store --cov-report=term:skip-covered $(ARGS)

check: $(READY_DEV)  ## format, lint and types
	@$(VENV)/bin/ruff format --check --output-format concise .
	@$(VENV)/bin/ruff check --output-format concise .
	@$(VENV)/bin/mypy
	@$(PY) -m tools.docs --check

docs: $(READY)  ## write the generated parts of README.md and docs/ again
	@$(PY) -m tools.docs

samples: $(READY)  ## run the sample sweeps again, resumable, and write sample_runs/
	@$(PY) -m budgetscape.samples $(ARGS)

bench: $(READY_DEV)  ## run every benchmark; ARGS=--check fails where a promise does
	@failed=; for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(PY) $$file $(ARGS) || failed="$$failed $$file"; done; \
	test -z "$$failed" || { echo "failed:$$failed" >&2; exit 1; }

peer: $(READY_PEER)  ## install inspect-ai into build/peer, so that `make bench` compares with it

$(READY_PEER): $(READY)
	@$(PY) -m venv --clear build/peer
	@$(PY) -c 'import tomllib; groups = tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]; \
	print(*groups["peer"], sep="\n")' > build/peer/packages.txt
	@build/peer/bin/python -m pip install --quiet --disable-pip-version-check -r build/peer/packages.txt
	@touch $@

extras: $(READY)  ## install what is optional: Ray for many machines
	@sed -nE 's/^([a-z0-9._-]+==[^\\]*).*/\1/p' requirements.lock > $(VENV)/constraints.txt
	@$(PY) -c 'import tomllib; extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
	print(*sum(extras.values(), []), sep="\n")' > $(VENV)/extras.txt
	@$(PY) -m pip install --disable-pip-version-check -r $(VENV)/extras.txt -c $(VENV)/constraints.txt

train: $(READY_TRAIN)  ## train the searchers on board (hours; installs torch)
	@$(PY) -m training.run $(ARGS)

$(READY_TRAIN): $(READY)
	@sed -nE 's/^([a-z0-9._-]+==[^\\]*).*/\1/p' requirements.lock > $(VENV)/constraints.txt
	@$(PY) -c 'import tomllib; groups = tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]; \
	print(*groups["training"], sep="\n")' > $(VENV)/training.txt
	@$(PY) -m pip install --disable-pip-version-check -r $(VENV)/training.txt -c $(VENV)/constraints.txt
	@touch $@

lock: $(READY_DEV)  ## resolve both locks again (needs uv)
	@uv pip compile pyproject.toml --group build $(UV_COMPILE) -o requirements.lock
	@uv pip compile --group pyproject.toml:dev --constraint requirements.lock $(UV_COMPILE) \
	$$(sed -nE 's/^([a-z0-9._-]+)==.*/--no-emit-package \1/p' requirements.lock) -o requirements-dev.lock

UV_COMPILE := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

clean:  ## remove what was installed and cached here; the data folder stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage htmlcov
