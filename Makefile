# `make demo` and `make test` need only make and Python 3.11 or newer. They create a virtual
# environment in .venv and install packages from PyPI into it.

PYTHON ?= python3
PYTHON_OLDEST ?= python3.11
DJANGO_OLDEST = Django~=5.2.0

# The address of the demo, and further arguments for pytest or the demo: make unit ARGS="-k signing"
ADDRESS ?= 127.0.0.1:8000
ARGS ?=
# A folder of photographs for make bench.
PHOTOS ?=

VENV = .venv
VENV_OLDEST = .venv-oldest
VENV_BENCH = .venv-bench
VENV_DIST = .venv-dist
VENV_MATRIX = .venv-matrix
SHARP = sharp@~0.35
# In a variable, because each comma in a $(call …) begins another argument.
BENCH_PACKAGES = -e ".[ffmpeg,heic,pdf,svg]" -r benchmarks/requirements.txt
PIP_INSTALL = -m pip install -qq --disable-pip-version-check --no-input --root-user-action=ignore
# `make unit` is for the minutes between two edits, so it leaves out slow tests, too.
# The unit tests run in one process for each core. Tests that wait for a server need one more to keep
# the cores busy, and those that wait for a browser, too, need two for each core: each process takes
# seconds to import and collect all tests. ARGS="-n 0" runs them in one process, for a debugger.
PYTEST = -m pytest --dist worksteal
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
WAITING = -n $(shell expr 1 + $(CORES))
FULL = -n $(shell expr 2 \* $(CORES))
WITHOUT_SERVERS = not e2e and not s3 and not rgw and not postgres and not mariadb and not redis

# In a new environment they run beside a collection of all tests, which writes the bytecode that each
# process of pytest would compile by itself otherwise.
CHECKS = $(MAKE) -j2 --output-sync lint types layers $(VENV)/.collected

SHELL = /bin/bash
MAKEFLAGS += --no-print-directory
.SILENT:
.DEFAULT_GOAL = help
.PHONY: help demo demo-s3 test test-full test-oldest unit docs screenshots links lint types layers bench dist matrix coverage evidence fuzz audit loss load clean

help:
	echo "make demo         start a gallery with sample pictures on http://$(ADDRESS)/"
	echo "make demo-s3      the same on an S3 server that it starts, and show redirects (as root)"
	echo "make test         all checks and tests; tests that need a missing program are skipped"
	echo "make test-full    the same, but a skipped test fails (.ci/run installs what is needed)"
	echo "make test-oldest  all tests without browser and servers on the oldest Python and Django"
	echo "make unit         the quick tests only, without browser, servers and what takes long"
	echo "make docs         build the documentation in docs/_build, with warnings as errors"
	echo "make screenshots  take the pictures of the documentation from the demo, by Chromium"
	echo "make links        open each address of the documentation that leads out of it"
	echo "make lint | types | layers   one check each: ruff, mypy, import-linter"
	echo "make bench        compare with other packages, for minutes; ARGS=\"--rounds 9\""
	echo "                  PHOTOS=folder measures your own photographs (JPEG files)"
	echo "                  ARGS=--videos compares videos with ffmpeg commands"
	echo "                  ARGS=\"--server --quick\" measures the view under real servers"
	echo "                  ARGS=--sharp compares with sharp, which npm installs if it is there"
	echo "make coverage     all tests, then lines and branches of the package that none of them ran"
	echo "make evidence     record the results of the last make test-full for the page on evidence"
	echo "make dist         build and check the sdist and the wheel in dist/, with a list of licences"
	echo "make matrix       the wheel on each Python, Django, extra and database; ARGS=\"-s unit\" runs a part"
	echo "make fuzz         feed mutated files to every parser; ARGS=\"--seconds 60 --target jpeg --seed 1\""
	echo "make audit        look the installed packages up in a database of known vulnerabilities"
	echo "make loss         kill everything at random for 10 minutes, then audit; ARGS=\"--seconds 60 --seed 7\""
	echo "make load         a site of two hosts under load for half an hour; ARGS=\"--minutes 2\""
	echo "make clean        remove everything that the other targets made, including the demo's pictures"
	echo
	echo "PYTHON=python3.13 chooses the interpreter; ARGS=... goes to pytest or to the demo."

demo: $(VENV)/.demo
	exec $(VENV)/bin/python manage.py demo $(ADDRESS) $(ARGS)

demo-s3: $(VENV)/.demo
	exec $(VENV)/bin/python manage.py demo_s3 $(ADDRESS) $(ARGS)

# Write bytecode even if the caller's environment forbids it, because hundreds of tests start a
# Python of their own. `make clean` removes the bytecode.
test test-full test-oldest unit: export PYTHONDONTWRITEBYTECODE =

test: $(VENV)/.dev
	$(CHECKS)
	$(VENV)/bin/python $(PYTEST) $(WAITING) $(ARGS)

test-full: $(VENV)/.dev
	$(CHECKS)
	SHIFT_MEDIA_FULL=1 $(VENV)/bin/python $(PYTEST) $(FULL) --results=var/results.json $(ARGS)

# The page docs/explanation/evidence.rst shows what this records.
evidence: $(VENV)/.dev
	$(VENV)/bin/python -m tests.acceptance $(ARGS)

test-oldest: $(VENV_OLDEST)/.dev
	$(VENV_OLDEST)/bin/python $(PYTEST) -n $(CORES) -m "$(WITHOUT_SERVERS)" $(ARGS)

unit: $(VENV)/.dev
	$(VENV)/bin/python $(PYTEST) -n $(CORES) -m "$(WITHOUT_SERVERS) and not slow" $(ARGS)

# Missing parts are skipped. A test that fails under the tracer does not end the report.
coverage: $(VENV)/.dev
	rm -rf var/coverage && mkdir -p var/coverage
	$(VENV)/bin/python -m coverage run $(PYTEST) $(WAITING) $(ARGS) || true
	$(VENV)/bin/python -m coverage combine -q
	$(VENV)/bin/python -m coverage report

docs: $(VENV)/.dev
	$(VENV)/bin/python -m sphinx -W --keep-going -q docs docs/_build
	echo "Open docs/_build/index.html"

screenshots: $(VENV)/.dev
	$(VENV)/bin/python docs/screenshots.py $(ARGS)

# It needs the Internet. `make docs` checks what leads from page to page.
links: $(VENV)/.dev
	$(VENV)/bin/python -m sphinx -q -b linkcheck docs docs/_build/links
	echo "All addresses answer; docs/_build/links/output.txt lists them."

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/.dev
	$(VENV)/bin/mypy

layers: $(VENV)/.dev
	$(VENV)/bin/lint-imports --config setup.cfg --no-logo

# glibc adapts its threshold for large blocks at run time, which changes times by a third, so it is
# fixed here.
bench: $(VENV_BENCH)/.bench
	VIPS_CONCURRENCY=1 MALLOC_MMAP_THRESHOLD_=131072 $(VENV_BENCH)/bin/python -m benchmarks $(if $(PHOTOS),--photos "$(PHOTOS)") $(ARGS)

# The packages of what is committed. Only the tools are installed, not the package.
dist: $(VENV_DIST)/.dist
	$(VENV_DIST)/bin/python .ci/dist.py

# The sessions of .ci/noxfile.py, then a table. nox finds the interpreters of pyenv by its commands,
# which work only for the versions that a variable names.
matrix: $(VENV_MATRIX)/.matrix
	mkdir -p var/matrix
	rm -f var/matrix/results.jsonl
	PYENV_VERSION="$${PYENV_VERSION:-$$(pyenv versions --bare 2>/dev/null | paste -sd:)}" \
	PATH="$$PWD/$(VENV_MATRIX)/bin:$$PATH" $(VENV_MATRIX)/bin/nox -f .ci/noxfile.py $(ARGS); \
	status=$$?; $(VENV_MATRIX)/bin/python .ci/noxfile.py && exit $$status

fuzz: $(VENV)/.dev
	$(VENV)/bin/python -m tests.fuzz $(ARGS)

# It asks the advisory database of the Python Packaging Authority about each installed package.
audit: $(VENV)/.dev
	$(VENV)/bin/python $(PIP_INSTALL) pip-audit
	$(VENV)/bin/python -m pip_audit --local --skip-editable $(ARGS)

loss: $(VENV)/.dev
	$(VENV)/bin/python -m tests.loss $(ARGS)

load: $(VENV)/.dev
	$(VENV)/bin/python -m benchmarks.load $(ARGS)

clean:
	rm -rf $(VENV) $(VENV_OLDEST) $(VENV_BENCH) $(VENV_DIST) $(VENV_MATRIX) build dist docs/_build *.egg-info var
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find shift_media testproject tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# If PYTHON names another version than that of the environment, the environment is created again.
ifneq ($(filter command environment,$(origin PYTHON)),)
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
ifneq ($(VERSION),)
ifeq ($(wildcard $(VENV)/lib/python$(VERSION)),)
$(shell rm -rf $(VENV))
endif
endif
endif

# Create an environment: $(1) its folder, $(2) the interpreter, $(3) what is installed, $(4) a hint.
# uv takes a sixth of pip's CPU time. It does not read pip's configuration, which may name the mirror
# of a company, so pip installs what uv could not.
define set_up
	$(1)/bin/python -m pip --version >/dev/null 2>&1 || { \
	  $(2) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "shift_media needs Python 3.11 or newer, which \"$(2)\" is not. $(4)" >&2; exit 1; \
	  } && echo "Setting up $(1) with $$($(2) --version); this happens once." && \
	  $(2) -m venv --clear $(1) || { \
	    echo "No environment could be created in $(1). On Debian: apt-get install python3-venv" >&2; exit 1; \
	  }; \
	} && { \
	  $(1)/bin/python $(PIP_INSTALL) uv 2>/dev/null && \
	  $(1)/bin/uv pip install -q --python $(1)/bin/python $(3) 2>/dev/null || \
	  $(1)/bin/python $(PIP_INSTALL) $(3); \
	}
endef

# A comma in the text of a call would begin its next argument.
BENCH_PACKAGES := -e ".[ffmpeg,heic,pdf,svg]" -r benchmarks/requirements.txt

# If a stamp is newer than setup.cfg, everything is installed. The environment of developers contains
# everything that the demo needs, so its rule touches both stamps.
$(VENV)/.demo: setup.cfg pyproject.toml
	$(call set_up,$(VENV),$(PYTHON),-e ".[ffmpeg]",Name another one: make PYTHON=python3.13 …)
	touch $@

$(VENV)/.dev: setup.cfg pyproject.toml
	$(call set_up,$(VENV),$(PYTHON),-e ".[dev]",Name another one: make PYTHON=python3.13 …)
	touch $(VENV)/.demo $@

$(VENV)/.collected: $(VENV)/.dev
	$(VENV)/bin/python -m pytest -n 0 --collect-only -qq >/dev/null 2>&1 || true
	touch $@

$(VENV_OLDEST)/.dev: setup.cfg pyproject.toml
	$(call set_up,$(VENV_OLDEST),$(PYTHON_OLDEST),-e ".[dev]" "$(DJANGO_OLDEST)",Name another one: make test-oldest PYTHON_OLDEST=python3.11)
	touch $@

$(VENV_BENCH)/.bench: setup.cfg pyproject.toml benchmarks/requirements.txt
	$(call set_up,$(VENV_BENCH),$(PYTHON),$(BENCH_PACKAGES),Name another one: make PYTHON=python3.13 …)
	$(VENV_BENCH)/bin/python -m venv $(VENV_BENCH)/thumbor && \
	  $(VENV_BENCH)/thumbor/bin/python $(PIP_INSTALL) thumbor || \
	  echo "thumbor's server is left out of the comparison, because pip could not install it." >&2
	npm install --silent --no-audit --no-fund --prefix $(VENV_BENCH)/npm $(SHARP) || \
	  echo "sharp is left out of the comparison, because npm could not install it." >&2
	touch $@

$(VENV_MATRIX)/.matrix: setup.cfg
	$(call set_up,$(VENV_MATRIX),$(PYTHON),build nox uv,Name another one: make PYTHON=python3.13 …)
	touch $@

$(VENV_DIST)/.dist: setup.cfg
	$(call set_up,$(VENV_DIST),$(PYTHON),build check-wheel-contents cyclonedx-bom pip-licenses pyroma twine,Name another one: make PYTHON=python3.13 …)
	touch $@
