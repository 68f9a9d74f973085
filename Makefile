# Two commands set everything up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint bench bench-sim bench-boxes bench-codec clean

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "peernet needs Python 3.11 or newer; set PYTHON=, e.g. make PYTHON=python3.12")'
	test -x $(BIN)/python || env -u PYTHONDONTWRITEBYTECODE $(PYTHON) -m venv $(VENV)
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pip install --quiet --editable . --group test --group bench
	touch $(STAMP)

# A home of its own: the demo shows an embedded swarm, whatever peer runs here or has left behind.
demo: export PEERNET_HOME := $(CURDIR)/demo-output/home
demo: $(STAMP)
	$(BIN)/python examples/julia.py --out demo-output/julia.png
	$(BIN)/peernet submit examples/sum.py -o demo-output/sum

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: lint
	$(BIN)/python -m pytest -m 'not real'
	$(BIN)/python -m pytest -m real

bench: $(STAMP)
	$(BIN)/python tests/benchmarks/bench.py

bench-sim: $(STAMP)
	$(BIN)/python tests/benchmarks/bench_sim.py

bench-boxes: $(STAMP)
	$(BIN)/python tests/benchmarks/bench_boxes.py

bench-codec: $(STAMP)
	$(BIN)/python tests/benchmarks/bench_codec.py

clean:
	rm -rf $(VENV) demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis
