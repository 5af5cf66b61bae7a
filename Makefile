# `make demo` runs the main job, `make test` runs every check. Rust comes from rustup; Debian is the tested system.
CARGO ?= cargo
PACKAGES := $(shell sed 's/\#.*//' maint/debian-packages)

.PHONY: help demo test build packages fmt clippy doc unit chaos

help:
	@echo 'make demo    a local mixnet, a relay and two daemons: one message and its answer, end to end'
	@echo 'make test    formatting, lints, documentation and every test'
	@echo 'make build   target/release/bauta'

packages:
	@maint/packages $(PACKAGES)

# npm writes this file last. The scripts of packages are not run.
GUN := tests/gun/node_modules/.package-lock.json

$(GUN): tests/gun/package.json tests/gun/package-lock.json | packages
	cd tests/gun && npm ci --ignore-scripts --omit=optional --no-audit --no-fund
	touch $@

# Always the whole workspace: another selection has other features, and cargo would compile the tree a second time.
build: packages
	$(CARGO) build --release --locked --workspace --all-targets

demo: build
	target/release/bauta demo

fmt:
	$(CARGO) fmt --all --check

clippy: packages
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings

doc: packages
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --release --locked --workspace --no-deps --document-private-items -q

unit: build $(GUN)
	$(CARGO) test --release --locked --workspace

# Two people write to each other while daemons, relay and gateways fail.
chaos: build
	target/release/chaos --messages 40

test: packages fmt unit chaos clippy doc
