# The same few commands by hand and in CI. `make setup` once; everything else depends on it.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: help setup demo test lint format docs bench bench-full peers bench-peers bench-batch bench-training quality quality-full sets faults mutants lock clean

help:
	@echo "make setup   create .venv and install the locked requirements and Assay itself"
	@echo "make demo    run the spam example from a generated file to a served, recorded decision"
	@echo "make test    all checks: format, lint, types, import contracts, tests, coverage"
	@echo "make lint    the checks without the tests"
	@echo "make format  format the code"
	@echo "make docs    write docs/reference anew from the code"
	@echo "make bench   print every target as floor, aim, measured (bench-full: longer, all servers, into benchmarks/results)"
	@echo "make peers   install the servers that Assay is compared with under build/peers (needs uv)"
	@echo "make bench-peers  compare with them alone (SIZE=short: FastAPI, in two minutes)"
	@echo "make faults  inject every fault and print what came of it"
	@echo "make mutants change features, measures and policy in small ways, at random, and count what tests notice"
	@echo "make quality compare what is trained with plain models on real data (quality-full: all sets, five seeds)"
	@echo "make sets    train every real data set by command, with its time and memory"
	@echo "make bench-batch  measure batches of 5 M rows against copying the file"
	@echo "make bench-training  measure training against a script of pandas and scikit-learn"
	@echo "make lock    write requirements.lock anew (needs uv)"
	@echo "make clean   remove what the other targets made, but for .venv"

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml setup.py src/assay/_native.c
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Assay needs Python 3.11 or later; set PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	@$(BIN)/python examples/spam/demo.py

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest -n 2 --cov --cov-report=term --cov-report=json:build/coverage.json
	$(BIN)/python scripts/room_coverage.py build/coverage.json

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup
	$(BIN)/python scripts/write_reference.py

bench: ENVIRONMENTS := fastapi
bench: peers
	$(BIN)/python benchmarks/run.py short

bench-full: peers
	$(BIN)/python benchmarks/run.py full --out benchmarks/results

peers: setup
	$(BIN)/python benchmarks/peers/install.py $(ENVIRONMENTS)

bench-peers: ENVIRONMENTS := $(if $(filter short,$(SIZE)),fastapi)
bench-peers: peers
	$(BIN)/python benchmarks/peers/compare.py $(if $(filter short,$(SIZE)),--short,--out benchmarks/results)

faults: setup
	$(BIN)/pytest -n 0 tests/faults

mutants: setup
	$(BIN)/python scripts/mutants.py

quality: setup
	$(BIN)/python benchmarks/quality.py

quality-full: setup
	$(BIN)/python benchmarks/quality.py all --seeds 5 --out build/quality.json --table benchmarks/results/quality.md

sets: setup
	$(BIN)/python benchmarks/train_sets.py --table benchmarks/results/sets.md

bench-batch: setup
	$(BIN)/python benchmarks/batch.py --table benchmarks/results/batch.md

bench-training: setup
	$(BIN)/python benchmarks/training.py --table benchmarks/results/training.md

lock:
	scripts/lock.sh

clean:
	rm -rf build dist mutants .coverage .coverage.* .hypothesis .mypy_cache .ruff_cache .pytest_cache
