# What there is to do with this project. make help lists it.

.DEFAULT_GOAL := help
.PHONY: graduate long help build test race bench bench-peers bench-durable bench-delayed fuzz lint generate client-tests judge matrix check image release

FUZZTIME ?= 30s
BENCHTIME ?= 1s
IMAGE ?= rabbet

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build bin/rabbet
	CGO_ENABLED=0 go build -trimpath -o bin/rabbet ./cmd/rabbet

test: ## Run all tests
	go test ./...

race: ## Run all tests under the race detector
	go test -race ./...

bench: ## Run the Go benchmarks of all packages
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

bench-peers: ## Measure Rabbet and a local RabbitMQ side by side
	.ci/bench-peers

bench-durable: ## Measure durable queues beside a local RabbitMQ's, and a long queue
	.ci/bench-durable

bench-delayed: ## Measure delayed messages, a million of them waiting
	.ci/bench-delayed

graduate: ## Move a million messages to a cluster of RabbitMQ, with kills
	.ci/graduate-cluster

fuzz: ## Run each fuzz test for FUZZTIME
	@for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "== $$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done \
	done

long: ## Run the long forms of the tests, for hours; LONG="riot soak" runs those
	.ci/long $(LONG)

lint: ## Check format and run the static checks
	.ci/run lint

generate: ## Generate the wire's methods anew
	go generate ./...

client-tests: ## Run the official Go client's integration tests against Rabbet
	.ci/client-tests

judge: ## Judge a local RabbitMQ, or with SUITE=trixie 4.0, with SUITE=forky 4.3
	.ci/with-rabbitmq $(if $(SUITE),--suite $(SUITE)) --management .ci/judge

matrix: ## Judge Rabbet and RabbitMQ of several versions, and write docs/matrix.md
	.ci/matrix

check: ## Run everything that must pass before a change goes in
	.ci/run

release: ## Build the binaries of a release, with checksums and SBOMs, into bin/release
	.ci/release bin/release

image: ## Build a container image
	docker build -t $(IMAGE) .
