# Every target sets .venv up by itself from pyproject.toml and constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# One thread each for the numeric libraries: several of them on few cores slow one another down.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo test check bench docs clean

demo: $(INSTALLED)
	rm -rf runs/demo/agent
	$(BIN)/python -m scripts.train configs/agents/demo.yaml --out runs/demo/agent
	$(BIN)/edge-llm-gym compare --env EdgeLLM/MultiNode-v0 --seeds 10 --jobs 2 --out runs/demo \
		--policies ot-gah,dftsp,edf,sjf,fcfs,random,runs/demo/agent/best.zip
	$(BIN)/edge-llm-gym render --policy ot-gah --form png --out runs/demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -q -n 2

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED)
	$(BIN)/edge-llm-gym bench

# Strict: a warning, a dead link or anything loaded from another host fails the build. The variable silences an
# announcement of the theme.
docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(INSTALLED)

clean:
	rm -rf $(VENV) build dist runs site .pytest_cache .mypy_cache .ruff_cache .hypothesis
