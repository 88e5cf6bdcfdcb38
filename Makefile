# make demo   first look: Pan-London, a one-page answer          make test    the suite
# make check  style and types      make test-all  slow tests too      make bench  speeds, as ratios in one run
# make app    the pages, in a browser on this computer
# make reports  the reference reports in reports/, from fixed seeds (about three minutes)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORE := $(VENV)/core.done
APP := $(VENV)/app.done
DEV := $(VENV)/dev.done

.PHONY: reports demo app test test-all check bench lock clean

demo: $(CORE)
	$(BIN)/edgeofcare run pan_london --replications 10000 --seed 1

app: $(APP)
	$(BIN)/edgeofcare app --open

test: $(DEV)
	$(BIN)/python -m pytest -m "not slow" --numprocesses auto --dist loadfile

test-all: $(DEV)
	$(BIN)/python -m pytest

check: $(DEV)
	$(BIN)/ruff check model notebooks tests scripts
	$(BIN)/ruff format --check --quiet model notebooks tests scripts
	$(BIN)/mypy

bench: $(DEV)
	$(BIN)/python tests/benchmarks/bench.py

reports: $(DEV)
	rm -rf build/cases
	for name in pan_london essex; do \
		$(BIN)/edgeofcare case $$name --out build/cases/$$name --seed 1 && \
		$(BIN)/edgeofcare report build/cases/$$name --formats html,pdf,docx,xlsx --out reports/$$name && \
		cp build/cases/$$name/case.json reports/$$name/ || exit 1; \
	done

$(CORE): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(APP): $(CORE) requirements-app.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-app.lock
	@touch $@

$(DEV): $(CORE) requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

# Locks hold names, versions and markers only. Needs `pip install uv`.
lock:
	uv pip compile --universal --python-version 3.11 --no-header pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --no-header --extra app --extra reports pyproject.toml -o requirements-app.lock
	uv pip compile --universal --python-version 3.11 --no-header --extra dev --extra app --extra cluster --extra reports pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
