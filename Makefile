# Two commands are the whole set-up: `make demo` and `make test`. Both make .venv when it is missing or out of date.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SUPPORT := build/tflite-support

.PHONY: demo test lint types unit metadata-check android arm64 clean

demo: $(READY)
	$(BIN)/dpocket demo --out build/demo

test: lint types unit

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

unit: $(READY)
	$(BIN)/pytest -n 2 --dist loadfile

# tflite-support 0.4.4 reads the TFLite metadata back, in an environment of its own: it needs older protobuf and numpy.
metadata-check: $(READY) $(SUPPORT)/.ready
	TFLITE_SUPPORT_PYTHON=$(SUPPORT)/bin/python $(BIN)/pytest -rs tests/convert/test_tflite_metadata.py

$(SUPPORT)/.ready: tests/convert/tflite_support/requirements.txt
	$(PYTHON) -m venv $(SUPPORT)
	$(SUPPORT)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "dpocket needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[train,convert,dev]'
	@touch $@

# The phone app without Gradle or SDK: downloads once (Debian, npm) to build/android, then every check of the ladder.
android: $(READY)
	$(BIN)/python -m android_demo.tools.setup
	$(BIN)/python -m android_demo.tools.ladder

# The student on emulated ARM64 CPUs (Debian's qemu-user and cross compilers); 77: they are not here, and why was said.
arm64: $(READY)
	$(BIN)/python -m android_demo.arm64.sweep $(if $(wildcard build/plain),--plain build/plain) || test $$? -eq 77

clean:
	rm -rf build $(VENV)
