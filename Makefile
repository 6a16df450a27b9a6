# Two commands matter: `make demo` and `make test`. Both install what they need (scripts/setup), build, and go.

SHELL := /bin/bash
comma := ,
.DEFAULT_GOAL := help

cache := $(CURDIR)/.cache
whisper := $(wildcard $(cache)/whisper)# only where whisper.cpp was built from source

export PATH := $(cache)/bin:$(PATH)
export GOFLAGS := -buildvcs=false $(GOFLAGS)
export CGO_LDFLAGS := $(if $(whisper),-L$(whisper)/lib -Wl$(comma)-rpath$(comma)$(whisper)/lib )-L$(cache)/lib
export CGO_CFLAGS := -O2 -g $(if $(whisper),-I$(whisper)/include)
export SPEECHQA_TEST_BIN := $(cache)/bin
export GGML_NO_BACKTRACE := 1

version := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
assets := $(shell find web/assets/src web/package-lock.json web/build -type f)

.PHONY: help build demo test bench soak soak-hearing check clean setup-build setup-demo setup-test assets screenshots train

help: ## show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t12

build: setup-build bin/speechqa ## build ./bin/speechqa

demo: setup-demo bin/speechqa ## install, build, start everything, process the samples, print the console's address
	./bin/speechqa demo $(DEMO_FLAGS)

test: setup-test assets ## install, then run every test on real parts
	go test -timeout 25m ./...

bench: setup-test assets ## benchmarks; ratios side by side
	go test -run '^$$' -bench . -benchmem -timeout 60m ./...

soak-hearing: setup-test assets ## five hours of stereo heard, with the peak memory
	go test -run '^$$' -bench FiveHours -benchtime 1x -timeout 60m ./pipeline/whisper

soak: setup-test assets ## reliability for long: kills, outages, a bad store; SEED, RECORDINGS, PROCESSES, KILLS, AWAY (seconds)
	go test -tags soak -run '^TestSoak$$' -timeout 3h -count=1 ./worker

check: setup-test assets ## formatting, vet, staticcheck, known vulnerabilities, import directions, generated files
	scripts/check

setup-build setup-demo setup-test: setup-%:
	@scripts/setup $*

bin/speechqa: FORCE | assets
	go build -trimpath -ldflags '-X main.version=$(version)' -o $@ ./cmd/speechqa

assets: web/assets/dist/app.js

web/assets/dist/app.js: $(assets) web/node_modules/.package-lock.json
	go run ./web/build

web/node_modules/.package-lock.json: web/package-lock.json
	npm --prefix web ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

train: setup-build ## train the statistical layer anew (fixed seed; the same input gives the same file)
	go run ./detectors/trainer -out lexicon/data/model.txt testdata/dialogues/dev.jsonl testdata/dialogues/authored-a.jsonl testdata/dialogues/authored-b.jsonl testdata/dialogues/utterances/*.jsonl

screenshots: setup-test assets ## make the pictures of the README and of docs/ anew
	go test ./cmd/speechqa -run 'TestDemo$$|TestRulesStory$$' -screenshots

clean: ## remove what was built, not what was installed
	rm -rf bin web/assets/dist/*.js web/assets/dist/*.css web/assets/dist/*.txt web/node_modules

FORCE:
