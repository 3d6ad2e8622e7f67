# Every target that needs something sets it up first: once, with progress; later that takes a moment.
PYTHON ?= python3
RUN := .venv/bin/python
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin
export ALMANAC_CACHE := $(CURDIR)/.almanac/cache
# Bytecode is kept, whatever a container says: without it each of hundreds of processes compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE
UV := .venv/bin/uv
LOCKED := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header

.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo test lint unit property contract integration e2e cloud format bench pictures reference lock clean openstack openstack-down openstack-status

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9 -]+:.*## / { printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## See it all: book a Spark platform, map the Gaia sky on it, give it back
	@$(RUN) -m almanac.demo

setup: ## Install what Almanac needs
	@$(PYTHON) scripts/setup.py demo

setup-test: ## Install what the tests need too
	@$(PYTHON) scripts/setup.py test

test: setup-test ## Every check and test, cheapest first
	@$(RUN) scripts/tiers.py

lint unit property contract integration e2e cloud: setup-test ## One tier of `make test`; `cloud` is on a real OpenStack
	@$(RUN) scripts/tiers.py $@

format: setup-test ## Let ruff mend and lay out the code
	@.venv/bin/ruff check --fix-only --quiet . ; .venv/bin/ruff format --quiet .

openstack: ## A real OpenStack on loopback, to try Almanac against a cloud
	@$(PYTHON) scripts/setup.py openstack
	@$(PYTHON) -m scripts.cloud up

openstack-down: ## End it
	@$(PYTHON) -m scripts.cloud down

openstack-status: ## What of it runs
	@$(PYTHON) -m scripts.cloud status

bench: setup-test ## The benchmarks, each printing one JSON line
	@for script in benchmarks/*.py; do $(RUN) $$script || exit 1; done

pictures: setup-test ## Redraw the pictures of docs/ from real output
	@$(RUN) scripts/terminal_picture.py
	@$(RUN) scripts/portal_pictures.py
	@$(RUN) -m almanac.gaia generate .almanac/stars --rows 5000000
	@$(RUN) -m almanac.gaia maps .almanac/stars docs/pictures --about "generated Gaia-like stars"

reference: setup ## Write the page of commands in docs/ anew
	@$(RUN) scripts/reference.py

lock: setup ## Lock the newest versions that pyproject.toml allows
	@$(LOCKED) --upgrade --group dev pyproject.toml requirements/build.in -o requirements/lock.txt
	@$(LOCKED) --upgrade requirements/java.in -o requirements/java.txt
	@$(LOCKED) --upgrade requirements/openstack.in -o requirements/openstack.txt

clean: openstack-down ## Remove what was installed and made here
	rm -rf src/almanac/portal/static/vendor .venv .almanac .openstack demo-output dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
