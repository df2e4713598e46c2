# Two commands do all of their own set-up: `make run` and `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# What Debian 12 and Raspberry Pi OS call the things that PyPI can't bring.
RUN_PACKAGES := mosquitto libgl1 libgl1-mesa-dri libmtdev1
TEST_PACKAGES := $(RUN_PACKAGES) mosquitto-clients xvfb xdotool tesseract-ocr zbar-tools systemd postgresql redis-server \
    logrotate chromium fonts-roboto-unhinted nginx-light

NPM_FOLDERS := tests/support/axe tests/support/cluster
NODE_MODULES := $(NPM_FOLDERS:=/node_modules)

# $(call install,PACKAGES): installs those that are missing.
define install
	missing=""
	for package in $(1); do
	  dpkg-query --show --showformat '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"
	done
	if [ -n "$$missing" ]; then
	  if ! command -v apt-get >/dev/null; then
	    echo "Please install by your system's own means what Debian calls:$$missing" >&2
	    exit 1
	  fi
	  as_root=""
	  if [ "$$(id -u)" != 0 ]; then
	    as_root=sudo
	    command -v sudo >/dev/null || { echo "Please run as root: apt-get install$$missing" >&2; exit 1; }
	  fi
	  echo "Installing from the distribution:$$missing"
	  $$as_root apt-get update -qq
	  $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null \
	    || { echo "Could not install:$$missing" >&2; exit 1; }
	fi
endef

# $(call environment,EXTRAS): makes the virtual environment with these extras of setup.cfg.
define environment
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed; name it as in: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	if [ ! -x $(BIN)/pip ]; then
	  if ! $(PYTHON) -c 'import ensurepip' 2>/dev/null; then
	    $(call install,python3-venv)
	  fi
	  echo "Making the virtual environment .venv"
	  $(PYTHON) -m venv --clear .venv
	fi
	echo "Installing from PyPI into .venv: $(1)"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[$(1)]'
	touch $@
endef

.PHONY: help
help: ## Say what can be made
	@grep -hE '^[a-z.-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: run
run: .venv/run-ready ## Run the whole loop on this desk: brokers, daemon, page, one lamp
	@$(call install,$(RUN_PACKAGES))
	exec $(BIN)/python -m cloud.desk

.PHONY: test
test: .venv/test-ready $(NODE_MODULES) ## Run every test
	@$(call install,$(TEST_PACKAGES))
	exec $(BIN)/pytest -n 3 --dist loadgroup

ROUNDS ?= 1000
LAMPS ?= 10000
SECONDS ?= 3600
SEED ?=
DATABASE ?= sqlite

.PHONY: soak
soak: .venv/test-ready ## Have everything die at random, for long (ROUNDS, LAMPS, SECONDS, SEED, DATABASE)
	@$(call install,$(TEST_PACKAGES))
	SOAK_FULL=1 $(BIN)/pytest tests/soak/test_failover.py
	exec $(BIN)/python -m tests.soak --rounds $(ROUNDS) --lamps $(LAMPS) --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) --database $(DATABASE)

INPUTS ?= 1000000

.PHONY: fuzz
fuzz: .venv/test-ready ## Give everything that reads a million inputs (INPUTS, SEED); with atheris where it installs
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[fuzz]' \
	  || echo "atheris does not install here; hypothesis alone takes longer" >&2
	exec $(BIN)/python -m tests.fuzz --inputs $(INPUTS) $(if $(SEED),--seed $(SEED))

.PHONY: brokers
brokers: .venv/test-ready ## Run the security and bridge suites against Debian 12's, 13's and testing's Mosquitto
	@$(call install,$(TEST_PACKAGES))
	exec $(BIN)/python -m tests.support.mosquittos -n 3

.PHONY: screenshots
screenshots: .venv/test-ready ## Take a picture of every state of the touchscreen into lamp_ui/screenshots
	@$(call install,$(TEST_PACKAGES))
	exec $(BIN)/python -m tests.support.album lamp_ui/screenshots

.PHONY: bench
bench: .venv/test-ready ## Measure the cloud beside the usual way and beside paho alone, into tests/benchmarks/RESULTS.md
	@$(call install,$(TEST_PACKAGES))
	exec $(BIN)/python -m tests.benchmarks --output tests/benchmarks/RESULTS.md

.PHONY: web-screenshots
web-screenshots: .venv/test-ready ## Take a picture of every page, on a phone and a desk, into cloud/web/screenshots
	@$(call install,$(TEST_PACKAGES))
	exec $(BIN)/python -m tests.support.web_album cloud/web/screenshots

.PHONY: bench-web
bench-web: .venv/test-ready ## Measure the page beside an empty Flask page, with 50 browsers at once
	@$(call install,$(TEST_PACKAGES))
	exec $(BIN)/python -m tests.benchmarks.web

.PHONY: bench-ui
bench-ui: .venv/test-ready ## Measure the touchscreen beside a plain Kivy app that polls
	@$(call install,$(TEST_PACKAGES))
	exec $(BIN)/python -m tests.benchmarks.ui

.PHONY: check
check: .venv/test-ready ## Check style and types, and the dependencies for known vulnerabilities
	@$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m tests.support.audit

.PHONY: constraints
constraints: .venv/test-ready ## Install the newest dependencies that setup.cfg allows, and write down their versions
	@$(BIN)/pip install --quiet --upgrade --upgrade-strategy eager --editable '.[cloud,ui,dev]'
	$(BIN)/python -m tests.support.pins >constraints.new
	mv constraints.new constraints.txt
	git --no-pager diff --stat constraints.txt
	echo "Now run: make check test"

.PHONY: clean
clean: ## Remove what was made here: the environment, the desk, caches
	@rm -rf .venv .desk .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/run-ready: setup.cfg pyproject.toml constraints.txt
	@$(call environment,cloud$(comma)web$(comma)ui)

.venv/test-ready: setup.cfg pyproject.toml constraints.txt
	@$(call environment,cloud$(comma)web$(comma)ui$(comma)dev)

# The clustered broker and the checks of accessibility that tests run. No lock file: it would name the registry.
$(NODE_MODULES): %/node_modules: %/package.json
	@command -v npm >/dev/null || { $(call install,nodejs npm); }
	echo "Installing from npm into $*"
	npm install --prefix $* --no-package-lock --no-audit --no-fund --silent
	touch $@

comma := ,
