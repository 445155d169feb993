# Two commands on a fresh machine with Python 3.11, pip and make: `make run` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PATH := $(abspath $(BIN)):$(PATH)
# Nothing calls home.
export DVC_NO_ANALYTICS = 1
export MLFLOW_DISABLE_TELEMETRY = true
export HF_HUB_DISABLE_TELEMETRY = 1

.PHONY: run test check ui benchmark clean

run: $(VENV)/run.done ## make the environment, reproduce the pipeline, print the headline figures
	dvc repro
	wijha show

test: check ## make the environment with the test extras, run every check and test
	python -m pytest

check: $(VENV)/test.done ## style and types only
	python -m ruff check .
	python -m ruff format --check .
	python -m mypy

ui: $(VENV)/run.done ## compare runs in the browser, on this machine only
	MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false mlflow ui --backend-store-uri sqlite:///mlflow.db --host 127.0.0.1 --port 5000 --workers 1

benchmark: $(VENV)/bench.done ## measure quality of ingest, speed and memory, side by side with the obvious alternatives
	python experiments/ingest.py
	python experiments/benchmark.py

$(VENV)/run.done: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/test.done: $(VENV)/run.done
	python -m pip install --quiet --constraint constraints.txt torch
	python -m pip install --quiet --constraint constraints.txt --editable '.[arabert,int8,openvino,test]'
	touch $@

$(VENV)/bench.done: $(VENV)/test.done # pip of Python 3.11 stumbles over an extra that two packages spell differently
	python -m pip install --quiet --upgrade pip
	python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	touch $@

clean: ## remove the environment and what the pipeline made
	rm -rf $(VENV) data/tables models experiments/plots experiments/report.html experiments/tracked.json
