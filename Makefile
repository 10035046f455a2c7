LISTEN ?= 127.0.0.1:8080
LISTEN2 ?= 127.0.0.1:8082
GOLANGCI_LINT = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
ACTIONLINT = github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
OASDIFF = CGO_ENABLED=0 go run github.com/oasdiff/oasdiff@v1.36.0
NEWEST = $(lastword $(shell ls internal/contract/testdata/released/*.yaml | sort -V))
NODE_TEST = go test -race -count=1 -v -tags node ./internal/httpapi -run
GENERATE = go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen -config

export CGO_ENABLED = 1

# How many valid requests are generated for each operation, and how many broken ones.
test: CASES = 400
fuzz: CASES = 10000

.PHONY: help run run-postgres build release test test-postgres test-nodes fuzz fuzz-targets bench microbench lint lint-contract breaking changelog clients client-go client-ogen client-plain client-node client-hey client-rtk client-oazapfts client-axios longclients long docs verify generate generate-npm npm chromium compiler

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## Serve from .run/ with a user to try; LISTEN=HOST:PORT changes the address
	@exec env TEST_DATABASE= .ci/demo bin/userapi $(LISTEN)

run-postgres: build ## Serve twice from a PostgreSQL that is deleted afterwards; LISTEN and LISTEN2 change the addresses
	@.ci/postgres .ci/demo bin/userapi $(LISTEN) $(LISTEN2)

build: compiler ## Build bin/userapi
	@mkdir -p bin
	go build -trimpath -buildvcs=auto -o bin/userapi ./cmd/userapi

release: compiler npm ## Build the files of a release in dist/; needs npm and a C compiler for arm64
	@.ci/dist

# The timeout ends a test that hangs. No test has a deadline of its own, because a busy machine is slow.
test: compiler ## Run all tests with the race detector; needs Go and a C compiler
	@echo "The tests take about 5 minutes on two idle cores, the first time 2 more to compile, and longer on a busy machine."
	RAPID_CHECKS=$(CASES) go test -race -shuffle=on -timeout 45m $(TESTFLAGS) ./...

test-postgres: compiler ## Run the tests of the store and of HTTP on PostgreSQL, whose binaries must be installed
	.ci/postgres go test -race -shuffle=on -timeout 45m -count=1 $(TESTFLAGS) ./internal/store/postgres ./internal/httpapi
	.ci/postgres go test -race -count=1 $(TESTFLAGS) ./internal/conform -run '^TestServerConforms$$'
	.ci/postgres go test -race -count=1 $(TESTFLAGS) ./cmd/userapi -run Postgres
	@$(MAKE) --no-print-directory test-nodes

test-nodes: compiler ## Run the tests of HTTP on three servers with PostgreSQL and nginx, which must be installed
	@mkdir -p bin
	@command -v nginx >/dev/null || { echo "This needs nginx: install it, for example with 'apt-get install nginx'." >&2; exit 1; }
	TEST_NODES=3 .ci/postgres go test -race -timeout 45m -count=1 -v ./internal/httpapi -skip '^TestFuzz' >bin/nodes.log || { grep -A20 -e '--- FAIL' bin/nodes.log; exit 1; }
	@grep 'one node: ' bin/nodes.log | sed 's/^ *//' | sort | uniq -c
	@echo "$$(grep -c '^--- PASS' bin/nodes.log) tests ran on three servers behind nginx, and $$(grep -c '^--- SKIP' bin/nodes.log) were left out for the reasons above."

fuzz: compiler ## Send many more generated requests; CASES=N valid and N broken ones for each operation
	RAPID_CHECKS=$(CASES) go test -count=1 -timeout 0 -v ./internal/httpapi -run '^TestFuzz'

fuzz-targets: FUZZTIME ?= 10s
fuzz-targets: compiler ## Run Go's fuzzer on each function that begins with Fuzz, for FUZZTIME=10s
	.ci/fuzz $(FUZZTIME)

bench: compiler ## Measure the server next to two baselines; BASE=COMMIT compares it with a commit, DATABASE=postgres://… measures PostgreSQL
	@mkdir -p bin
	go build -trimpath -o bin/ ./cmd/userapi ./internal/bench/...
	bin/bench $(if $(BASE),--base='$(BASE)') $(if $(DATABASE),--database='$(DATABASE)') $(BENCHFLAGS)

microbench: compiler ## Run the Go benchmarks of the packages; benchstat compares the output of two commits
	go test ./internal/... -run '^$$' -bench . -benchmem -count=6

lint: compiler ## Run the linters; those of the contract need npm
	go run $(GOLANGCI_LINT) run
	go run $(ACTIONLINT)
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory lint-contract; else echo "The contract was not linted: install npm first."; fi

lint-contract: npm .ci/node_modules
	REDOCLY_SUPPRESS_UPDATE_NOTICE=true .ci/node_modules/.bin/redocly lint --config .redocly.yaml openapi.yaml gen/spec/openapi-3.1.json
	.ci/node_modules/.bin/spectral lint --fail-severity=hint openapi.yaml
	go test -count=1 -tags node ./internal/contract -run Spelling

breaking: ## Fail if the contract breaks clients of its newest release, unless its version allows that
	@OASDIFF='$(OASDIFF)' NEWEST=$(NEWEST) .ci/breaking

changelog: ## Print what has changed in the contract since its newest release
	@echo "Changes since $(NEWEST). 'diff $(NEWEST) openapi.yaml' shows descriptions and examples, too."
	@$(OASDIFF) changelog $(NEWEST) openapi.yaml

clients: build npm .ci/node_modules gen/typescript/node_modules ## Run generated clients and Prism against a server; needs npm
	@mkdir -p bin/clients
	$(MAKE) --no-print-directory -j client-go client-node
	SERVER_PROGRAM=$(CURDIR)/bin/userapi $(NODE_TEST) '^(TestClients|TestZodSchemas|TestPrism)$$'

client-go: client-ogen client-plain
	cd .ci/clients && go build -o ../../bin/clients/ ./ogen ./plain

client-ogen:
	cd .ci/clients && go tool ogen --loglevel=error --target=ogen/api --package=api --clean ../../openapi.yaml

client-plain:
	@mkdir -p .ci/clients/plain/api
	$(GENERATE) .ci/clients/plain/config.yaml openapi.yaml

client-node: client-hey client-rtk client-oazapfts client-axios
	.ci/node_modules/.bin/tsc --project .ci/clients/node

client-hey:
	.ci/node_modules/.bin/openapi-ts --silent --no-log-file --file .ci/clients/node/hey.config.mjs
	@# Two generators must write the same client for the contract in OpenAPI 3.1.
	.ci/node_modules/.bin/openapi-ts --silent --no-log-file --file .ci/clients/node/hey31.config.mjs
	diff -r .ci/clients/node/api/hey bin/clients/hey31
	npm run --silent --prefix gen/typescript generate31
	diff gen/typescript/schema.ts bin/clients/schema31.ts

client-rtk client-oazapfts client-axios: NODE_API = .ci/clients/node/api
client-rtk:
	@mkdir -p $(NODE_API)
	.ci/node_modules/.bin/rtk-query-codegen-openapi .ci/clients/node/rtk.config.cjs

client-oazapfts:
	@mkdir -p $(NODE_API)
	.ci/node_modules/.bin/oazapfts openapi.yaml $(NODE_API)/oazapfts.ts

client-axios:
	@mkdir -p $(NODE_API)
	.ci/node_modules/.bin/typegen openapi.yaml >$(NODE_API)/axios.d.ts

longclients: compiler npm .ci/node_modules .ci/clients/openapi-generator/node_modules ## Run the clients that need Java, Ruby, PHP or Python, and specmatic
	@mkdir -p bin/clients
	rm -rf .ci/clients/openapi-generator/api && mkdir .ci/clients/openapi-generator/api
	cd .ci/clients/openapi-generator && for language in go php python ruby typescript-axios; do \
		java -jar node_modules/@openapitools/openapi-generator-cli/bin/openapi-generator.jar generate \
			-g $$language -i ../../../openapi.yaml -o api/$$language >api/$$language.log 2>&1 || { cat api/$$language.log >&2; exit 1; }; done
	cd .ci/clients/openapi-generator && rm api/go/go.mod api/go/go.sum && go build -o ../../../bin/clients/openapi-generator .
	.ci/node_modules/.bin/tsc --project .ci/clients/openapi-generator
	go test -count=1 -timeout 0 -tags node,long ./internal/httpapi -run '^(TestLongClients|TestSpecmatic)$$'

long: ## Run what takes too long for each change; needs apt-get, and takes more than an hour
	@.ci/long

docs: compiler npm chromium .ci/node_modules ## Test /docs in Chromium and write bin/docs-*.png; needs npm and Chromium
	$(NODE_TEST) '^TestDocsInABrowser$$'

verify: generate ## Fail if generated files or go.mod are not up to date
	go mod tidy
	git diff --exit-code -- gen go.mod go.sum
	@! git ls-files --others --exclude-standard gen | grep . || { echo "These files are generated: add them." >&2; exit 1; }

generate: compiler ## Generate gen/ from openapi.yaml; needs npm for OpenAPI 3.1 and TypeScript
	mkdir -p gen/spec
	cp openapi.yaml gen/spec/
	cp .oapi-codegen/client.yaml gen/spec/oapi-codegen.yaml
	{ echo '// Code generated from .oapi-codegen/yaml.go. DO NOT EDIT.'; cat .oapi-codegen/yaml.go; } >gen/spec/yaml.go
	$(GENERATE) .oapi-codegen/spec.yaml openapi.yaml
	$(GENERATE) .oapi-codegen/api.yaml openapi.yaml
	$(GENERATE) .oapi-codegen/client.yaml -o gen/client/client.gen.go openapi.yaml
	go test ./internal/directory -run '^TestPolicyPage$$' -count=1 -update
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory generate-npm; else echo "gen/spec/openapi-3.1.json and gen/typescript were not generated: install npm first."; fi

generate-npm: .ci/node_modules gen/typescript/node_modules
	.ci/node_modules/.bin/openapi-format openapi.yaml --no-sort --no-bundle --convertTo 3.1 --output gen/spec/openapi-3.1.json
	npm run --silent --prefix gen/typescript generate

%/node_modules: %/package-lock.json
	npm ci --prefix $* --no-audit --no-fund
	@touch $@

npm:
	@command -v npm >/dev/null || { echo "This needs Node 20 or later with npm: install them, for example with 'apt-get install npm'." >&2; exit 1; }

chromium:
	@command -v chromium >/dev/null || { echo "This needs Chromium: install it, for example with 'apt-get install chromium'." >&2; exit 1; }

compiler:
	@command -v $(firstword $(shell go env CC)) >/dev/null || \
		{ echo "SQLite needs a C compiler: install one, for example with 'apt-get install gcc libc6-dev'." >&2; exit 1; }
