# Coxswain: `make up` gives a whole cluster, `make down` takes it away. See README.md.
.POSIX:
.DEFAULT_GOAL := help
NODES = 1
export PATH := $(CURDIR)/node_modules/.bin:$(PATH):/usr/sbin:/sbin

.PHONY: help install install-tests up down status logs dev dev-down dev-status test lint bench soak fuzz build clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile | expand -t 22

install: ## install what is missing on this machine
	@deploy/install.sh

install-tests:
	@deploy/install.sh tests

build: install ## bundle every program into dist/
	@node deploy/build.ts

up: build ## a cluster in containers, with a workload to try; NODES=3 for more nodes
	@bin/cox cluster up --nodes $(NODES)

down: ## remove its containers, networks, rules and mounts; keep its data
	@deploy/down.sh

status: ## nodes, pods and containers of the cluster
	@node deploy/up/main.ts status

logs: ## follow the logs of its processes
	@node deploy/up/main.ts logs

dev: build ## the same as plain processes on this machine; NODES=0 for the control plane alone
	@deploy/dockerd.sh start
	@node test/bed/main.ts up --nodes $(NODES)

dev-down: ## end them
	@node test/bed/main.ts down
	@deploy/dockerd.sh stop

dev-status: ## are they running?
	@node test/bed/main.ts status

test: install-tests ## lint, types, unit, integration and e2e tests
	@deploy/dockerd.sh start || :; code=0; node deploy/test.ts || code=$$?; deploy/dockerd.sh stop; exit $$code

lint: install ## format, lint, import rules and types
	@node deploy/test.ts --no-tests

bench: build ## measure; figures as JSON and as a table (REFERENCE=dir: beside the Go programs in it)
	@deploy/dockerd.sh start
	@code=0; node test/bench/main.ts $(if $(REFERENCE),--reference $(REFERENCE)) || code=$$?; deploy/dockerd.sh stop; exit $$code

fuzz: build ## tens of thousands of strange requests: does each get an answer?
	@FUZZ_SEED=$${FUZZ_SEED:-$$$$} FUZZ_RUNS=$${FUZZ_RUNS:-50000} npx vitest run --project integration --testTimeout=3600000 \
	  test/integration/api/contract/fuzz.test.ts

soak: build ## hundreds of pods, a killed agent, a full node: is anything left behind?
	@deploy/dockerd.sh start
	@code=0; node test/soak/main.ts || code=$$?; deploy/dockerd.sh stop; exit $$code

clean: down ## down, and forget data, images and bundles
	@[ ! -d .cluster/dev ] || node test/bed/main.ts down
	@[ ! -d .cluster/etcd ] || rm -rf /var/lib/coxswain/local-path
	@[ ! -d /var/lib/coxswain ] || rmdir /var/lib/coxswain 2>/dev/null || :
	@rm -rf .cluster .env dist .test-artifacts
