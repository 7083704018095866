# `make demo` and `make test` do all the set-up themselves: a .venv beside this file, wheels from
# PyPI, nothing else. They need only make and Python 3.11 or newer.

PYTHON ?= python3
PYTHON_OLDEST ?= python3.11
DJANGO_OLDEST = Django~=5.2.0

# The demo's address; what else pytest or the demo is told: make unit ARGS="-k signing"
ADDRESS ?= 127.0.0.1:8000
ARGS ?=

VENV = .venv
VENV_OLDEST = .venv-oldest
VENV_BENCH = .venv-bench
PIP_INSTALL = -m pip install -qq --disable-pip-version-check --no-input --root-user-action=ignore
# Unit tests take one process for each core; where servers and a browser are waited for, two keep
# a core busy. ARGS="-n 0" runs them in one process, for a debugger.
PYTEST = -m pytest --dist worksteal
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
ALL = -n $(shell expr 2 \* $(CORES))
UNIT = -n $(CORES) -m "not e2e and not s3 and not rgw and not postgres and not redis"

SHELL = /bin/bash
MAKEFLAGS += --no-print-directory
.SILENT:
.DEFAULT_GOAL = help
.PHONY: help demo demo-s3 test test-full test-oldest unit docs lint types layers bench clean

help:
	echo "make demo         start the gallery on http://$(ADDRESS)/ with pictures in it"
	echo "make demo-s3      the same on an S3 server of its own, with the redirect shown (as root)"
	echo "make test         all checks and tests; what is not installed is skipped and named"
	echo "make test-full    the same, with nothing skipped (.ci/run installs what it needs)"
	echo "make test-oldest  the unit tests on the oldest Python and Django"
	echo "make unit         the unit tests alone: no browser, no server"
	echo "make docs         build the documentation in docs/_build, with warnings as errors"
	echo "make lint | types | layers   one check each: ruff, mypy, import-linter"
	echo "make bench        measure beside other apps and engines, for minutes; ARGS=\"--rounds 9\""
	echo "                  videos against ffmpeg by hand: ARGS=--videos"
	echo "make clean        remove what the other targets made, the demo's pictures included"
	echo
	echo "PYTHON=python3.13 chooses the interpreter; ARGS=... goes to pytest or to the demo."

demo: $(VENV)/.demo
	exec $(VENV)/bin/python manage.py demo $(ADDRESS) $(ARGS)

demo-s3: $(VENV)/.demo
	exec $(VENV)/bin/python manage.py demo_s3 $(ADDRESS) $(ARGS)

# Modules are compiled once, since hundreds of tests start a Python of their own.
test test-full test-oldest unit: export PYTHONDONTWRITEBYTECODE =

test: lint types layers
	$(VENV)/bin/python $(PYTEST) $(ALL) $(ARGS)

test-full: lint types layers
	SHIFT_MEDIA_FULL=1 $(VENV)/bin/python $(PYTEST) $(ALL) $(ARGS)

test-oldest: $(VENV_OLDEST)/.dev
	$(VENV_OLDEST)/bin/python $(PYTEST) $(UNIT) $(ARGS)

unit: $(VENV)/.dev
	$(VENV)/bin/python $(PYTEST) $(UNIT) $(ARGS)

docs: $(VENV)/.dev
	$(VENV)/bin/python -m sphinx -W --keep-going -q docs docs/_build
	echo "Open docs/_build/index.html"

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/.dev
	$(VENV)/bin/mypy

layers: $(VENV)/.dev
	$(VENV)/bin/lint-imports --config setup.cfg --no-logo

# glibc moves its threshold for large blocks as it goes, which shifts times by a third; here it stays.
bench: $(VENV_BENCH)/.bench
	VIPS_CONCURRENCY=1 MALLOC_MMAP_THRESHOLD_=131072 $(VENV_BENCH)/bin/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) $(VENV_OLDEST) $(VENV_BENCH) build dist docs/_build *.egg-info var
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find shift_media testproject tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# An environment of another Python than the one that is asked for by name is made anew.
ifneq ($(filter command environment,$(origin PYTHON)),)
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
ifneq ($(VERSION),)
ifeq ($(wildcard $(VENV)/lib/python$(VERSION)),)
$(shell rm -rf $(VENV))
endif
endif
endif

# Make an environment: $(1) its folder, $(2) the interpreter, $(3) what pip installs.
define set_up
	$(1)/bin/python -m pip --version >/dev/null 2>&1 || { \
	  $(2) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "shift_media needs Python 3.11 or newer, which \"$(2)\" is not. $(4)" >&2; exit 1; \
	  } && echo "Setting up $(1) with $$($(2) --version); this happens once." && \
	  $(2) -m venv --clear $(1) || { \
	    echo "No environment was made in $(1). On Debian: apt-get install python3-venv" >&2; exit 1; \
	  }; \
	} && $(1)/bin/python $(PIP_INSTALL) $(3)
endef

# A stamp newer than setup.cfg means that nothing is to be installed. The developer's environment
# holds all that the demo needs, so it sets both.
$(VENV)/.demo: setup.cfg pyproject.toml
	$(call set_up,$(VENV),$(PYTHON),-e ".[ffmpeg]",Name another one: make PYTHON=python3.13 …)
	touch $@

$(VENV)/.dev: setup.cfg pyproject.toml
	$(call set_up,$(VENV),$(PYTHON),-e ".[dev]",Name another one: make PYTHON=python3.13 …)
	touch $(VENV)/.demo $@

$(VENV_OLDEST)/.dev: setup.cfg pyproject.toml
	$(call set_up,$(VENV_OLDEST),$(PYTHON_OLDEST),-e ".[dev]" "$(DJANGO_OLDEST)",Name another one: make test-oldest PYTHON_OLDEST=python3.11)
	touch $@

$(VENV_BENCH)/.bench: setup.cfg pyproject.toml benchmarks/requirements.txt
	$(call set_up,$(VENV_BENCH),$(PYTHON),-e ".[ffmpeg]" -r benchmarks/requirements.txt,Name another one: make PYTHON=python3.13 …)
	touch $@
