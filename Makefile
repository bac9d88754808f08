# Everything runs from .venv, which the first target makes; nothing needs an activated environment.
.DEFAULT_GOAL := help
PYTHON ?= python3
# Where it is set, each of the hundred processes of a gate would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE
CYCLES ?= 10
BIN := .venv/bin
INSTALLED := .venv/.installed
LANES := tests/integration/function_host tests/integration/kafka_esm tests/apache_kafka tests/conformance tests/console tests/distributions tests/embeddings tests/faults tests/iam tests/localstack tests/mesh tests/observe tests/sam_local tests/terraform
KAFKA_FAULTS := $(addprefix tests/apache_kafka/test_,erasure.py faults.py kill_schedule.py)
TYPED := functions infra layers tests/apache_kafka tests/bench tests/conformance tests/console tests/distributions tests/e2e tests/embeddings tests/faults tests/mesh tests/observe tests/terraform bootstrap.py
# On both processors.
PARALLEL := -n 2 --durations 20
# Lanes run side by side, each with a memory of what failed: AGAIN=--last-failed runs that alone.
PYTEST = $(BIN)/pytest -o cache_dir=.mesh/cache/pytest/$@ $(AGAIN)

.PHONY: help
help:
	@awk -F ':.*## |##@ ' '/^##@ /{print "\n" $$2} /^[a-z-]+:.*## /{printf "  make %-26s %s\n", $$1, $$2}' Makefile

##@ Use it

.PHONY: demo
demo: up ## create users in two tenants, find them by meaning, show that no tenant sees another's
	@$(BIN)/mesh demo

.PHONY: up
up: $(INSTALLED) ## build, start and deploy the mesh on this machine
	@$(BIN)/mesh up

.PHONY: down
down: $(INSTALLED) ## stop the mesh
	@$(BIN)/mesh down

##@ Test it

# Three workers on two processors: the one with the mesh of the end-to-end tests waits as long as it computes.
.PHONY: test
test: style ## the gate: lint, format, types, and every test that has no lane of its own; prints what they cover
	$(PYTEST) -n 3 --durations 20 $(if $(AGAIN),,--cov) $(addprefix --ignore ,$(LANES))

.PHONY: test-mesh
test-mesh: $(INSTALLED) ## meshes of their own: start, crash, ports, parameters, deploy
	$(PYTEST) $(PARALLEL) tests/mesh

.PHONY: test-esm
test-esm: $(INSTALLED) ## the whole suite of the Kafka event source poller, by itself
	$(PYTEST) $(PARALLEL) tests/unit/kafka_esm tests/integration/kafka_esm

.PHONY: test-function-host
test-function-host: $(INSTALLED) ## functions outside Lambda: the whole suite of function-host
	$(PYTEST) $(PARALLEL) tests/unit/function_host tests/integration/function_host

.PHONY: test-esm-conformance
test-esm-conformance: $(INSTALLED) ## what AWS documents of Kafka mappings, as data, on kafka-esm or POLLER='command {template} {endpoint}'
	POLLER="$(POLLER)" $(PYTEST) $(if $(POLLER),tests/conformance/test_situations.py,tests/conformance)

.PHONY: test-wheels
test-wheels: $(INSTALLED) ## each distribution's wheel alone in a new environment: kafka-esm, function-host, qdrant-edge-server, the LocalStack plugin
	$(PYTEST) tests/distributions

.PHONY: test-faults
test-faults: $(INSTALLED) ## let every part of a mesh fail under load, and count what became of its users
	$(PYTEST) tests/faults

.PHONY: test-embeddings
test-embeddings: $(INSTALLED) ## a mesh whose embeddings come from a real server of OpenAI's /embeddings, which is killed and frozen
	$(PYTEST) tests/embeddings
	MESH_EMBEDDINGS=multilingual $(PYTEST) tests/e2e/test_journey.py

.PHONY: test-kafka
test-kafka: $(INSTALLED) ## Apache Kafka, by SCRAM over TLS: credentials, bounds, other members (wants Java 17 and Maven)
	MESH_BROKER=apache-kafka-scram $(PYTEST) tests/apache_kafka $(addprefix --ignore ,$(KAFKA_FAULTS))

.PHONY: test-kafka-faults
test-kafka-faults: $(INSTALLED) ## a mesh on it: faults under load, everything killed at random, and an erasure
	MESH_BROKER=apache-kafka-scram $(PYTEST) $(KAFKA_FAULTS)

.PHONY: test-kafka-e2e
test-kafka-e2e: $(INSTALLED) ## the end-to-end tests on a mesh with it
	MESH_BROKER=apache-kafka-scram $(PYTEST) tests/e2e/test_journey.py tests/e2e/test_dead_letters.py

.PHONY: test-iam
test-iam: $(INSTALLED) ## no tenant's credentials reach another tenant: on an emulator that enforces IAM (wants cargo)
	$(PYTEST) tests/iam

.PHONY: test-localstack
test-localstack: $(INSTALLED) ## the end-to-end tests on LocalStack (wants Python 3.12 or 3.13)
	MESH_EMULATOR=localstack $(PYTEST) --timeout 300 tests/e2e

.PHONY: test-localstack-functions
test-localstack-functions: $(INSTALLED) ## LocalStack's functions by themselves
	MESH_EMULATOR=localstack $(PYTEST) --timeout 300 tests/integration/mesh/test_workers.py tests/localstack

.PHONY: test-localstack-mesh
test-localstack-mesh: $(INSTALLED) ## meshes of their own on LocalStack
	MESH_EMULATOR=localstack $(PYTEST) --timeout 300 tests/mesh

.PHONY: test-sam
test-sam: $(INSTALLED) ## the functions by sam local, and kafka-esm's image, in containers (as root it gets itself a Docker engine)
	$(PYTEST) tests/sam_local

.PHONY: test-observe
test-observe: $(INSTALLED) ## a real Prometheus scrapes a mesh under load: every panel has data, every alert fires
	$(PYTEST) tests/observe

.PHONY: test-console
test-console: $(INSTALLED) ## Chromium does at a mesh's console what a person does, and axe looks at it (as root on Debian it gets itself Chromium)
	$(PYTEST) tests/console

.PHONY: test-terraform
test-terraform: $(INSTALLED) ## infra/terraform by OpenTofu, and that it makes what the template makes (wants Go)
	@$(BIN)/python -m tests.terraform.tools
	$(PYTEST) -n 2 --dist loadfile tests/terraform

##@ Measure it

.PHONY: bench
bench: up ## measure the running mesh and the poller, each figure beside its floor
	@$(BIN)/python tests/bench/latency.py
	@$(BIN)/python tests/bench/costs.py
	@$(BIN)/python tests/bench/poller.py
	@$(BIN)/python -m tests.bench.kafka_security
	@$(BIN)/python tests/bench/cold_start.py
	@$(BIN)/python -m tests.bench.traces
	@$(BIN)/python tests/bench/console.py

.PHONY: bench-search
bench-search: $(INSTALLED) ## how well people are found, by class, against what is committed: docs/search_quality.md
	@$(BIN)/python -m tests.bench.search $(ARGUMENTS)

.PHONY: bench-search-growth
bench-search-growth: $(INSTALLED) ## what words add to a search by meaning, in tenants of 1,000 and of 100,000 people
	@$(BIN)/python -m tests.bench.search_growth $(ARGUMENTS)

.PHONY: cycles-localstack
cycles-localstack: $(INSTALLED) ## LocalStack up, deploy, find a user, down, ten times or CYCLES=N
	@$(BIN)/python -m tests.localstack.cycles $(CYCLES)

##@ Change it

.PHONY: lint
lint: style types ## lint, format and types alone

.PHONY: style
style: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

.PHONY: types
types: $(INSTALLED)
	$(BIN)/mypy $(TYPED)

.PHONY: lock
lock: $(INSTALLED) ## write what is derived: both uv.lock, the layers' requirements.txt, docs/openapi.json, events/, dashboards
	@$(BIN)/uv lock
	@python=$$($(BIN)/python -c 'from mesh.deployment.localstack import find_python; print(find_python())' 2>/dev/null) && \
		$(BIN)/uv lock --quiet --project infra/localstack --python $$python || \
		echo "No Python 3.12 or 3.13 here: infra/localstack/uv.lock stays as it is."
	@for group in tenant-auth tracing users vectors; do $(call export,$$group,layers/$$(echo $$group | tr - _)); done
	@$(BIN)/mesh openapi > docs/openapi.json
	@$(BIN)/python -m tests.sample_events
	@PYTHONPATH=infra/observability $(BIN)/python -m mesh_observability

export = $(BIN)/uv export --quiet --frozen --only-group $(1) --no-hashes --no-annotate --no-header \
	--no-emit-package boto3 --format requirements-txt > $(2)/requirements.txt

$(INSTALLED): pyproject.toml uv.lock bootstrap.py
	@$(PYTHON) bootstrap.py
	@touch $@
