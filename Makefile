LISTEN ?= 127.0.0.1:8080
GOLANGCI_LINT = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GENERATE = go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen -config

export CGO_ENABLED = 1

.PHONY: help run build test lint verify generate compiler

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "%-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## Serve from .run/ with a user to try; LISTEN=HOST:PORT serves elsewhere
	@.ci/demo bin/userapi $(LISTEN)

build: compiler ## Build bin/userapi
	@mkdir -p bin
	go build -trimpath -o bin/userapi ./cmd/userapi

test: compiler ## Run all tests with the race detector; needs Go and a C compiler
	go test -race -shuffle=on $(TESTFLAGS) ./...

lint: compiler ## Run the linters
	go run $(GOLANGCI_LINT) run

verify: generate ## Fail if generated files or go.mod are not up to date
	go mod tidy
	git diff --exit-code -- gen go.mod go.sum
	@! git ls-files --others --exclude-standard gen | grep . || { echo "These files are generated: add them." >&2; exit 1; }

generate: compiler ## Generate gen/ from openapi.yaml
	cp openapi.yaml gen/api/
	{ echo '// Code generated from .oapi-codegen/yaml.go. DO NOT EDIT.'; cat .oapi-codegen/yaml.go; } >gen/api/yaml.go
	$(GENERATE) .oapi-codegen/api.yaml openapi.yaml
	$(GENERATE) .oapi-codegen/client.yaml openapi.yaml
	go test ./internal/directory -run '^TestPolicyPage$$' -count=1 -update

compiler:
	@command -v $(firstword $(shell go env CC)) >/dev/null || \
		{ echo "SQLite needs a C compiler: install one, as in 'apt-get install gcc libc6-dev'." >&2; exit 1; }
