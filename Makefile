# Everything runs from .venv; nothing needs an activated environment.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: help
help: ## show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: demo
demo: up ## bring the mesh up, create users in two tenants, find them by meaning
	@$(BIN)/mesh demo

.PHONY: up
up: $(INSTALLED) ## build, start and deploy the mesh on this machine
	@$(BIN)/mesh up

.PHONY: down
down: $(INSTALLED) ## stop the mesh
	@$(BIN)/mesh down

$(INSTALLED): pyproject.toml uv.lock
	@$(PYTHON) bootstrap.py
	@touch $@
