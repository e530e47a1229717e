# Each command makes the virtual environment that it needs, once, from requirements.lock.
PYTHON ?= python3.11
PYTEST_ARGS ?= -n 2 --dist loadfile --no-loadscope-reorder

PIP = -m pip --disable-pip-version-check
INSTALL = $(PIP) install --constraint requirements.lock
FROM = setup.py requirements.lock

.PHONY: help quickstart test lint format wheel wheel-test clean

help:
	@echo "make quickstart   the shipped models answer 200 tasks over gRPC (no data set needed)"
	@echo "make test         the tests"
	@echo "make lint         ruff and mypy;  make format  mends what ruff can mend"
	@echo "make wheel        dist/*.whl with the trained models;  make wheel-test  tries it far from here"
	@echo "make clean        removes environments and builds"

quickstart: .venv-quickstart/.complete
	@.venv-quickstart/bin/tfmeta quickstart

test: .venv-test/.complete
	.venv-test/bin/python -m pytest $(PYTEST_ARGS)

lint: .venv-test/.complete
	.venv-test/bin/ruff check .
	.venv-test/bin/ruff format --check .
	.venv-test/bin/mypy

format: .venv-test/.complete
	.venv-test/bin/ruff check --fix .
	.venv-test/bin/ruff format .

# build/ is removed because setuptools would carry models that are gone from saved_models/ into the new wheel.
wheel: .venv-wheel/.complete
	rm -rf build dist
	.venv-wheel/bin/python $(PIP) wheel --no-deps --wheel-dir dist .

wheel-test: wheel
	.venv-wheel/bin/python $(INSTALL) --force-reinstall --no-deps dist/tfmeta-*.whl
	.venv-wheel/bin/python $(INSTALL) dist/tfmeta-*.whl
	cd "$$(mktemp -d)" && "$(CURDIR)/.venv-wheel/bin/python" "$(CURDIR)/.ci/try_wheel.py"

.venv-quickstart/.complete: EXTRAS = quickstart
.venv-test/.complete: EXTRAS = data,detect,dev,nlp,photos,plot,rl,serve

.venv-quickstart/.complete .venv-test/.complete: $(FROM)
	$(new_environment)
	$(@D)/bin/python $(INSTALL) --editable ".[$(EXTRAS)]"
	@touch $@

.venv-wheel/.complete: $(FROM)
	$(new_environment)
	@touch $@

# $(error) rather than a failing command, because it says what is wrong in one line.
try = $(shell $(PYTHON) -c $(1) 2>/dev/null && echo yes)
define new_environment
$(if $(call try,'import sys; sys.exit(sys.version_info < (3, 11))'),,$(error tfmeta needs Python 3.11, and '$(PYTHON)' is not it; install Python 3.11, or say: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11))
$(if $(call try,'import ensurepip; import venv'),,$(error '$(PYTHON)' cannot make virtual environments; install its venv module (Debian and Ubuntu: apt install python3.11-venv)))
@rm -rf $(@D)
$(PYTHON) -m venv $(@D)
endef

clean:
	rm -rf .venv-quickstart .venv-test .venv-wheel build dist *.egg-info
