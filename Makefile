# Every target sets .venv up by itself from pyproject.toml and constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# One thread each for the numeric libraries: several of them on few cores slow one another down.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo test test-ray test-newest test-lowest check check-docs check-clients docs coverage mutation mutation-short fuzz fuzz-short kills bench clean

demo: $(INSTALLED)
	rm -rf runs/demo/agent
	$(BIN)/python -m scripts.train configs/agents/demo.yaml --out runs/demo/agent
	$(BIN)/edge-llm-gym compare --env EdgeLLM/MultiNode-v0 --seeds 10 --jobs 2 --out runs/demo --overwrite --reference ot-gah \
		--policies ot-gah,dftsp,edf,sjf,fcfs,random,pretrained:multi-node-ppo,pretrained:multi-node-prices,runs/demo/agent/best.zip
	$(BIN)/edge-llm-gym render --policy ot-gah --form png --out runs/demo

# The tests of a file stay in one process: what they share is made once. The order is that of tests/conftest.py, not by
# the number of tests in a file, by which a file with one long test comes last.
DISTRIBUTED := -q -n 2 --dist loadfile --no-loadscope-reorder
test: $(INSTALLED)
	$(BIN)/python -m pytest $(DISTRIBUTED)

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The code blocks of README and documentation that take long; `make test` runs the others.
check-docs: $(INSTALLED)
	$(BIN)/python -m pytest -q -m slow tests/docs_code

# Starts a Ray cluster on this machine.
test-ray: $(INSTALLED)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[ray]'
	$(BIN)/python -m pytest -q -n 0 tests/evaluation/test_ray_workers.py

# Virtual environments of their own, with their own kernels: a Python version with the newest libraries, and the lowest
# declared ones, under which old libraries warn about new ones.
UV := runs/versions/uv/bin/uv
VERSION ?= 3.13
TESTS ?= tests
$(UV):
	$(PYTHON) -m venv runs/versions/uv
	runs/versions/uv/bin/pip install --quiet uv

test-newest: $(UV)
	$(UV) venv --quiet --clear --python $(VERSION) runs/versions/$(VERSION)
	$(UV) pip install --quiet --python runs/versions/$(VERSION) --editable '.[test]'
	NUMBA_CACHE_DIR=runs/versions/$(VERSION)/kernels runs/versions/$(VERSION)/bin/python -m pytest -q -n 2 $(TESTS)

test-lowest: $(UV)
	$(UV) venv --quiet --clear --python 3.11 runs/versions/lowest
	$(UV) pip install --quiet --python runs/versions/lowest --resolution lowest-direct --editable '.[test]'
	NUMBA_CACHE_DIR=runs/versions/lowest/kernels runs/versions/lowest/bin/python -m pytest -q -n 2 -W default $(TESTS)

# Installs learning libraries, recorders and checkers in environments of their own below runs/clients (about 3 GB, most of
# it shared with uv's cache), and runs their recipes; about 10 minutes of CPU time.
check-clients: $(INSTALLED)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[clients]'
	$(BIN)/python -m benchmarks.clients

# Kernels are traced only where numba does not compile them. numba knows no keyword `out` of np.maximum, so the
# positional form stays, about which numpy warns when it is not compiled. Hypothesis is deterministic if CI is set.
UNGATED := edge_llm_gym/__main__.py,edge_llm_gym/cli/*,edge_llm_gym/rendering/*
TRACED := $(BIN)/python -m pytest $(DISTRIBUTED) --cov --cov-report= --cov-fail-under=0
coverage: $(INSTALLED)
	rm -f .coverage .coverage.*
	COVERAGE_FILE=.coverage.compiled $(TRACED)
	CI=true NUMBA_DISABLE_JIT=1 COVERAGE_FILE=.coverage.interpreted $(TRACED) -m "not slow and not compiled" \
		-W "ignore:Passing more than 2 positional:DeprecationWarning" tests/sim tests/solvers
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include '$(UNGATED)' --omit nothing --fail-under 0
	$(BIN)/coverage report

# Continues where a stopped run ended; `rm -r runs/mutation` begins anew. The short form tries the first mutants of the
# same sample.
MUTATION := $(BIN)/python -m benchmarks.mutation --folder runs/mutation --seed 0
mutation: $(INSTALLED)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[mutation]'
	$(MUTATION) --count 200 --out docs/dev/mutation-results.md

mutation-short: $(INSTALLED)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[mutation]'
	$(MUTATION) --count 16 --out runs/mutation/mutation-results.md

# Kernels with bounds checks are compiled once, for about a minute; the cache stays below runs/fuzz.
FUZZ := $(BIN)/python -m benchmarks.fuzz
fuzz: $(INSTALLED)
	$(FUZZ) scenarios --count 20000
	$(FUZZ) actions --count 120000
	$(FUZZ) files --count 20000
	$(FUZZ) solvers --count 5000

fuzz-short: $(INSTALLED)
	$(FUZZ) scenarios --count 1000
	$(FUZZ) solvers --count 300

# Kills each command 50 times and compares what the resumed runs leave; minutes.
kills: $(INSTALLED)
	$(BIN)/python -m benchmarks.kills train imitate search record compare calibrate sweep --kills 50 --folder runs/kills

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
	rm -rf $(VENV) build dist runs site .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
