//! The section `[queue]` of `weir.toml`: the embedded one, or `[queue.kafka]`.

#![cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "only Kafka's client reads it"))]

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use weir_queue::Source;

use crate::units;

/// The queue between gateways and the sink.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QueueSettings {
    /// Its folder, which gateways and their sink share. Default: `queue` in the data folder.
    pub folder: Option<PathBuf>,
    /// Name of this gateway's log in it; no two gateways may have the same. Default: `up`.
    pub writer: String,
    /// Seconds by which the sink may be behind with what gateways have acknowledged. From half of it on agents are asked to
    /// slow down; then bulk, normal and remote write are turned away, and at it all; the sink's /readyz is off. Default: 20.
    /// 0: no bound but the disk's. More where a sink is restarted for longer and nobody must notice. With Kafka only the sink's /readyz
    /// goes by it: topics have room.
    #[serde(alias = "max_behind", deserialize_with = "units::seconds")]
    pub max_behind_s: u64,
    /// Topics of Kafka's in place of the folder.
    pub kafka: Option<KafkaSettings>,
}

/// Where brokers are, and what is theirs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KafkaSettings {
    /// Host and port of some, with commas.
    pub brokers: String,
    /// What names of topics and groups begin with.
    #[serde(default = "prefix")]
    pub prefix: String,
    /// Sinks that share a topic have one group and a share each; two groups are two copies of everything.
    #[serde(default = "group")]
    pub group: String,
    /// Which partitions are this sink's: `1/4` is every fourth from the second on. Default: all.
    pub share: Option<String>,
    /// Milliseconds that a record waits for others to share a request with.
    #[serde(default = "linger_ms", alias = "linger", deserialize_with = "units::millis")]
    pub linger_ms: u64,
    /// Whether a sink goes on where records are gone that it had not stored.
    #[serde(default)]
    pub accept_lost_records: bool,
    pub tls: Option<KafkaTls>,
    pub sasl: Option<KafkaSasl>,
}

/// TLS to the brokers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KafkaTls {
    /// Who may have signed their certificates; default: whom this host trusts.
    pub ca: Option<PathBuf>,
    /// This process' own certificate and key, where brokers ask for one.
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

/// A name and a password at the brokers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KafkaSasl {
    /// `SCRAM-SHA-512`, `SCRAM-SHA-256` or `PLAIN`.
    #[serde(default = "mechanism")]
    pub mechanism: String,
    pub username: String,
    /// File of the password, its owner's alone.
    pub password_file: PathBuf,
}

fn prefix() -> String {
    "weir".into()
}

fn group() -> String {
    "sink".into()
}

const fn linger_ms() -> u64 {
    8
}

fn mechanism() -> String {
    "SCRAM-SHA-512".into()
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self { folder: None, writer: "up".into(), max_behind_s: 20, kafka: None }
    }
}

impl QueueSettings {
    /// See `max_behind_s`.
    pub(crate) const fn max_behind(&self) -> Duration {
        Duration::from_secs(self.max_behind_s)
    }

    /// Says what is wrong with the settings, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        let Some(kafka) = &self.kafka else { return Ok(()) };
        if !cfg!(feature = "kafka") {
            return Err("queue.kafka: this program was built without it; `make build` has it".into());
        }
        if self.folder.is_some() {
            return Err("queue.folder: with queue.kafka there is none; leave one of the two out".into());
        }
        let names = |name: &str| name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-'));
        if kafka.brokers.trim().is_empty() {
            return Err(
                "queue.kafka.brokers: give host and port of one or more, as in \"kafka-1:9092,kafka-2:9092\"".into()
            );
        }
        for (key, name) in [("prefix", &kafka.prefix), ("group", &kafka.group)] {
            if !(1..=40).contains(&name.len()) || !names(name) {
                return Err(format!(
                    "queue.kafka.{key}: {name:?} cannot name a topic or group; use up to 40 of A-Z a-z 0-9 . _ -"
                ));
            }
        }
        #[cfg(feature = "kafka")]
        kafka.share().map_err(|error| format!("queue.kafka.share: {error}"))?;
        if kafka.tls.as_ref().is_some_and(|tls| tls.certificate.is_some() != tls.key.is_some()) {
            return Err("queue.kafka.tls: certificate and key go together".into());
        }
        let known = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
        match &kafka.sasl {
            Some(sasl) if !known.contains(&sasl.mechanism.as_str()) => {
                Err(format!("queue.kafka.sasl.mechanism: {:?} is not one of {}", sasl.mechanism, known.join(", ")))
            }
            _ => Ok(()),
        }
    }

    /// What a sink reads: `folder`, unless brokers have it.
    pub(crate) fn source(&self, folder: PathBuf) -> Result<Source> {
        match &self.kafka {
            None => Ok(Source::Folder(folder)),
            #[cfg(feature = "kafka")]
            Some(kafka) => Ok(Source::Kafka(Box::new(kafka.group()?))),
            #[cfg(not(feature = "kafka"))]
            Some(_) => anyhow::bail!("this program was built without Kafka"),
        }
    }

    /// Whether the file of the password can be read, if there is one.
    pub(super) fn wrong_files(&self) -> Option<String> {
        let sasl = self.kafka.as_ref()?.sasl.as_ref()?;
        password(&sasl.password_file).err().map(|error| format!("{error:#}"))
    }
}

#[cfg(feature = "kafka")]
impl KafkaSettings {
    /// The brokers, with the password.
    pub(crate) fn cluster(&self) -> Result<weir_queue::kafka::ClusterConfig> {
        use weir_queue::kafka::{ClusterConfig, Sasl, Tls};
        let tls = self
            .tls
            .as_ref()
            .map(|tls| Tls { ca: tls.ca.clone(), certificate: tls.certificate.clone().zip(tls.key.clone()) });
        let sasl = self.sasl.as_ref().map(|sasl| -> Result<Sasl> {
            let (mechanism, username) = (sasl.mechanism.clone(), sasl.username.clone());
            Ok(Sasl { mechanism, username, password: password(&sasl.password_file)? })
        });
        Ok(ClusterConfig {
            brokers: self.brokers.clone(),
            prefix: self.prefix.clone(),
            tls,
            sasl: sasl.transpose()?,
            linger: Duration::from_millis(self.linger_ms),
        })
    }

    fn share(&self) -> Result<weir_queue::Share, String> {
        self.share.as_deref().map_or_else(|| Ok(weir_queue::Share::default()), str::parse)
    }

    fn group(&self) -> Result<weir_queue::kafka::GroupConfig> {
        Ok(weir_queue::kafka::GroupConfig {
            cluster: self.cluster()?,
            group: self.group.clone(),
            share: self.share().map_err(anyhow::Error::msg)?,
            accept_lost_records: self.accept_lost_records,
            reads_alerts: false,
        })
    }
}

fn password(path: &Path) -> Result<String> {
    let text = weir_files::read_secret(path).context("queue.kafka.sasl.password_file")?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(all(test, feature = "kafka"))]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_before_anything_starts() {
        let check = |text: &str, expected: &str| {
            let settings: QueueSettings = toml::from_str(text).unwrap();
            let told = settings.check().err().unwrap_or_default();
            assert!(told.contains(expected) && told.is_empty() == expected.is_empty(), "{text}: {told}");
        };
        check("kafka = { brokers = 'a:1' }", "");
        check("kafka = { brokers = '' }", "kafka-1:9092");
        check("folder = 'q'\nkafka = { brokers = 'a:1' }", "leave one of the two out");
        check("kafka = { brokers = 'a:1', prefix = 'a b' }", "cannot name a topic");
        check("kafka = { brokers = 'a:1', group = '' }", "cannot name a topic");
        check("kafka = { brokers = 'a:1', share = '4/4' }", "1/4 for the second of four");
        check("kafka = { brokers = 'a:1', tls = { key = 'k' } }", "go together");
        check(
            "kafka = { brokers = 'a:1', sasl = { mechanism = 'GSSAPI', username = 'u', password_file = 'p' } }",
            "is not one of",
        );
    }
}
