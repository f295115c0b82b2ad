# make build, make test, make demo, make bench, make lint, make asan. Everything else is a step on the way.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: build test lint demo bench asan clean

ARCH := $(shell node -p process.arch)
ADDON := dist/zerodown-$(ARCH).node
SOURCES := $(shell find src test -name '*.ts')
BIN := node_modules/.bin
# Headers that came with this Node spare node-gyp a download.
NODE_HOME := $(shell node -p 'require("path").resolve(process.execPath, "../..")')
NODEDIR := $(if $(wildcard $(NODE_HOME)/include/node/node_api.h),--nodedir=$(NODE_HOME))

build: dist/zerodown.cjs $(ADDON) build/.stamp

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	touch $@

$(ADDON): node_modules/.package-lock.json src/native/binding.gyp $(wildcard src/native/*.c src/native/*.h)
	cd src/native && ../../$(BIN)/node-gyp rebuild --loglevel=error $(NODEDIR)
	mkdir -p dist build/src/native
	cp src/native/build/Release/zerodown.node $@
	cp $@ build/src/native/

# The tests import what tsc writes here; the command itself is one bundle.
build/.stamp: node_modules/.package-lock.json tsconfig.json $(SOURCES)
	$(BIN)/tsc -p .
	touch $@

# The bundle is a shell script too: src/cli/launcher.sh is its second line.
dist/zerodown.cjs: node_modules/.package-lock.json build/.stamp src/cli/launcher.sh
	$(BIN)/esbuild src/cli/main.ts --bundle --platform=node --target=node20 --format=cjs --outfile=$@ \
	  --define:import.meta.url=__filename --define:VERSION='"$(shell node -p 'require("./package.json").version')"' \
	  --banner:js="$$(cat src/cli/launcher.sh)" --log-level=warning
	chmod +x $@

test: lint build
	test/run

lint: node_modules/.package-lock.json
	$(BIN)/biome check .

asan: build
	test/asan $(NODEDIR)

clean:
	rm -rf build dist src/native/build
