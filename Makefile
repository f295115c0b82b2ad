# `make help` lists what to call. Everything else is a step on the way.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: help build frameworks test test-systemd test-node test-vm lint coverage demo bench scale soak fuzz asan man servers server-figures clean debian

ARCH := $(shell node -p process.arch)
ADDON := dist/zerodown-$(ARCH).node
RELOAD_CLIENT := dist/zerodown-reload-$(ARCH)
SOURCES := $(shell find src test -name node_modules -prune -o -name '*.ts' -print)
VARLINK := docs/tech.fornaxian.zerodown.varlink src/control/org.varlink.service.varlink
BIN := node_modules/.bin

# Debian's packages that a target needs. The targets named here install what is missing of them; the others take the machine
# as it is.
COMPILER := build-essential python3
DEBIAN_test := $(COMPILER) python3-systemd libsystemd-dev systemd dbus dbus-user-session curl procps util-linux polkitd \
  mandoc man-db groff-base zsh fish gunicorn puma nginx-light prometheus prometheus-node-exporter
# What test/system/fleet.test.ts deploys with; iproute2 is for tests in networks of their own, too.
DEBIAN_test += ansible-core openssh-server openssh-client iproute2
DEBIAN_bench := $(COMPILER)
DEBIAN_demo := $(COMPILER)
# What test/system/servers.test.ts and those of servers that bind for themselves, and of containers, run beside gunicorn, puma
# and nginx; Java where it is.
DEBIAN_test += uvicorn python3-hypercorn unicorn haproxy lighttpd php8.2-fpm golang-go caddy apache2-bin podman crun
DEBIAN_server-figures = $(DEBIAN_test)
DEBIAN_test-node = $(DEBIAN_test)
DEBIAN = $(sort $(foreach goal,$(MAKECMDGOALS),$(DEBIAN_$(goal))))

build: dist/zerodown.cjs dist/zerodown-varlink.7 build/types.stamp $(ADDON) $(RELOAD_CLIENT) build/.stamp build/test/apps/describe-self build/test/apps/uring build/test/apps/shim.so ## the command, the library, the addon and the tests

help: ## this list
	@sed -sn 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

debian:
	@$(if $(DEBIAN),.ci/packages $(DEBIAN),:)

node_modules/.package-lock.json: package.json package-lock.json | debian
	$(if $(wildcard $(NODE_HOME)/include/node/node_api.h),npm_config_nodedir=$(NODE_HOME)) npm ci --no-audit --no-fund --loglevel=error
	touch $@

# Node's binary and headers, as npm has them: build/node/22-x64 is the newest Node 22, build/node/20.20.2-arm64 that version.
build/node/%/bin/node:
	src/packaging/fetch-node $* build/node/$*

# The addon is one small library, which asks for no newer glibc than Node 20 does (2.28). It needs only headers of Node: the
# functions come from the Node that loads it.
NODE_HOME := $(shell node -p 'require("path").resolve(process.execPath, "../..")')
NODE_HEADERS := $(if $(wildcard $(NODE_HOME)/include/node/node_api.h),$(NODE_HOME),build/node/20-$(ARCH))/include/node
TRIPLET_x64 := x86_64-linux-gnu
TRIPLET_arm64 := aarch64-linux-gnu
CC_FOR = $(if $(filter $(1),$(ARCH)),$(CC),$(TRIPLET_$(1))-gcc)
ADDON_SOURCES := $(wildcard src/native/*.c)
ADDON_FLAGS := -std=c11 -D_GNU_SOURCE -DNAPI_VERSION=8 -fPIC -Wall -Wextra -Wno-unused-parameter -I$(NODE_HEADERS)

dist/zerodown-%.node: $(ADDON_SOURCES) $(wildcard src/native/*.h) \
    $(if $(filter build/%,$(NODE_HEADERS)),build/node/20-$(ARCH)/bin/node) | debian
	mkdir -p dist build/src/native
	$(call CC_FOR,$*) $(ADDON_FLAGS) -include src/native/glibc-2.28.h -O2 \
	  -fvisibility=hidden -shared -s -Wl,-z,now -Wl,--build-id=sha1 -o $@ $(ADDON_SOURCES)
	cp $@ build/src/native/

# `zerodown reload` in ExecReload= without Node: see docs/decisions/reload-client.md.
CLIENT_SOURCES := $(wildcard src/reload-client/*.c)
CLIENT_FLAGS := -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-parameter

dist/zerodown-reload-%: $(CLIENT_SOURCES) $(wildcard src/reload-client/*.h) | debian
	mkdir -p dist
	$(call CC_FOR,$*) $(CLIENT_FLAGS) -O2 -fPIE -pie -nostartfiles -s -Wl,-z,now -Wl,--build-id=sha1 -o $@ $(CLIENT_SOURCES)

# Programs of the tests, made here because the machine that they run on may have no compiler (see test-systemd).
build/test/apps/%: test/apps/%.c | debian
	mkdir -p $(@D)
	$(CC) -Wall -Wextra -O1 -o $@ $<

build/test/apps/%.so: test/apps/%.c | debian
	mkdir -p $(@D)
	$(CC) -Wall -Wextra -O1 -shared -fPIC -o $@ $<

# The tests import what tsc writes here (nothing of a file that was renamed stays); the command itself is one bundle.
build/.stamp: node_modules/.package-lock.json tsconfig.json $(SOURCES)
	find build/src build/test -name '*.js' -delete 2>/dev/null || true
	$(BIN)/tsc -p .
	touch $@

# `zerodown` is one bundle with all that `run` needs, and begins as a shell script: src/launcher/launcher.sh. The
# other commands, which main.ts imports when they are called, are modules beside it, so that what they load costs only them;
# and so is what apps import. A supervisor has the bundle's text in memory as long as it lives: it is without comments and
# indentation, and all of it is ASCII, or V8 would take two bytes for each character. Names and lines stay, for stack traces.
COMMANDS := $(shell sed -n 's|.*import("\./\(.*\)\.js").*|\1|p' src/cli/main.ts)
ESBUILD := $(BIN)/esbuild --bundle --platform=node --target=node20 --log-level=warning \
  --define:VERSION='"$(shell node -p 'require("./package.json").version')"'

dist/zerodown.cjs: build/.stamp src/launcher/launcher.sh $(VARLINK)
	mkdir -p dist build/src/control
	$(ESBUILD) src/cli/main.ts --format=cjs --outfile=$@ --define:import.meta.url=__filename \
	  --minify-whitespace --line-limit=120 \
	  --banner:js="$$(cat src/launcher/launcher.sh)" $(COMMANDS:%=--external:./%.js)
	chmod +x $@
	rm -f dist/*.js
	$(ESBUILD) $(COMMANDS:%=src/cli/%.ts) --format=esm --splitting --outdir=dist --external:usocket --external:x11 \
	  --banner:js='import { createRequire as cr } from "node:module"; const require = cr(import.meta.url);'
	$(ESBUILD) src/library/index.ts src/library/systemd-socket.ts --format=esm --splitting --outdir=dist
	cp $(VARLINK) dist/
	cp $(VARLINK) build/src/control/

# The types of what apps import.
build/types.stamp: build/.stamp tsconfig.types.json
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

# Servers that Debian doesn't have.
SERVERS := test/servers/node_modules/.package-lock.json

$(SERVERS): test/servers/package.json test/servers/package-lock.json
	npm ci --prefix test/servers --no-audit --no-fund --loglevel=error
	touch $@

test: lint build coverage frameworks $(SERVERS) ## installs what it needs, builds, and runs every test (as root: beside a real systemd)
	test/run halves

# The tests on systemd once more, on that of another Debian release: make test-systemd RELEASE=trixie
RELEASE ?= trixie
test-systemd: build ## the tests on systemd with that of another Debian: RELEASE=trixie
	@.ci/packages debootstrap
	ROOT=$$(test/system/release $(RELEASE)) test/run halves build/test/system

# What takes a machine that boots: packages, reboots, the system's own manager with cgroups. In emulated machines with both
# releases of Debian, or one: make test-vm RELEASE=trixie. The packages are those in build/packages.
VM_RELEASES = $(if $(filter file,$(origin RELEASE)),bookworm trixie,$(RELEASE))
test-vm: build $(foreach release,$(VM_RELEASES),build/vm/$(release)/disk.img) ## packages and services in machines that boot: RELEASE=bookworm|trixie
	@.ci/packages qemu-system-x86
	test/vm/run $(VM_RELEASES)

build/vm/%/disk.img: test/vm/make $(wildcard test/vm/image/*)
	@.ci/packages debootstrap e2fsprogs
	test/vm/make $*

# The tests without systemd, and those of the main paths beside it, on another Node: make test-node NODE=24
NODE ?= 22
CORE := reload reload-result control lifecycle child sockets cgroup fd-store watchdog node-library reuse-port status run
test-node: build build/node/$(NODE)-$(ARCH)/bin/node ## the unit tests, and a core of the others, on another Node: NODE=22
	PATH=$(CURDIR)/build/node/$(NODE)-$(ARCH)/bin:$$PATH test/run halves build/test/unit $(CORE:%=build/test/system/%.test.js)

# What zerodown costs, and what a reload costs clients, beside others that reload: some five minutes.
bench: build ## what zerodown costs, and what a reload costs clients, beside others
	@test/bench/run

# How that grows with sockets, environment, and generations that drain.
scale: build ## how that grows with sockets, environment and generations
	node build/test/bench/scale.js

# Reloads under load for long, with faults among them, and then upgrades: make soak RELOADS=1000 REQUESTS=5000000 SEED=1. Of each
# service of several workers all are replaced CREW_RELOADS=50 times at least, and RECYCLED=20 workers by their memory.
soak: build ## reloads under load with faults, and upgrades: RELOADS=1000 REQUESTS=5000000 UPGRADES=200 SEED=1
	test/system/sandbox node build/test/soak/soak.js

# The main job without systemd, on port 8080.
demo: build ## serves on port 8080, and prints what to try
	@docs/examples/demo

man: build/.stamp ## writes the options of every command into the man page
	node build/src/packaging/man-page.js docs/zerodown.1

servers: build/.stamp ## writes docs/servers.md and its examples' units from the table of servers
	node build/src/packaging/server-pages.js docs

server-figures: build $(SERVERS) ## runs the servers of docs/servers.md, and writes what they lose into its table
	SERVER_FIGURES=1 test/run build/test/system/{servers,own-sockets,containers}.test.js
	$(BIN)/biome format --write docs/examples/servers/figures.json
	node build/src/packaging/server-pages.js docs

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
	test/asan $(ADDON_FLAGS)

include src/packaging/packages.mk

clean: ## removes what was built
	rm -rf build dist $(FRAMEWORKS)/next/.next
