# Two commands for a newcomer: `make demo` and `make test`. Everything else is their parts.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
STARTTLS_SERVERS := postfix dovecot-imapd dovecot-pop3d vsftpd postgresql mariadb-server slapd prosody tinyproxy
SERVERS := prometheus prometheus-alertmanager prometheus-node-exporter chromium openssl iproute2 iptables buildah debootstrap systemd $(STARTTLS_SERVERS)
FUZZ := $(VENV)/fuzz
FUZZ_SECONDS := 60
BENCH_SERVERS := nginx-light unbound prometheus-blackbox-exporter prometheus
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

.PHONY: help demo test install install-test servers lint types house unit docs grafana lock image audit fuzz bench bench-servers clean

help:                    ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 20

demo: install            ## an embedded world and the exporter watching it, on loopback
	@exec $(BIN)/acm-exporter demo $(DEMO_FLAGS)

test: install-test servers lint types house audit unit  ## all checks and all tests

install: $(VENV)/.installed    ## the exporter in .venv, from requirements.lock

install-test: $(VENV)/.installed-test

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is too old (expected 3.11 or newer); say: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || deploy/apt-install python3-venv
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python requirements.lock requirements-build.lock pyproject.toml exporter/__init__.py
	@echo "installing into $(VENV) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.lock -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed requirements-test.lock
	@echo "installing what the tests need into $(VENV) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.lock
	@touch $@

servers:                 ## the real servers that tests talk to: by apt where we are root, else named
	@deploy/apt-install $(SERVERS) $(BENCH_SERVERS)
	@command -v npm >/dev/null || deploy/apt-install nodejs npm

lint:
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types:
	@$(BIN)/mypy

house:                   ## which room may import which
	@$(BIN)/lint-imports

unit:
	@$(BIN)/pytest -n auto --dist loadfile $(TEST_FLAGS)

docs:                    ## tables and policies anew, from the code and deploy/aws/actions.yaml
	@$(BIN)/python deploy/readme-tables README.md
	@$(BIN)/python deploy/iam-tables
	@$(BIN)/python deploy/docs-tables
	@$(BIN)/python deploy/licences >docs/licences.new && mv docs/licences.new docs/licences.md

grafana:                 ## alert rules and dashboards anew, from grafana/source
	@$(BIN)/python -m grafana.source.alerts
	@deploy/kubernetes-rules >deploy/kubernetes/components/prometheus-operator/prometheusrule.yaml
	@$(BIN)/python -m grafana.source.dashboards

lock:                    ## the lock files anew, from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" --group build -o requirements-build.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" --group dev -c requirements.lock -o requirements-test.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" --group fuzz -o requirements-fuzz.lock

audit:                   ## known vulnerabilities of what is locked; 3, nobody could be asked, fails nothing
	@$(BIN)/python deploy/audit || [ $$? -eq 3 ]

image:                   ## the container image, by buildah or docker; IMAGE_FLAGS="--build-arg BASE=…" for your own base
	@exec $$(command -v buildah || command -v docker) build $(if $(shell command -v buildah),--format docker) \
	  --build-arg VERSION="$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' exporter/__init__.py)" \
	  --build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || true)" --tag acm-exporter $(IMAGE_FLAGS) .

fuzz: install            ## every target of tests/fuzz by atheris, FUZZ_SECONDS each; TARGET=chain for one
	@[ -e $(FUZZ)/.installed ] && [ $(FUZZ)/.installed -nt requirements-fuzz.lock ] || { \
	  $(BIN)/python -m venv $(FUZZ); \
	  $(FUZZ)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock -r requirements-fuzz.lock; \
	  touch $(FUZZ)/.installed; }
	@for target in $(or $(TARGET),$$($(BIN)/python -m tests.fuzz.targets)); do \
	  echo "$$target:"; mkdir -p $(FUZZ)/$$target; \
	  $(FUZZ)/bin/python -m tests.fuzz $$target $(FUZZ)/$$target -max_total_time=$(FUZZ_SECONDS) -max_len=4096 \
	    -artifact_prefix=$(FUZZ)/$$target- >$(FUZZ)/$$target.log 2>&1 \
	    || { tail -n 40 $(FUZZ)/$$target.log; exit 1; }; \
	  grep '^#.*DONE' $(FUZZ)/$$target.log; \
	done

bench: install bench-servers  ## benchmarks beside blackbox_exporter; BENCH=cpu for one, FULL=1 for the long run
	@exec $(BIN)/python -m benchmarks $(if $(FULL),--size full) $(BENCH_FLAGS) $(BENCH)

bench-servers:
	@deploy/apt-install $(BENCH_SERVERS)

clean:                   ## forget everything that was made
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
