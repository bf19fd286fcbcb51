# All set-up happens by itself: `make demo` to see it, `make test` to check it.
PYTHON ?= python3
BIN := .venv/bin
SHELL := /bin/bash

.PHONY: demo test lint cover assess clean tor

demo: .venv/ready tor
	@$(BIN)/onionchat demo

# WITHOUT names what need not run again. Tests wait more than they work, so there are more at once than processors. What
# fails or hangs in that crowd is shown, and has to pass alone. The observer needs a machine that does nothing else.
test: .venv/ready tor
	@$(call alone,-n $(shell expr 2 \* $$(nproc)) $(ENDED),tests $(addprefix --ignore=tests/,system $(WITHOUT)))
	@$(call alone,-n auto --dist loadfile $(ENDED),tests/system --ignore=tests/system/test_observe.py)
	@$(call alone,,tests/system/test_observe.py)

ENDED = -o faulthandler_timeout=240 -o faulthandler_exit_on_timeout=true
alone = $(BIN)/python -m pytest $(1) $(2) \
  || { [ $$? = 1 ] && echo "once more, alone: what failed" && $(BIN)/python -m pytest $(2) --lf --lfnf=none; }

lint: .venv/ready
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# The pure packages carry everything: their own tests run at least 99 % of the branches of crypto and protocol (what is
# left out has its reason on its line) and 95 % of those of control, or this fails.
cover: .venv/ready
	@for part in crypto=99 protocol=99 control=95; do \
	  name=$${part%=*}; \
	  COVERAGE_FILE=.coverage.$$name $(BIN)/python -m pytest -n auto tests/$$name --cov=onionchat.$$name --cov-branch \
	    --cov-report=term:skip-covered --cov-fail-under=$${part#*=} || exit 1; \
	done

# Hours; resumable. Results go to docs/assessment.
assess: .venv/ready
	@$(BIN)/python -c 'import atheris' 2>/dev/null \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check 'atheris>=3.0' \
	  || echo "atheris cannot be had here: fuzzing is left out"
	@$(BIN)/python -m tests.assess

clean:
	@rm -rf .venv .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info build

.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "onionchat needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(call apt,python3-venv)
	@echo "setting up .venv (once) …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --editable '.[dev,lab]'
	@touch $@

tor:
	@{ command -v tor && command -v tor-gencert; } >/dev/null || $(call apt,tor)

# As root, through sudo, or a line that says what to do.
define apt
{ echo "installing $(1) from the system's packages …"; \
  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then as=""; \
  elif command -v sudo >/dev/null && command -v apt-get >/dev/null; then as="sudo"; \
  else echo "please install the package «$(1)» with your system's package manager, then run make again"; exit 1; fi; \
  $$as apt-get -qq update && DEBIAN_FRONTEND=noninteractive $$as apt-get -qq install --yes --no-install-recommends $(1) >/dev/null \
  || { echo "«$(1)» could not be installed: install it by hand, then run make again"; exit 1; }; }
endef
