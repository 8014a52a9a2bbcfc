# make demo    sets everything up and runs the main job (IMAGES=folder: on yours)
# make test    sets everything up and passes the tests (PYTHON=python3.13
#              VENV=.venv-3.13: with another Python, in an environment of its own)
# make test-oldest  passes them with the oldest versions that setup.cfg allows
#              (PYTHON=python3.11: the oldest Python)
# make screenshots  takes the pictures of README and tutorial again (IMAGES=folder
#                  MASKS=folder TISSUE=folder WORK=folder)
# make install the set-up alone
# make lint    the static checks alone

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test tests test-oldest lint install system screenshots

demo: $(STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/demo.sh "$(IMAGES)"

test: lint tests

tests: system $(STAMP)
	@# Each process holds TensorFlow, 1 to 2 GB: four at most.
	$(BIN)/pytest -n logical --maxprocesses 4 --dist worksteal \
		tests/engine tests/test_packaging.py tests/test_imports.py
	@# A process of its own: TensorFlow and a viewer in one crash on Linux.
	xvfb-run -a $(BIN)/pytest -n logical --maxprocesses 3 --dist worksteal tests/plugin
	xvfb-run -a $(BIN)/pytest tests/e2e

# Not linted: ruff and mypy get stricter.
test-oldest:
	mkdir -p .venv-oldest
	sed -nE 's/^ +([A-Za-z0-9-]+)>=([0-9.]+).*/\1==\2/p' setup.cfg >.venv-oldest/versions
	PIP_CONSTRAINT="$(CURDIR)/.venv-oldest/versions" $(MAKE) VENV=.venv-oldest tests

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/npe2 validate napari_unet/napari.yaml --imports

install: $(STAMP)

screenshots: system $(STAMP)
	xvfb-run -a -s "-screen 0 1440x900x24" $(BIN)/python scripts/screenshots.py \
		$(if $(IMAGES),--images "$(IMAGES)") $(if $(MASKS),--masks "$(MASKS)") \
		$(if $(TISSUE),--tissue "$(TISSUE)") $(if $(WORK),--work "$(WORK)")

# Set up again only when the dependencies change.
$(STAMP): setup.cfg
	@# Debian's own Python can't make environments until python3-venv is there.
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || scripts/system_packages.sh python3-venv
	@echo "Setting up $(VENV): this takes some minutes, and 3 GB ..."
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@# Of editable installs setuptools warns whoever makes one.
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $(STAMP)

system:
	@scripts/system_packages.sh
