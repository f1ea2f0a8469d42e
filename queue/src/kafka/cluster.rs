//! How brokers are reached.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rdkafka::{ClientConfig, ClientContext, config::RDKafkaLogLevel, error::KafkaError};

use crate::Error;

/// A cluster, and the names that topics have in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterConfig {
    /// Addresses to begin with, with commas between them.
    pub brokers: String,
    /// What names of topics begin with: `weir` for `weir.batches`.
    pub prefix: String,
    /// TLS, if brokers speak it.
    pub tls: Option<Tls>,
    /// A name and a password, if brokers ask for them.
    pub sasl: Option<Sasl>,
    /// How long a record waits for others to share a request with.
    pub linger: Duration,
}

/// Files of TLS, in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Who may have signed brokers' certificates; left out: whom this host trusts.
    pub ca: Option<PathBuf>,
    /// Certificate and key by which brokers know this process.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Sasl {
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: String,
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

/// A password is never shown.
impl std::fmt::Debug for Sasl {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Sasl({}, {})", self.mechanism, self.username)
    }
}

/// How long a question to the brokers may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Where a record of the largest payload fits, with what Kafka puts around it.
pub(super) const MESSAGE_BYTES: usize = crate::MAX_PAYLOAD_BYTES + (64 << 10);

impl ClusterConfig {
    /// The topic of batches.
    pub fn batches(&self) -> String {
        format!("{}.batches", self.prefix)
    }

    /// The topic by which sinks tell each other what they have of shared series.
    pub fn partials(&self) -> String {
        format!("{}.partials", self.prefix)
    }

    /// The topic of what happens to alerts.
    pub fn alerts(&self) -> String {
        format!("{}.alerts", self.prefix)
    }

    /// The topic of what whoever leads alerting has to remember.
    pub fn alert_states(&self) -> String {
        format!("{}.alerts.state", self.prefix)
    }

    /// The topic that says how many partitions the others have.
    pub(super) fn layouts(&self) -> String {
        format!("{}.layout", self.prefix)
    }

    /// A client's settings.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        // Why a connection failed is in what it logs.
        config.set_log_level(RDKafkaLogLevel::Info);
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "weir")
            .set("security.protocol", self.protocol())
            .set("message.max.bytes", MESSAGE_BYTES.to_string())
            .set("socket.keepalive.enable", "true")
            // Down to what a restart of a broker takes, so that nobody waits longer than it did.
            .set("reconnect.backoff.max.ms", "1000");
        if let Some(tls) = &self.tls {
            // Without a file OpenSSL's own places would be looked at, which are those of the host that built it.
            match &tls.ca {
                Some(file) => config.set("ssl.ca.location", file.display().to_string()),
                None => config.set("ssl.ca.location", "probe"),
            };
            if let Some((certificate, key)) = &tls.certificate {
                config.set("ssl.certificate.location", certificate.display().to_string());
                config.set("ssl.key.location", key.display().to_string());
            }
        }
        if let Some(sasl) = &self.sasl {
            config.set("sasl.mechanism", &sasl.mechanism);
            config.set("sasl.username", &sasl.username).set("sasl.password", &sasl.password);
        }
        config
    }

    fn protocol(&self) -> &'static str {
        match (&self.tls, &self.sasl) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        }
    }
}

/// What a client last complained of.
#[derive(Clone, Debug, Default)]
pub(super) struct Trouble(Arc<Mutex<Option<String>>>);

impl Trouble {
    pub(super) fn note(&self, what: String) {
        // That all are down says less than why the last one was.
        if what.contains("brokers are down") {
            return;
        }
        // What comes before it names one of the client's threads.
        let what = match what.split_once("]: ") {
            Some((thread, said)) if thread.starts_with("[thrd:") => said.to_owned(),
            _ => what,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }

    pub(super) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn text(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An error of a client, with what it complained of before: why it could not connect, say.
    pub(super) fn explain(&self, error: &KafkaError) -> Error {
        let code = error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string());
        Error::Kafka(match self.text() {
            Some(before) if !before.contains(&code) => format!("{code}: {before}"),
            Some(before) => before,
            None => code,
        })
    }
}

impl ClientContext for Trouble {
    fn log(&self, level: RDKafkaLogLevel, _: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug | RDKafkaLogLevel::Notice => {}
            RDKafkaLogLevel::Warning => tracing::debug!(message, "the Kafka client says"),
            _ => self.note(message.to_owned()),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The reason names the broker and what it, or the way to it, has refused.
        tracing::debug!(%error, reason, "the Kafka client reports");
        self.note(reason.to_owned());
    }
}

impl rdkafka::consumer::ConsumerContext for Trouble {}
