# `make demo` and `make test` need nothing but this file on a fresh Debian machine with Rust, Node and a JDK.
CARGO ?= cargo
BIN := target/release

.PHONY: demo test check build agent deb console setup autoscaling clean

demo: build
	$(BIN)/weir demo

build: console
	$(CARGO) build --release --locked --features weir/s3 --bin weir --bin weir-agent

# The agent as it is shipped: one static file, which runs on every Linux of this architecture.
STATIC_TARGET := $(shell uname -m)-unknown-linux-gnu
STATIC_AGENT = $(or $(CARGO_TARGET_DIR),target)/$(STATIC_TARGET)/agent/weir-agent
agent:
	RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static" \
		$(CARGO) build --locked --profile agent --target $(STATIC_TARGET) --package weir-agent

deb: agent
	deploy/deb/build $(STATIC_AGENT)

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

# Three minutes of gateways that follow the load, as a picture.
autoscaling: setup build
	$(CARGO) build --release --locked --package weir-tests --example autoscaling
	$(or $(CARGO_TARGET_DIR),target)/release/examples/autoscaling docs/autoscaling.png

test: setup console
	$(CARGO) build --locked --features weir/s3 --bin weir --bin weir-agent
	$(CARGO) test --locked --workspace --features weir/s3
	$(CARGO) test --manifest-path fuzz/Cargo.toml --target-dir target --no-default-features
	cd console && npm test --silent

check: console
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	cd console && npm run --silent check

clean:
	$(CARGO) clean
	rm -rf console/dist console/node_modules
