# What is published, in build/packages: one package for npm with the binaries of both architectures, and for each architecture
# two for Debian and an RPM. What they are made from lies in build/packaging.

.PHONY: packages deb rpm npm test-packages
# What was fetched stays.
.PRECIOUS: build/node/%/bin/node build/packaging/node-%/node
PACKAGES := build/packages
VERSION := $(shell node -p 'require("./package.json").version')
ARCHES := x64 arm64
DEB_ARCH_x64 := amd64
DEB_ARCH_arm64 := arm64
RPM_ARCH_x64 := x86_64
RPM_ARCH_arm64 := aarch64
# The Node that comes with zerodown-standalone.
RUNTIME := 24.21.0
# All files in packages have this date, so that the same tree gives the same bytes.
RELEASED := $(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y package.json)
EPOCH := SOURCE_DATE_EPOCH=$(RELEASED)

CROSS := gcc-aarch64-linux-gnu libc6-dev-arm64-cross
DEBIAN_deb := $(COMPILER) $(CROSS) debhelper lintian
DEBIAN_rpm := $(COMPILER) $(CROSS) rpm
DEBIAN_packages := $(DEBIAN_deb) rpm
DEBIAN_test-packages := $(DEBIAN_packages) mandoc man-db groff-base qemu-user-static libstdc++6-arm64-cross libatomic1-arm64-cross

NPM_PACKAGE := $(PACKAGES)/zerodown-$(VERSION).tgz
DEBS := $(foreach arch,$(ARCHES),$(PACKAGES)/zerodown_$(VERSION)_$(DEB_ARCH_$(arch)).deb)
RPMS := $(foreach arch,$(ARCHES),$(PACKAGES)/zerodown-$(VERSION)-1.$(RPM_ARCH_$(arch)).rpm)
BINARIES := $(ARCHES:%=dist/zerodown-%.node) $(ARCHES:%=dist/zerodown-reload-%)
PACKAGING := $(shell find src/packaging -type f) $(shell find docs units -type f) README.md LICENSE CHANGELOG.md package.json

packages: $(NPM_PACKAGE) $(DEBS) $(RPMS) ## all packages, for both architectures, with their sizes and checksums
	@src/packaging/report $(PACKAGES)
npm: $(NPM_PACKAGE) ## the package for npm
deb: $(DEBS) ## the packages for Debian
rpm: $(RPMS) ## the RPMs

test-packages: build packages build/node/20.20.2-arm64/bin/node ## installs, reads and runs what `make packages` makes
	node --experimental-vm-modules --no-warnings node_modules/jest/bin/jest.js --maxWorkers=1 --forceExit build/test/packages \
	  --testPathIgnorePatterns /node_modules/

dist/zerodown-varlink.7: docs/tech.fornaxian.zerodown.varlink src/packaging/varlink-man.mjs docs/zerodown.1
	mkdir -p dist
	node src/packaging/varlink-man.mjs $< $$(sed -n 's/^\.TH ZERODOWN 1 "\([^"]*\)".*/\1/p' docs/zerodown.1) $(VERSION) >$@

BUILT := dist/zerodown.cjs dist/zerodown-varlink.7 build/types.stamp $(BINARIES)

$(NPM_PACKAGE): $(BUILT) $(PACKAGING)
	mkdir -p $(PACKAGES)
	src/packaging/npm-tree build/packaging/npm
	npm pack --silent --pack-destination $(PACKAGES) ./build/packaging/npm

build/packaging/tree-%/.stamp: $(BUILT) $(PACKAGING)
	src/packaging/tree $* $(@D)/root
	touch $@

build/packaging/node-%/node: build/node/$(RUNTIME)-%/bin/node | debian
	mkdir -p $(@D)
	cp build/node/$(RUNTIME)-$*/LICENSE $(@D)/LICENSE.node
	$(TRIPLET_$*)-strip --strip-all -o $@ $<

define FOR_ARCH
$(PACKAGES)/zerodown_$(VERSION)_$(DEB_ARCH_$(1)).deb: build/packaging/tree-$(1)/.stamp build/packaging/node-$(1)/node
	$(EPOCH) src/packaging/build-deb $(1) $(DEB_ARCH_$(1)) $(TRIPLET_$(1)) $(VERSION) $(PACKAGES)

$(PACKAGES)/zerodown-$(VERSION)-1.$(RPM_ARCH_$(1)).rpm: build/packaging/tree-$(1)/.stamp
	$(EPOCH) src/packaging/build-rpm $(1) $(RPM_ARCH_$(1)) $(VERSION) $(PACKAGES)
endef
$(foreach arch,$(ARCHES),$(eval $(call FOR_ARCH,$(arch))))
