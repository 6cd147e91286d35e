# One door. `make help` lists what there is.
PYTHON ?= python3
UV_VERSION = 0.13.9
VENV = .venv
RUN = $(VENV)/bin/
READY = $(VENV)/.ready
TOOLS = .tools
MINIO_VERSION = v0.0.0-20260212201848-7aac2a2c5b7c
export OMP_NUM_THREADS = 1
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-cluster images lint format generate check benchmark benchmark-cost benchmark-quick benchmark-setup benchmark-tables minio clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make the virtual environment from the lock file

$(READY): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || { echo "Python 3.11 to 3.13 is needed, got $$($(PYTHON) --version); set PYTHON=python3.13"; exit 2; }
	test -x $(RUN)python || $(PYTHON) -m venv $(VENV)
	test -x $(RUN)uv || $(RUN)python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(RUN)uv sync --quiet --frozen --inexact --compile-bytecode --python $(RUN)python
	touch $@

demo: $(READY) ## tune XGBoost on breast cancer (569 rows, real) and write demo/report.html
	$(RUN)tunewright run components/tunewright/studies/breast-cancer.yaml --store demo/store --report demo/report.html

test: $(READY) ## lint, types, generated files, and all tests that need no cluster
	$(MAKE) --no-print-directory lint check
	$(RUN)python -m pytest -m "not containers and not cluster and not data" -n logical --maxprocesses 8 $(PYTEST)

# CLUSTER: a tool that loads images into the cluster's node (CLUSTER load IMAGE...), beside it base-image, which makes their base. Without
# it, `make images` with a BASE_IMAGE of your own and bring the images to the cluster of your KUBECONFIG yourself.
# ARGO_CRDS: Argo's full schemas; by default those of the sources that the argo on PATH was built from.
ifdef CLUSTER
test-cluster images: export BASE_IMAGE ?= python-torch:trixie
endif
test-cluster: export ARGO_CRDS ?= $(wildcard $(dir $(shell command -v argo))../argo-source/manifests/base/crds/full)

test-cluster: images ## images, and all tests in containers and on the cluster of KUBECONFIG
	$(if $(CLUSTER),"$(CLUSTER)" load $$(grep /tunewright/ images/images.txt))
	$(RUN)python -m pytest -m "containers or cluster" -p no:cacheprovider --durations=0 --durations-min=5 -n 2 --dist loadgroup --maxschedchunk 1 $(PYTEST)

images: export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
images: $(READY) ## build both container images from wheels, print their sizes; BASE_IMAGE chooses the base
	images/build check
	$(if $(CLUSTER),"$(dir $(CLUSTER))base-image")
	images/build wheels
	images/build images

lint: $(READY) ## ruff and mypy
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy

format: $(READY) ## let ruff rewrite what it can
	$(RUN)ruff check --fix .
	$(RUN)ruff format .

generate: $(READY) ## write every generated file: schemas, components, compiled pipelines
	$(RUN)python -m tunewright.schema --write
	$(RUN)python -m pipelines.kfp.compile
	$(RUN)python -m pipelines.argo.compile

check: $(READY) ## fail when a generated file is stale
	$(RUN)python -m tunewright.schema --check
	$(RUN)python -m pipelines.kfp.compile --check
	$(RUN)python -m pipelines.argo.compile --check

# METHODS, SEEDS, TASKS, WORKERS and MINUTES narrow what is played; whatever was finished before is never played again.
RIVALS = tests/benchmarks/rivals
NARROW = $(foreach name,METHODS SEEDS TASKS WORKERS MINUTES,$(if $($(name)),--$(shell echo $(name) | tr A-Z a-z) $($(name))))
PLAY = nice -n 19 $(RUN)python -m tests.benchmarks.contest
VERDICT = $(RUN)python -m tests.benchmarks.verdict

$(RIVALS)/.venv/.ready: $(READY) $(RIVALS)/uv.lock
	cd $(RIVALS) && "$(CURDIR)/$(RUN)uv" sync --quiet --frozen --python "$(CURDIR)/$(RUN)python"
	touch $@

benchmark-setup: $(RIVALS)/.venv/.ready ## the rivals in an environment of their own (6 GB), and the data of all 131 tasks
	$(RUN)python -m tests.benchmarks.tasks

benchmark-tables: $(READY) ## make the real runs that the tables of scores still lack (hours; kill it, it goes on)
	nice -n 19 $(RUN)python -m tests.benchmarks.tables.grow $(if $(WORKERS),--workers $(WORKERS)) $(if $(MINUTES),--minutes $(MINUTES))

benchmark: benchmark-setup ## the benchmark: all contests (days; kill it, it goes on), after each its page and its JSON
	$(PLAY) dev --commit $(NARROW) && $(VERDICT) --role dev
	$(PLAY) check --commit $(NARROW) && $(RUN)python -m tests.benchmarks.verdict.agreement
	$(PLAY) test --commit $(NARROW) && $(VERDICT) --role test
	$(PLAY) real --commit $(NARROW) && $(VERDICT) --role test --kind real
	$(PLAY) fresh --commit $(NARROW) && for part in second fresh every; do $(VERDICT) --role test --kind real --part $$part || exit; done
	$(PLAY) loss --commit $(NARROW) && for part in first every; do $(VERDICT) --role test --kind real --objective log_loss --part $$part || exit; done
	$(RUN)python -m tests.benchmarks.verdict.objectives
	$(PLAY) families --commit $(NARROW) && for role in dev test; do $(VERDICT) --role $$role --kind real --objective log_loss --part families || exit; done
	$(PLAY) cost --commit $(NARROW) && $(VERDICT) --role test --kind real --budget cost

benchmark-quick: $(RIVALS)/.venv/.ready ## six tasks, the methods that answer at once, one seed: the same tables in ten minutes
	$(RUN)python -m tests.benchmarks.contest quick
	$(VERDICT) --quick

benchmark-cost: $(READY) ## cost of the agent and of the command line, kills without loss (minutes)
	$(RUN)python -m tests.benchmarks.agent_cost
	$(RUN)python -m tests.benchmarks.command_line
	$(RUN)python -m tests.benchmarks.kills --kills 500

minio: $(TOOLS)/minio ## build a MinIO server for the tests from its Go module (needs Go)

$(TOOLS)/minio:
	mkdir -p $(TOOLS)
	GOBIN="$(CURDIR)/$(TOOLS)" CGO_ENABLED=0 go install -trimpath -ldflags '-s -w' github.com/minio/minio@$(MINIO_VERSION)

clean: ## remove the virtual environment, caches and the demo
	rm -rf $(VENV) $(TOOLS) demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
