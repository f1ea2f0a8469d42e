# `make demo`, `make check` and `make test` need nothing but this file on a fresh Debian machine with Rust and Node.js.
CARGO ?= cargo
BIN := target/release

.PHONY: demo test differential conformance check rustdoc deny spelling mutants build agent manual install deb console setup autoscaling pictures large soak clean

demo: build
	$(BIN)/weir demo

build: console
	$(CARGO) build --release --locked --features weir/s3,weir/kafka,weir/otlp-grpc --bin weir --bin weir-agent

# The agent as it is shipped: one static file, which runs on every Linux of this architecture.
STATIC_TARGET := $(shell uname -m)-unknown-linux-gnu
STATIC_AGENT = $(or $(CARGO_TARGET_DIR),target)/$(STATIC_TARGET)/agent/weir-agent
agent:
	RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static" \
		$(CARGO) build --locked --profile agent --target $(STATIC_TARGET) --package weir-agent

deb: agent manual
	MANUAL=$(MANUAL) deploy/deb/build $(STATIC_AGENT)

# Completions and manual pages of both programs, made of their command lines. By a build of its own: the shipped agent stays small.
MANUAL := target/manual
manual: console
	$(CARGO) build --locked --features weir-agent/manual --bin weir --bin weir-agent
	deploy/manual $(or $(CARGO_TARGET_DIR),target)/debug $(MANUAL)

# Both programs, their completions and manual pages under PREFIX, in a package's tree under DESTDIR.
PREFIX ?= /usr/local
install: build manual
	install -D -t $(DESTDIR)$(PREFIX)/bin $(or $(CARGO_TARGET_DIR),target)/release/weir $(or $(CARGO_TARGET_DIR),target)/release/weir-agent
	cp -R $(MANUAL)/share $(DESTDIR)$(PREFIX)/

# The console is embedded in the server, so every build of it needs console/dist.
console: console/dist/index.html
console/dist/index.html: console/node_modules/.package-lock.json $(shell find console/src console/index.html console/vite.config.ts -type f 2>/dev/null)
	cd console && npm run --silent build
	@touch $@
console/node_modules/.package-lock.json: console/package.json console/package-lock.json
	cd console && npm ci --no-audit --no-fund --silent
	@touch $@

# Real components that tests drive: a browser and a load balancer.
setup:
	@tests/setup

# Pictures of every page of the console, for docs/console.md.
pictures: setup build
	$(CARGO) run --locked --package weir-tests --example console_pictures

# The fleet page of a hundred thousand agents: first paint and refreshes within their bounds.
large: setup build
	$(CARGO) run --locked --package weir-tests --example console_large

# Three minutes of gateways that follow the load, as a picture.
autoscaling: setup build
	$(CARGO) build --release --locked --package weir-tests --example autoscaling
	$(or $(CARGO_TARGET_DIR),target)/release/examples/autoscaling docs/autoscaling.png

# Random faults for SECONDS, half of them with roles apart; then every counter is compared. SEED repeats a course of chance.
soak: SECONDS ?= 600
soak: SEED ?= $(shell date +%s)
soak: console
	$(CARGO) build --locked --features weir/s3,weir/kafka,weir/otlp-grpc --bin weir --bin weir-agent
	WEIR_SOAK_SECONDS=$(SECONDS) WEIR_SOAK_SEED=$(SEED) $(CARGO) test --locked --package weir-tests --test soak

test: setup console
	$(CARGO) build --locked --features weir/s3,weir/kafka,weir/otlp-grpc --bin weir --bin weir-agent
	$(CARGO) test --locked --workspace --features weir/s3,weir/kafka,weir/otlp-grpc --no-fail-fast
	$(CARGO) test --manifest-path fuzz/Cargo.toml --target-dir target --no-default-features
	cd console && npm test --silent

# Random queries against Debian's Prometheus: tens of thousands, by a seed that is printed.
DIFFERENTIAL_QUERIES ?= 30000
DIFFERENTIAL_SEED ?= $(shell date +%s)
differential: setup console
	$(CARGO) build --locked --features weir/s3,weir/kafka,weir/otlp-grpc --bin weir
	WEIR_DIFFERENTIAL_QUERIES=$(DIFFERENTIAL_QUERIES) WEIR_DIFFERENTIAL_SEED=$(DIFFERENTIAL_SEED) \
		$(CARGO) test --locked --package weir-tests --test differential -- --nocapture

# Prometheus' own tables of its language, of the version that this engine follows; docs/conformance.md has the counts.
PROMQL_VERSION := v0.316.0
conformance:
	tests/conformance $(PROMQL_VERSION) $(CARGO)

check: console rustdoc deny spelling
	$(CARGO) fmt --all --check
	tests/mutants/run --check
	$(CARGO) clippy --locked --workspace --all-targets --features weir/s3,weir/kafka,weir/otlp-grpc -- -D warnings
	cd console && npm run --silent check

# Links and texts of the crates' documentation, private items included.
rustdoc: console
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --features weir/s3,weir/kafka,weir/otlp-grpc --no-deps --document-private-items --quiet

TOOLS := target/tools
$(TOOLS)/installed: tests/tools tests/tools.txt
	@tests/tools $(TOOLS)

# Licences, second versions and bans (deny.toml). Advisories need their database: without a network they are left out, and told so.
deny: $(TOOLS)/installed
	$(TOOLS)/bin/cargo-deny --locked check licenses bans sources
	@if $(TOOLS)/bin/cargo-deny --log-level off fetch db 2>/dev/null; \
		then $(TOOLS)/bin/cargo-deny --locked check --disable-fetch advisories; \
		else echo "advisories are not checked: their database is out of reach"; fi

spelling: $(TOOLS)/installed
	$(TOOLS)/bin/typos

# Breaks promises on purpose: each line of tests/mutants/list.toml must turn a test red. Not part of `check`: it takes many minutes.
mutants: console
	tests/mutants/run

clean:
	$(CARGO) clean
	rm -rf console/dist console/node_modules
