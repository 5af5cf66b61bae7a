# `make demo` runs the main job, `make test` runs every check. Rust comes from rustup; Debian is the tested system.
CARGO ?= cargo
PACKAGES := $(shell sed 's/\#.*//' maint/debian-packages)
BROWSERS := $(shell sed 's/\#.*//' maint/debian-packages-browsers)

.PHONY: help demo test build programs features names packages browsers deb deb-lint deb-test fmt clippy doc unit props chaos extension extension-test e2e guard

help:
	@echo 'make demo        a local mixnet, a relay and two daemons: one message and its answer, end to end'
	@echo 'make test        formatting, lints, documentation and every test'
	@echo 'make build       target/release/bauta and bauta-bridge'
	@echo 'make deb         target/deb/bauta_VERSION_ARCH.deb; make deb-test installs, uses and removes it'
	@echo 'make extension   the browser extension: dist/chromium and dist/firefox in extension-bridge/extension'
	@echo 'make props       property tests with new draws, ten times'
	@echo 'make e2e         the extension in real browsers, with real daemons and the local mixnet'

packages:
	@maint/packages $(PACKAGES)

browsers:
	@maint/packages $(BROWSERS)

# npm writes these files last. The scripts of packages are not run; esbuild works without its own.
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund
GUN := tests/gun/node_modules/.package-lock.json

$(GUN): tests/gun/package.json tests/gun/package-lock.json | packages
	cd tests/gun && $(NPM_CI) --omit=optional
	touch $@

# The extension's tools want a newer node than that of Debian 12.
EXTENSION := extension-bridge/extension
IN_EXTENSION := cd $(EXTENSION) && $(CURDIR)/maint/with-node
TOOLS := $(EXTENSION)/node_modules/.package-lock.json
BUILT := $(EXTENSION)/dist/.built
TESTED := $(EXTENSION)/dist/.tested
LINTED := $(EXTENSION)/dist/.linted
files = $(foreach dir,$(1),$(shell find $(EXTENSION)/$(dir) -type f 2>/dev/null))

$(TOOLS): $(EXTENSION)/package.json $(EXTENSION)/package-lock.json | packages
	$(IN_EXTENSION) $(NPM_CI)
	touch $@

$(BUILT): $(TOOLS) extension-bridge/ids.json $(call files,src static _locales scripts)
	$(IN_EXTENSION) npm run --silent build
	touch $@

# Some tests compare the extension's words with those of the programs.
THEIRS := ipc/openrpc.json $(shell find cli/src daemon/src ipc/src sphinx-client/src -name '*.rs')

$(TESTED): $(BUILT) $(THEIRS) $(call files,test)
	$(IN_EXTENSION) npm test --silent
	touch $@

$(LINTED): $(BUILT) $(EXTENSION)/tsconfig.json $(EXTENSION)/.prettierignore $(call files,test e2e)
	$(IN_EXTENSION) npm run --silent lint
	touch $@

extension: $(BUILT)

extension-test: $(TESTED) $(LINTED)

# Whatever is selected, each crate below has the same features, or cargo would compile the tree a second time.
BUILD := $(CARGO) build --release --locked

features:
	@maint/check-features

names:
	@maint/check-docs

build: packages
	$(BUILD) -p bauta -p bauta-bridge

# With those that the tests run.
programs: packages
	$(BUILD) --workspace --bins

deb: build
	maint/deb

# Errors only: warnings are about a distribution's own rules.
deb-lint: deb
	maint/packages lintian
	lintian --fail-on error target/deb/bauta_*.deb

# In a root of its own, with a real service manager where one can run.
deb-test: deb
	maint/deb-test

demo: packages
	$(BUILD) -p bauta
	target/release/bauta demo

fmt:
	$(CARGO) fmt --all --check

clippy: packages
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings

doc: packages
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --release --locked --workspace --no-deps --document-private-items -q

# Property tests draw the same inputs each time; `props` draws others.
unit: packages $(GUN)
	PROPTEST_RNG_SEED=1 $(CARGO) test --release --locked --workspace

props: packages
	for n in 1 2 3 4 5 6 7 8 9 10; do $(CARGO) test --release --locked --workspace --lib --test all || exit; done

e2e: browsers programs $(BUILT) $(GUN)
	$(IN_EXTENSION) npm run --silent e2e

# What a page learns about who looks at it, at length.
guard: browsers programs $(BUILT) $(GUN)
	$(IN_EXTENSION) npm run --silent guard

# Two people write to each other while daemons, relay and gateways fail.
chaos: programs
	target/release/chaos --messages 40

test: packages browsers fmt features names extension-test unit e2e chaos clippy doc
