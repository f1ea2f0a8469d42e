//! The section `[listen]` of `weir.toml`.

use std::net::SocketAddr;

use serde::Deserialize;

/// Addresses to listen on; all on loopback unless said otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Listen {
    /// Console and HTTP API.
    pub http: SocketAddr,
    /// Sealed batches by UDP.
    pub batch: SocketAddr,
    /// StatsD by UDP; `"off"` for none.
    pub statsd: Switched,
    /// Graphite's plaintext by TCP; `"off"`, the default, for none.
    pub graphite: Switched,
    /// OTLP over gRPC by TCP, with TLS where the HTTP API has it; `"off"`, the default, for none. 4317 is the usual port. For programs whose
    /// exporter speaks no HTTP; takes a build with the feature `otlp-grpc`.
    pub otlp_grpc: Switched,
    /// Names by which the HTTP API is reached, beside loopback, the address connected to and this host's own name.
    /// Default: none. For whoever asks by another name, or through a proxy: requests for other hosts are refused while no
    /// tokens are asked for, writes from other sites' pages always.
    pub hosts: Vec<String>,
    /// Origins whose pages may ask the HTTP API and read its answers, such as `https://grafana.example.com`. Default: none.
    pub cors: Vec<String>,
}

impl Default for Listen {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            http: loopback(8641),
            batch: loopback(8640),
            statsd: Switched(Some(loopback(8125))),
            hosts: Vec::new(),
            cors: Vec::new(),
            graphite: Switched(None),
            otlp_grpc: Switched(None),
        }
    }
}

impl Listen {
    /// Whether this build can listen to all of it.
    pub(super) fn check(&self) -> Result<(), String> {
        if cfg!(not(feature = "otlp-grpc")) && self.otlp_grpc.0.is_some() {
            return Err(
                "listen.otlp_grpc: this build does not speak gRPC; build with `--features weir/otlp-grpc`, or have \
                        exporters send http/protobuf to the address of HTTP"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// An address, or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Switched(pub Option<SocketAddr>);

impl TryFrom<String> for Switched {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::str::FromStr for Switched {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self(None)),
            address => match address.parse() {
                Ok(address) => Ok(Self(Some(address))),
                Err(_) => Err(format!("{address:?} is neither an address such as 127.0.0.1:8125 nor \"off\"")),
            },
        }
    }
}

impl std::fmt::Display for Switched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(address) => write!(f, "{address}"),
            None => f.write_str("off"),
        }
    }
}
