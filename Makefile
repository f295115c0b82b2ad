# `make help` lists what to call. Everything else is a step on the way.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: help build frameworks test test-systemd lint coverage demo bench scale soak fuzz asan clean

ARCH := $(shell node -p process.arch)
ADDON := dist/zerodown-$(ARCH).node
SOURCES := $(shell find src test -name node_modules -prune -o -name '*.ts' -print)
VARLINK := docs/tech.fornaxian.zerodown.varlink src/control/org.varlink.service.varlink
BIN := node_modules/.bin
# Headers that came with this Node spare node-gyp a download.
NODE_HOME := $(shell node -p 'require("path").resolve(process.execPath, "../..")')
NODEDIR := $(if $(wildcard $(NODE_HOME)/include/node/node_api.h),--nodedir=$(NODE_HOME))

build: dist/zerodown.cjs dist/types/.stamp $(ADDON) build/.stamp build/test/apps/describe-self build/test/apps/shim.so ## the command, the library, the addon and the tests

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	touch $@

$(ADDON): node_modules/.package-lock.json src/native/binding.gyp $(wildcard src/native/*.c src/native/*.h)
	cd src/native && ../../$(BIN)/node-gyp rebuild --loglevel=error $(NODEDIR)
	mkdir -p dist build/src/native
	cp src/native/build/Release/zerodown.node $@
	cp $@ build/src/native/

# Programs of the tests, made here because the machine that they run on may have no compiler (see test-systemd).
build/test/apps/%: test/apps/%.c
	mkdir -p $(@D)
	$(CC) -Wall -Wextra -O1 -o $@ $<

build/test/apps/%.so: test/apps/%.c
	mkdir -p $(@D)
	$(CC) -Wall -Wextra -O1 -shared -fPIC -o $@ $<

# The tests import what tsc writes here (nothing of a file that was renamed stays); the command itself is one bundle.
build/.stamp: node_modules/.package-lock.json tsconfig.json $(SOURCES)
	find build/src build/test -name '*.js' -delete 2>/dev/null || true
	$(BIN)/tsc -p .
	touch $@

# `zerodown` is one bundle with all that `run` needs, and begins as a shell script: src/launcher/launcher.sh. The
# other commands are modules beside it, so that what they load costs only them; and so is what apps import.
COMMANDS := reload status check unit
ESBUILD := $(BIN)/esbuild --bundle --platform=node --target=node20 --log-level=warning \
  --define:VERSION='"$(shell node -p 'require("./package.json").version')"'

dist/zerodown.cjs: build/.stamp src/launcher/launcher.sh $(VARLINK)
	mkdir -p dist build/src/control
	$(ESBUILD) src/cli/main.ts --format=cjs --outfile=$@ --define:import.meta.url=__filename \
	  --banner:js="$$(cat src/launcher/launcher.sh)" $(COMMANDS:%=--external:./%.js)
	chmod +x $@
	rm -f dist/*.js
	$(ESBUILD) $(COMMANDS:%=src/cli/%.ts) --format=esm --splitting --outdir=dist --external:usocket --external:x11 \
	  --banner:js='import { createRequire as cr } from "node:module"; const require = cr(import.meta.url);'
	$(ESBUILD) src/library/index.ts src/library/systemd-socket.ts --format=esm --splitting --outdir=dist
	cp $(VARLINK) dist/
	cp $(VARLINK) build/src/control/

# The types of what apps import.
dist/types/.stamp: build/.stamp tsconfig.types.json
	rm -rf dist/types
	$(BIN)/tsc -p tsconfig.types.json
	touch $@

# The frameworks that the library is tried in, of exact versions; they find this tree's build as the package that it is.
FRAMEWORKS := test/frameworks

frameworks: $(FRAMEWORKS)/next/.next/BUILD_ID ## installs and builds the frameworks that the library is tried in
$(FRAMEWORKS)/node_modules/.package-lock.json: $(FRAMEWORKS)/package.json $(FRAMEWORKS)/package-lock.json
	npm ci --prefix $(FRAMEWORKS) --no-audit --no-fund --loglevel=error
	ln -sfn ../../.. $(FRAMEWORKS)/node_modules/zerodown
	touch $@

$(FRAMEWORKS)/next/.next/BUILD_ID: $(FRAMEWORKS)/node_modules/.package-lock.json \
    $(shell find $(FRAMEWORKS)/next -name .next -prune -o -type f -print)
	NEXT_TELEMETRY_DISABLED=1 $(FRAMEWORKS)/node_modules/.bin/next build $(FRAMEWORKS)/next

# All that it takes is installed first, where it is missing.
test: ## installs what it needs, builds, and runs every test (as root: beside a real systemd)
	@.ci/packages build-essential python3 python3-systemd libsystemd-dev systemd dbus dbus-user-session curl procps util-linux \
	  polkitd
	@$(MAKE) --no-print-directory lint build coverage frameworks
	test/run halves

# The tests on systemd once more, on that of another Debian release: make test-systemd RELEASE=trixie
RELEASE ?= trixie
test-systemd: build ## the tests on systemd with that of another Debian: RELEASE=trixie
	@.ci/packages debootstrap
	ROOT=$$(test/system/release $(RELEASE)) test/run halves build/test/system

# What zerodown costs, and what a reload costs clients, beside others that reload: some five minutes.
bench: ## what zerodown costs, and what a reload costs clients, beside others
	@.ci/packages build-essential python3
	@$(MAKE) --no-print-directory build
	@test/bench/run

# How that grows with sockets, environment, and generations that drain.
scale: build ## how that grows with sockets, environment and generations
	node build/test/bench/scale.js

# Reloads under load for long, with faults among them: make soak RELOADS=1000 REQUESTS=5000000 SEED=1
soak: build ## reloads under load with faults: RELOADS=1000 REQUESTS=5000000 SEED=1
	test/system/sandbox node build/test/soak/soak.js

# The main job without systemd, on port 8080.
demo: ## serves on port 8080, and prints what to try
	@.ci/packages build-essential python3
	@$(MAKE) --no-print-directory build
	@docs/examples/demo

lint: node_modules/.package-lock.json ## format and lint
	$(BIN)/biome check .

# Every branch of the state machine is taken by its own tests, or this fails.
coverage: build ## the state machine's own tests take each of its branches, or it fails
	node --experimental-vm-modules --no-warnings node_modules/jest/bin/jest.js build/test/unit/machine \
	  --coverage --coverageProvider=v8 --reporters=default --coverageReporters=text --coverageDirectory=build/coverage \
	  --collectCoverageFrom='build/src/machine/*.js' --coverageThreshold='{"global":{"branches":100}}'

# What reads others' text: the parsers in TypeScript, and the addon (by clang's libFuzzer), for that long each. What is found
# stays in test/fuzz/corpus. KEEP=1: what reaches something new, too.
SECONDS := 10
NODE_HEADERS := $(firstword $(wildcard $(NODE_HOME)/include/node) \
  $(HOME)/.cache/node-gyp/$(shell node -p process.versions.node)/include/node)
fuzz: build build/fuzz/addon ## parsers and addon, each for SECONDS=10
	node build/test/fuzz/fuzz.js $(SECONDS) $(KEEP)
	mkdir -p build/fuzz/corpus
	build/fuzz/addon -max_total_time=$(SECONDS) -max_len=5000 -verbosity=0 -print_final_stats=1 \
	  -artifact_prefix=test/fuzz/corpus/addon/ build/fuzz/corpus test/fuzz/corpus/addon
	$(if $(KEEP),build/fuzz/addon -set_cover_merge=1 -verbosity=0 test/fuzz/corpus/addon build/fuzz/corpus)

build/fuzz/addon: test/fuzz/addon.c $(wildcard src/native/*.c src/native/*.h) $(ADDON)
	@.ci/packages clang libclang-rt-14-dev
	mkdir -p $(@D)
	clang -D_GNU_SOURCE -DNAPI_VERSION=8 -g -O1 -Wall -Wno-unused-function -fno-sanitize-recover=undefined \
	  -fsanitize=fuzzer,address,undefined -I$(NODE_HEADERS) -o $@ $<

asan: build ## the addon's tests under the sanitizers
	test/asan $(NODEDIR)

clean: ## removes what was built
	rm -rf build dist src/native/build $(FRAMEWORKS)/next/.next
