# Everything the project needs is installed here, into .venv, from hash-pinned lock files.
PYTHON ?= $(firstword $(foreach v,python3.13 python3.12 python3.11 python3,$(shell $(v) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $(v))))
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes
OURSELVES := $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .

# Packages of Debian with real telephone speech and music, which tests transcribe. Without them these tests are
# skipped, and say so.
HEARD := asterisk-core-sounds-en asterisk-core-sounds-en-gsm asterisk-moh-opsound-gsm
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo -n)
APT := $(AS_ROOT) env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends

.PHONY: interop system-go bench-search bench-by-hand bench-import bench-uploads bench-media bench-calls bench-ledger soak faults help system system-faults install extras install-dev demo examples docs test check format lock clean

help: ## show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Earwitness needs Python 3.11 or newer: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: requirements.lock pyproject.toml | $(BIN)/python
	$(INSTALL) -r requirements.lock
	$(OURSELVES)
	@touch $@

.venv/installed-dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(INSTALL) -r requirements-dev.lock
	$(OURSELVES)
	@touch $@ .venv/installed

install: .venv/installed $(if $(EXTRAS),extras) ## the server and the command, in .venv; with extras: EXTRAS=postgres,s3

# locks/ has the packages of each extra, without those of the plain install.
COMMA := ,
ADDED := $(subst $(COMMA), ,$(EXTRAS))
EVERY_EXTRA := $(patsubst locks/%.lock,%,$(wildcard locks/*.lock))
UNKNOWN := $(filter-out $(EVERY_EXTRA),$(ADDED))

extras: .venv/installed
	@test -z "$(UNKNOWN)" || { echo "There is no extra $(UNKNOWN). There are: $(EVERY_EXTRA)." >&2; exit 1; }
	$(INSTALL) -r requirements.lock $(foreach extra,$(ADDED),-r locks/$(extra).lock)

install-dev: system .venv/installed-dev ## the same, with everything that tests and checks need

system: ## packages of Debian with speech for the tests, if this machine can install them
	@dpkg-query --show $(HEARD) >/dev/null 2>&1 \
		|| { command -v apt-get >/dev/null \
			&& { $(APT) $(HEARD) || { $(AS_ROOT) apt-get update -qq -o Acquire::http::Timeout=20 && $(APT) $(HEARD); }; }; } >/dev/null 2>&1 \
		|| echo "NOT INSTALLED: $(HEARD). Tests of real speech will be SKIPPED." >&2

demo: install ## a demo archive, served on http://127.0.0.1:8080/api; on another port: PORT=8081
	$(BIN)/earwitness demo $(if $(PORT),--port $(PORT))

BASE_URL ?= http://127.0.0.1:8080/api
examples: install ## the documentation's own curl examples, against the demo: make examples API_KEY=…
	$(BIN)/python -m docs.examples --base-url $(BASE_URL) --api-key="$(API_KEY)"

docs: install ## write docs/api, docs/rights.md and docs/settings.md from the code
	$(BIN)/python -m docs.generate

test: install-dev ## every test, on SQLite and on PostgreSQL
	$(BIN)/python -m pytest

check: install-dev ## format, lint, types, layers, tests, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

format: install-dev ## format and tidy the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

LOCKED = $(shell sed -n 's/^\([a-z0-9.-]*\)==.*/\1/p' requirements.lock)

# uv only resolves; pip installs. Name an index in your own pip or uv settings, never here.
lock: install-dev ## write the lock files again
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --python-version 3.11 --no-header --quiet --group build --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --python-version 3.11 --no-header --quiet --extra postgres --extra s3 --extra sphinx --extra whisper --extra whisper-tiny-en --extra bench --group dev --output-file requirements-dev.lock
	for extra in $(EVERY_EXTRA); do \
		$(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --python-version 3.11 --no-header --quiet --group build --extra $$extra --constraint requirements-dev.lock $(LOCKED:%=--no-emit-package %) --output-file locks/$$extra.lock || exit 1; \
	done

SEARCHED := $(or $(RECORDINGS),100000)
bench-search: install-dev ## searches compared with their floor, and a plot: RECORDINGS=100000 ARCHIVE=… DATABASE_URL=…
	$(BIN)/python -m bench.search --recordings $(SEARCHED) --archive $(or $(ARCHIVE),build/bench-$(SEARCHED)) $(if $(DATABASE_URL),--database-url $(DATABASE_URL)) --report build/bench-search$(if $(DATABASE_URL),-postgresql)-$(SEARCHED).json
	$(BIN)/python -m bench.plot build/bench-search$(if $(DATABASE_URL),-postgresql)-[0-9]*.json --to build/bench-search$(if $(DATABASE_URL),-postgresql).svg

bench-by-hand: install-dev ## the statements of searches compared with some by hand: ARCHIVE=… DATABASE_URL=…
	$(BIN)/python -m bench.by_hand --archive $(or $(ARCHIVE),build/bench-$(SEARCHED)) $(if $(DATABASE_URL),--database-url $(DATABASE_URL))

bench-import: install-dev ## `earwitness import` compared with the bare driver: RECORDINGS=20000
	$(BIN)/python -m bench.importing --recordings $(or $(RECORDINGS),20000)

bench-uploads: install-dev ## uploads of a short call compared with their floor: BENCH_UPLOADS="--postgresql"
	$(BIN)/python -m bench.uploads $(BENCH_UPLOADS)

bench-media: install-dev ## media compared with its floor; a small run: BENCH_MEDIA="--large-mib 64 --rounds 2"
	$(BIN)/python -m bench.media $(BENCH_MEDIA)

bench-ledger: install-dev ## what the ledger costs, beside a checkout without its log: BESIDE=../before BENCH_LEDGER="--leaves 1000000"
	$(BIN)/python -m bench.ledger $(if $(BESIDE),--beside $(BESIDE)) $(BENCH_LEDGER)

bench-calls: install-dev ## the calls around search compared with their floors; fails where a target is missed: DATABASE=postgres BENCH_CALLS="--recordings 5000 --people 2000"
	$(BIN)/python -m bench.calls $(if $(DATABASE),--database $(DATABASE)) $(BENCH_CALLS)

soak: install-dev ## use a server, kill it at random, and check that nothing acknowledged is lost: SOAK_MINUTES=10
	SOAK_MINUTES=$(or $(SOAK_MINUTES),10) $(BIN)/python -m bench.soak

faults: install-dev system-faults ## break the parts of an installation on several machines, one after another: FAULTS="server-killed …"
	@mkdir -p build
	$(BIN)/python -m bench.faults $(FAULTS) --report build/faults.md --json build/faults.json

system-faults: ## nginx and iproute2 from Debian, for `make faults`
	@PATH=$$PATH:/usr/sbin:/sbin; { command -v nginx && command -v ip; } >/dev/null \
		|| { command -v apt-get >/dev/null \
			&& { $(APT) nginx-light iproute2 || { $(AS_ROOT) apt-get update -qq -o Acquire::http::Timeout=20 && $(APT) nginx-light iproute2; }; }; } >/dev/null 2>&1 \
		|| echo "NOT INSTALLED: nginx-light, iproute2. Faults that need them will NOT BE MADE." >&2

# What reads the ledger with code that is not ours.
READERS := golang-go golang-golang-x-mod-dev

interop: install-dev system-go ## let Go's own implementation read the ledger
	$(BIN)/python -m pytest tests/archive/ledger/test_interop.py

system-go: ## Go and its module of transparency logs from Debian, for `make interop`
	@dpkg-query --show $(READERS) >/dev/null 2>&1 \
		|| { command -v apt-get >/dev/null \
			&& { $(APT) $(READERS) || { $(AS_ROOT) apt-get update -qq -o Acquire::http::Timeout=20 && $(APT) $(READERS); }; }; } >/dev/null 2>&1 \
		|| echo "NOT INSTALLED: $(READERS). Tests of the ledger with Go will be SKIPPED." >&2

clean: ## remove the virtual environment and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
