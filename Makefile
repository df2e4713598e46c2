# `make run` and `make test` install everything that they need.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Packages of Debian 12 and Raspberry Pi OS that PyPI doesn't have.
RUN_PACKAGES := mosquitto libgl1 libgl1-mesa-dri libmtdev1
TEST_PACKAGES := $(RUN_PACKAGES) mosquitto-clients xvfb xdotool tesseract-ocr zbar-tools systemd postgresql redis-server \
    logrotate chromium fonts-roboto-unhinted nginx-light curl pgbouncer prometheus gcc libc6-dev mosquitto-dev libmosquitto-dev

NPM_FOLDERS := tests/support/axe tests/support/cluster
NODE_MODULES := $(NPM_FOLDERS:=/node_modules)

# $(call install,PACKAGES): installs the missing ones. A package also counts as installed if another one provides it, as
# Debian 13's libmtdev1t64 provides libmtdev1.
define install
	present="$$(dpkg-query --show --showformat '$${db:Status-Abbrev} $${Package} $${Provides}\n' 2>/dev/null \
	  | sed -n 's/^ii //p' | tr ', ' '\n\n')" || true
	missing=""
	for package in $(1); do
	  grep -qxF $$package <<<"$$present" || missing="$$missing $$package"
	done
	if [ -n "$$missing" ]; then
	  if ! command -v apt-get >/dev/null; then
	    echo "Please install the equivalents of these Debian packages:$$missing" >&2
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

# $(call environment,EXTRAS): creates the virtual environment with these extras of setup.cfg.
define environment
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "Python 3.11, 3.12 or 3.13 is needed; name it as in: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(sys.maxsize < 2**32)' \
	  || { echo "A 64-bit system is needed (Raspberry Pi OS 64-bit): PyPI has no Kivy for this one" >&2; exit 1; }
	if [ ! -x $(BIN)/pip ]; then
	  if ! $(PYTHON) -c 'import ensurepip' 2>/dev/null; then
	    $(call install,python3-venv)
	  fi
	  echo "Creating the virtual environment .venv"
	  $(PYTHON) -m venv --clear .venv
	fi
	echo "Installing from PyPI into .venv: $(1)"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[$(1)]'
	touch $@
endef

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z.-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

.PHONY: run
run: .venv/run-ready ## Run everything on this machine: brokers, daemon, web page, one lamp
	@$(call install,$(RUN_PACKAGES))
	exec $(BIN)/python -m cloud.devtools.local_stack

.PHONY: test
test: .venv/test-ready $(NODE_MODULES) ## Run every test
	@$(call install,$(TEST_PACKAGES))
	exec $(BIN)/pytest -n 4 --dist loadgroup

.PHONY: quick
quick: .venv/test-ready ## Run the fast tests that need no server
	@exec $(BIN)/pytest -q -n 4 --dist worksteal -m 'not server and not slow' --hypothesis-profile quick

# Tests of what differs between distributions: Python, and the distribution's programs.
DISTRIBUTION_TESTS := tests/security tests/cloud/ops/backup tests/cloud/ops/provisioning \
    tests/cloud/ops/deploy/test_monitoring.py tests/test_dependencies.py \
    tests/test_packaging.py $(patsubst %,tests/integration/test_%.py,bridge local_stack loop odd_places restore supervisord web_nginx) \
    $(patsubst %,tests/lamp_ui/test_%.py,deploy pi popup screen start touch)

.PHONY: test-distribution
test-distribution: .venv/test-ready $(NODE_MODULES) ## Run the tests of what differs between distributions
	@$(call install,$(TEST_PACKAGES))
	exec $(BIN)/pytest -n 4 --dist loadgroup $(DISTRIBUTION_TESTS)

ROUNDS ?= 1000
LAMPS ?= 10000
SECONDS ?= 3600
SEED ?=
DATABASE ?= sqlite

.PHONY: soak
soak: .venv/test-ready ## Run the chaos suite (ROUNDS, LAMPS, SECONDS, SEED, DATABASE)
	@$(call install,$(TEST_PACKAGES))
	SOAK_FULL=1 $(BIN)/pytest tests/soak/test_failover.py
	exec $(BIN)/python -m tests.soak --rounds $(ROUNDS) --lamps $(LAMPS) --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) --database $(DATABASE)

INPUTS ?= 1000000

.PHONY: fuzz
fuzz: .venv/test-ready ## Feed a million inputs to each parser (INPUTS, SEED); uses atheris if it can be installed
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[fuzz]' \
	  || echo "atheris can't be installed here; using hypothesis alone, which takes longer" >&2
	exec $(BIN)/python -m tests.fuzz --inputs $(INPUTS) $(if $(SEED),--seed $(SEED))

.PHONY: brokers
brokers: .venv/test-ready ## Run the security and bridge suites against Debian 12's, 13's and testing's Mosquitto
	@$(call install,$(TEST_PACKAGES))
	exec $(BIN)/python -m tests.support.mosquittos

.PHONY: screenshots
screenshots: .venv/test-ready ## Take screenshots of every state of the touchscreen into lamp_ui/screenshots
	@$(call install,$(TEST_PACKAGES))
	exec $(BIN)/python -m tests.support.album lamp_ui/screenshots

.PHONY: translations
translations: .venv/test-ready ## Add new texts to the translations, remove unused ones, and compile them
	@exec $(BIN)/python -m tests.support.catalogues

.PHONY: bench
bench: .venv/test-ready ## Compare the cloud with a baseline and paho alone, into tests/benchmarks/RESULTS.md
	@$(call install,$(TEST_PACKAGES))
	exec $(BIN)/python -m tests.benchmarks --output tests/benchmarks/RESULTS.md

.PHONY: web-screenshots
web-screenshots: .venv/test-ready ## Take screenshots of every page, phone and desktop, into cloud/web/screenshots
	@$(call install,$(TEST_PACKAGES))
	exec $(BIN)/python -m tests.support.web_album cloud/web/screenshots

.PHONY: bench-web
bench-web: .venv/test-ready ## Compare the web page with an empty Flask page, with 50 browsers at once
	@$(call install,$(TEST_PACKAGES))
	exec $(BIN)/python -m tests.benchmarks.web

.PHONY: bench-ui
bench-ui: .venv/test-ready ## Compare the touchscreen with a plain Kivy app that polls
	@$(call install,$(TEST_PACKAGES))
	exec $(BIN)/python -m tests.benchmarks.ui

.PHONY: check
check: .venv/test-ready ## Check style and types, and audit the dependencies
	@$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m tests.support.audit

DEBIAN ?= trixie
AS ?= root
TARGETS ?= run test

.PHONY: try
try: ## Try make's targets on a fresh Debian (DEBIAN=trixie, AS=root or user, TARGETS="run test"); needs debootstrap
	@exec tests/debian/try.sh $(DEBIAN) $(AS) $(TARGETS)

.PHONY: constraints
constraints: .venv/test-ready ## Pin the newest versions that setup.cfg and the package.json files allow
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[pins]'
	{
	  sed '/^#/!d' constraints.txt
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --all-extras --no-header --no-annotate setup.cfg \
	    | sed "/sys_platform == 'win32'/d"
	} >constraints.new
	mv constraints.new constraints.txt
	sed -i "s/\"setuptools==[^\"]*\"/\"$$(grep '^setuptools==' constraints.txt)\"/" pyproject.toml
	for folder in $(NPM_FOLDERS); do
	  npm update --prefix $$folder --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund --silent
	done
	git --no-pager diff --stat
	echo "Now run: make check test"

.PHONY: clean
clean: ## Remove all generated files: the environment, the local stack, caches
	@rm -rf .venv .desk .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/run-ready: setup.cfg pyproject.toml constraints.txt
	@$(call environment,cloud$(comma)web$(comma)ui)

.venv/test-ready: setup.cfg pyproject.toml constraints.txt
	@$(call environment,cloud$(comma)web$(comma)ui$(comma)dev)

# The clustered broker and the accessibility checks that tests run. The lock files name no registry.
$(NODE_MODULES): %/node_modules: %/package.json %/package-lock.json
	@command -v npm >/dev/null || { $(call install,nodejs npm); }
	echo "Installing from npm into $*"
	npm ci --prefix $* --no-audit --no-fund --silent
	touch $@

comma := ,
