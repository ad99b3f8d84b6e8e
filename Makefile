.DEFAULT_GOAL := help
.PHONY: help run test bench format clean
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
CODE := metering billing analytics simulator fixtures tests

help:  ## list these verbs
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

run: .venv/.stamp  ## simulate the built-in DB-GPT company for 36 months
	$(BIN)/saasim run dbgpt

test: .venv/.stamp  ## lint, check types, run every test: what CI runs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n auto --dist worksteal

bench: .venv/.stamp  ## measure the speed of the engine
	$(BIN)/python -m tests.bench

format: .venv/.stamp  ## rewrite the code in the one format, and fix what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove the environment, the caches and the builds; runs/ stay
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(CODE) -name __pycache__ -prune -exec rm -rf {} +

# The environment: exactly the versions and hashes of the lock. uv installs it in seconds, pip when there is no uv.
.venv/.stamp: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	@$(use_pip_settings); \
	{ $(BIN)/pip install --quiet uv && $(BIN)/uv pip install --python $(BIN)/python --require-hashes -r requirements.lock; } \
	|| $(BIN)/pip install --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-index --no-deps --no-build-isolation --editable .
	@touch $@

# uv does not read pip's configuration, so what pip was told (environment, then files) is handed to it by name.
# One index then may serve what another does not; the hashes of the lock make it safe to ask them all.
define use_pip_settings
told="$$($(BIN)/pip config list)"; \
setting() { for section in :env: install global; do \
	printf '%s\n' "$$told" | sed -n "s/^$$section\.$$1='\(.*\)'$$/\1/p" | sed 's/\\n/ /g' | grep . && return; done; true; }; \
local_only() { for place in $$(setting "$$1"); do path="$${place#file://}"; \
	case "$$path" in /*) [ -e "$$path" ] || continue;; esac; printf "$$2%s" "$$place"; done; }; \
export UV_INDEX_STRATEGY=unsafe-best-match; \
index="$$(setting index-url)"; [ -z "$$index" ] || export UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$index}"; \
extra="$$(local_only extra-index-url ' ')"; [ -z "$$extra" ] || export UV_INDEX="$${UV_INDEX:-$${extra# }}"; \
links="$$(local_only find-links ,)"; [ -z "$$links" ] || export UV_FIND_LINKS="$${UV_FIND_LINKS:-$${links#,}}"; \
cert="$$(setting cert)"; [ -z "$$cert" ] || export SSL_CERT_FILE="$${SSL_CERT_FILE:-$$cert}"
endef
