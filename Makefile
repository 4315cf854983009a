# What you can do with a checkout. `make` alone lists it; anything longer than a line is in make.py.
PYTHON ?= python3
MAKE_PY = @command -v $(PYTHON) >/dev/null 2>&1 || { \
	echo "Diptych needs Python 3.11 or newer; install it (Debian: apt install python3 python3-venv)."; exit 1; }; \
	exec $(PYTHON) make.py

.DEFAULT_GOAL := help
.PHONY: help run test lint bench chaos backup restore reset lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Start Diptych on http://127.0.0.1:8000 (PORT=9000 make run moves it)
	$(MAKE_PY) run

test: ## Run the whole test suite (ARGS="tests/teams -q" for a part)
	$(MAKE_PY) test $(ARGS)

lint: ## Check style, types, templates and migrations
	$(MAKE_PY) lint

bench: ## Measure speed and print the figures
	$(MAKE_PY) bench $(ARGS)

chaos: ## Kill processes for minutes and see that nothing is lost
	$(MAKE_PY) chaos $(ARGS)

backup: ## Write database, pictures and settings into one archive, also while Diptych runs
	$(MAKE_PY) backup

restore: ## Put a backup in the place of the present data (FROM=archive)
	$(MAKE_PY) restore $(FROM)

reset: ## Delete all data of this installation, after asking
	$(MAKE_PY) reset

lock: ## Write the lock files anew from pyproject.toml (needs uv)
	$(MAKE_PY) lock
