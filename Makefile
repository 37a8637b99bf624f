PYTHON ?= python3
ARGS ?=
setup = $(PYTHON) classroom/bootstrap
export PORT BROWSER TORCH

.PHONY: help lab check test proof build site grade formgrader bench evidence

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

lab:  ## set up once, then open JupyterLab on the course (PORT=9999, BROWSER=0, TORCH=cpu, ARGS="--ip=0.0.0.0")
	@$(setup) lab $(ARGS)

check:  ## under a minute, run it often: lint, types, house rules, unit tests without a model
	@$(setup) check

test:  ## a quarter of an hour: every layer of tests, with a sample of the answers
	@$(setup) test $(ARGS)

proof:  ## every test, but those that passed before with the same inputs (ARGS=--fresh: those as well)
	@$(setup) proof $(ARGS)

build:  ## build the notebooks: solutions/*.py -> solutions/*.ipynb (executed) -> notebooks/*.ipynb (ARGS="03_attention --force")
	@$(setup)
	@.venv/bin/python -m authoring.build $(ARGS)
	@.venv/bin/python tests/evidence.py

site:  ## the course as web pages in build/site/ (SERVE=1: and open them; PORT=9999, BROWSER=0)
	@$(setup)
	@.venv/bin/python -m authoring.site $(if $(SERVE),--serve) $(ARGS)

grade:  ## grade a folder of submissions: make grade ARGS=grading/submitted
	@$(setup)
	@.venv/bin/llmlib grade $(ARGS)

formgrader:  ## open Formgrader, nbgrader's page for instructors (PORT=9999, BROWSER=0)
	@$(setup)
	@.venv/bin/python -m authoring.build
	@$(setup) formgrader $(ARGS)

bench:  ## measure side by side with peers: an hour or two (ARGS="--only tokenizer", ARGS=--quick)
	@$(setup)
	@.venv/bin/python -m benchmarks $(ARGS)

evidence:  ## what make build does last: count answers, quote claims, add up hours, mark what is stale
	@$(setup)
	@.venv/bin/python tests/evidence.py
