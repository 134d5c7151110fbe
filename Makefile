# Everything the project does, one target each. `make` alone lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(BIN)/uv
STAMP  := $(VENV)/.installed
# Both the CDK CLI and jsii find the virtual environment's own Node.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Containers often forbid Python to write bytecode: then each of a thousand processes compiles every library again.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo chaos clients browser soak proof test coverage check format local deploy synth bench load backtest lock clean

help: ## List the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## Create the virtual environment with everything pinned (the others do it, too)

demo: $(STAMP) ## Run five jobs and three runs through Respot on this machine, and check them (one to two minutes)
	$(BIN)/python -m local demo

chaos: $(STAMP) ## Run the demo's jobs under throttling, errors, outages and crashes, and count what is lost (minutes)
	$(BIN)/python -m local chaos

clients: $(STAMP) ## Run the SageMaker SDKs v2 and v3, the AWS CLI and boto3 against a local account (minutes, downloads)
	$(BIN)/python -m local clients

browser: $(STAMP) ## Run the report's tests in Chromium, the system's or else one from npm (a minute, downloads)
	$(BIN)/python -m tests.browser

# One process more than cores: the end-to-end tests wait for a quarter of their time.
test: $(STAMP) ## Run all tests, the end-to-end ones included
	$(BIN)/pytest --numprocesses 3 --dist loadgroup

# Not part of `test`: tracing doubles its time. The end-to-end tests run the functions in processes of their own.
coverage: $(STAMP) ## Measure what the tests reach, without the end-to-end ones
	$(BIN)/pytest --numprocesses 2 --dist loadgroup --ignore tests/e2e --cov --cov-report term:skip-covered

soak: $(STAMP) ## Run 100,000 random schedules of events, faults and crashes against recovery (minutes)
	$(BIN)/python -m tests.support.recovery_world --schedules 100000 --processes 2

proof: $(STAMP) ## Run chaos, load, the soak, the backtest, the clients and the browser, and judge their figures in one table (an hour and a half)
	$(BIN)/python -m local proof

check: $(STAMP) lock-check ## Lint, types, layers, lock, templates and permissions, the newest SageMaker, known vulnerabilities
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m infra.review
	$(BIN)/pytest --quiet tests/aws/test_newest_model.py
	$(BIN)/python -m infra.audit

format: $(STAMP) ## Format the code and fix what ruff can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The examples carry no local: tags, since they run on AWS as well: by default a job is interrupted here.
local: $(STAMP) ## Keep a local AWS account running with Respot deployed in it
	$(BIN)/python -m local up --deploy --lifecycle "interrupted-twice-max-wait / uninterrupted"

synth: $(STAMP) ## Synthesize the CloudFormation templates, one per region, into cdk.out/
	$(BIN)/python -m infra.cdk synth --quiet
	@$(BIN)/python -m infra.cdk list --app cdk.out | sed 's|.*|cdk.out/&.template.json|'

deploy: $(STAMP) ## Deploy to the AWS account of your credentials, in all regions, if all is ready for it
	@$(BIN)/python -m infra.preflight
	$(BIN)/python -m infra.cdk deploy --all

bench: $(STAMP) ## Measure cold start, calls per event, latency and cost, as ratios
	$(BIN)/python -m local.bench

load: $(STAMP) ## Send the events of 500 to 5,000 jobs, twice, and show how the time grows (half an hour)
	$(BIN)/python -m local load

backtest: $(STAMP) ## Run the planner and published policies over traces of spot availability, and judge it (minutes)
	$(BIN)/python -m local.backtest --summary
	$(BIN)/python -m local.backtest --judge

clean: ## Remove what the other targets made
	rm -rf $(VENV) build cdk.out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage*

$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import infra' # ends with one line if it is older than 3.11
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

# The bundle's dependencies and the newest model are fetched here as well: nothing after the set-up needs a network.
$(STAMP): $(UV) requirements/dev.txt requirements/lambda.txt requirements/models.txt pyproject.toml
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m infra.packaging
	$(BIN)/python -m infra.newest_model
	@touch $@

CLIENTS := boto3 cli sdk-v2 sdk-v3
COMPILE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --quiet

lock: $(UV) ## Compile the dependency groups of pyproject.toml into requirements/
	$(COMPILE) $(UPGRADE) pyproject.toml --group dev --output-file requirements/dev.txt
	$(COMPILE) --group lambda --constraint requirements/dev.txt --output-file requirements/lambda.txt
	$(COMPILE) $(UPGRADE) --group uv --output-file requirements/uv.txt
	$(COMPILE) $(UPGRADE) --no-deps --group models --output-file requirements/models.txt
	for client in $(CLIENTS); do \
	  $(COMPILE) $(UPGRADE) --group clients-$$client --output-file requirements/clients-$$client.txt || exit 1; done

.PHONY: lock-check
lock-check: $(UV)
	@rm -rf build/lock && mkdir -p build/lock && cp requirements/*.txt build/lock/
	@$(COMPILE) pyproject.toml --group dev --output-file build/lock/dev.txt
	@$(COMPILE) --group lambda --constraint build/lock/dev.txt --output-file build/lock/lambda.txt
	@$(COMPILE) --group uv --output-file build/lock/uv.txt
	@$(COMPILE) --no-deps --group models --output-file build/lock/models.txt
	@for client in $(CLIENTS); do \
	  $(COMPILE) --group clients-$$client --output-file build/lock/clients-$$client.txt || exit 1; done
	@for group in dev lambda uv models $(CLIENTS:%=clients-%); do \
	  diff <(grep -v '^ *#' requirements/$$group.txt) <(grep -v '^ *#' build/lock/$$group.txt) >/dev/null || \
	  { echo "requirements/$$group.txt is not what pyproject.toml asks for: run 'make lock' and commit"; exit 1; }; done
	@! grep -n '://' requirements/*.txt || { echo "requirements/ must hold no download address"; exit 1; }

lock-check: SHELL := /bin/bash
