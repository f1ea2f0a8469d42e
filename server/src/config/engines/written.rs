//! `[[sink.backend]]` of `weir.toml`: other engines that get what is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use weir_backend::{Auth, BackendConfig, Format, Histograms, Tenants, Tls};
use weir_query::{Tier, selector};

use crate::clock::read_duration;

/// One of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackendSettings {
    /// Its name in telemetry, and that of its folder. Default: its kind.
    pub name: Option<String>,
    pub kind: BackendKind,
    /// Where it takes writes; `{tenant}` stands for the tenant's number.
    pub url: String,
    /// ClickHouse's table.
    #[serde(default = "table")]
    pub table: String,
    /// What of each series it gets: `raw`, `1m` or `1h`.
    #[serde(default)]
    pub tier: TierName,
    /// What it gets of distributions and native histograms. Default: native ones where remote write 2.0 or OTLP is spoken.
    #[serde(default)]
    pub histograms: HistogramsName,
    /// Upper bounds of `histograms = "buckets"`, rising. Default: three to a decade from 0.001 to 100,000.
    pub buckets: Option<Vec<f64>>,
    /// Selectors of which a series must match one. Default: all series.
    #[serde(default, rename = "match")]
    pub matching: Vec<String>,
    /// Time between two turns; what was measured since is sent at once.
    #[serde(default = "every", deserialize_with = "read_duration")]
    pub every: Duration,
    /// How far it may be behind; what is older is skipped and counted. Default: as far as the store has samples.
    #[serde(default, deserialize_with = "read_duration")]
    pub backlog: Duration,
    /// Samples in a request.
    #[serde(default = "batch")]
    pub batch: usize,
    /// Requests under way at once.
    #[serde(default = "connections")]
    pub connections: usize,
    /// How long an answer may take.
    #[serde(default = "timeout", deserialize_with = "read_duration")]
    pub timeout: Duration,
    /// A header with the tenant's number, such as `X-Scope-OrgID`; requests are then of one tenant each.
    pub tenant_header: Option<String>,
    /// What stands for tenant 0 in header or address.
    #[serde(default = "tenant_zero")]
    pub tenant_zero: String,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// File of a bearer token; of InfluxDB, of its token.
    pub token_file: Option<PathBuf>,
    pub username: Option<String>,
    pub password_file: Option<PathBuf>,
    /// Who has signed its certificate; default: whom this host trusts.
    pub ca: Option<PathBuf>,
}

/// What it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BackendKind {
    /// Prometheus remote write 2.0, and 1.0 where that is not understood.
    RemoteWrite,
    /// Prometheus remote write 1.0.
    #[serde(rename = "remote_write_1")]
    RemoteWrite1,
    /// InfluxDB's line protocol.
    Influx,
    /// ClickHouse's HTTP interface.
    Clickhouse,
    /// OpenTelemetry's metrics over HTTP.
    Otlp,
}

/// What is sent of histograms, by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HistogramsName {
    #[default]
    Auto,
    Native,
    Buckets,
    None,
}

/// A tier by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum TierName {
    #[default]
    #[serde(rename = "raw")]
    Raw,
    #[serde(rename = "1m")]
    Minute,
    #[serde(rename = "1h")]
    Hour,
}

fn table() -> String {
    "samples".into()
}

impl From<TierName> for Tier {
    fn from(name: TierName) -> Self {
        match name {
            TierName::Raw => Self::Raw,
            TierName::Minute => Self::Minute,
            TierName::Hour => Self::Hour,
        }
    }
}

const fn every() -> Duration {
    Duration::from_secs(15)
}

const fn batch() -> usize {
    10_000
}

const fn connections() -> usize {
    4
}

const fn timeout() -> Duration {
    Duration::from_secs(30)
}

fn tenant_zero() -> String {
    "0".into()
}

impl BackendSettings {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(match self.kind {
            BackendKind::RemoteWrite | BackendKind::RemoteWrite1 => "remote_write",
            BackendKind::Influx => "influx",
            BackendKind::Clickhouse => "clickhouse",
            BackendKind::Otlp => "otlp",
        })
    }

    /// Where requests go: of ClickHouse with the statement, as RowBinary has its columns.
    fn address(&self) -> String {
        let Self { url, table, .. } = self;
        if self.kind != BackendKind::Clickhouse {
            return url.clone();
        }
        let (first, url) = (if url.contains('?') { '&' } else { '?' }, url.trim_end_matches('/'));
        let path = if url.matches('/').count() == 2 { "/" } else { "" };
        format!(
            "{url}{path}{first}query=INSERT%20INTO%20{table}%20(name,%20labels,%20kind,%20time,%20value)%20FORMAT%20RowBinary"
        )
    }

    fn histograms(&self) -> Result<Histograms, String> {
        let is_rising = |bounds: &[f64]| {
            bounds.iter().all(|bound| bound.is_finite()) && bounds.windows(2).all(|pair| pair[0] < pair[1])
        };
        let bounds = match &self.buckets {
            None => &weir_backend::BOUNDS[..],
            Some(_) if self.histograms != HistogramsName::Buckets => {
                return Err("buckets are for histograms = \"buckets\"".into());
            }
            Some(bounds) if !(1..=200).contains(&bounds.len()) || !is_rising(bounds) => {
                return Err("buckets are 1 to 200 numbers that rise".into());
            }
            Some(bounds) => bounds,
        };
        let has_native = !matches!(self.kind, BackendKind::Influx | BackendKind::Clickhouse);
        match self.histograms {
            HistogramsName::Auto => Ok(Histograms::Auto),
            HistogramsName::None => Ok(Histograms::None),
            HistogramsName::Buckets => Ok(Histograms::Buckets(bounds.to_vec())),
            HistogramsName::Native if has_native => Ok(Histograms::Native),
            HistogramsName::Native => Err("it has no native histograms: histograms = \"buckets\" is for it".into()),
        }
    }

    /// What runs, or what is wrong with it in a sentence.
    pub(crate) fn config(&self) -> Result<BackendConfig, String> {
        let name = self.name();
        let wrong = |what: String| format!("sink.backend {name:?}: {what}");
        let legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
        if !(1..=40).contains(&name.len()) || !name.bytes().all(legal) {
            return Err(wrong("its name is that of a folder; use up to 40 of A-Z a-z 0-9 _ -".into()));
        }
        if !["http://", "https://"].iter().any(|scheme| self.url.starts_with(scheme)) {
            return Err(wrong(format!("url: {:?} must begin with http:// or https://", self.url)));
        }
        if self.batch == 0 || self.batch > 100_000 || self.connections == 0 || self.connections > 64 {
            return Err(wrong("batch is 1 to 100000 samples, connections are 1 to 64".into()));
        }
        if !self.table.bytes().all(|c| legal(c) && c != b'-' || c == b'.') {
            return Err(wrong(format!("table: {:?} is not the name of one", self.table)));
        }
        let matching =
            self.matching.iter().map(|text| selector(text).map_err(|error| wrong(format!("match: {text:?}: {error}"))));
        let auth = match (&self.token_file, &self.username, &self.password_file) {
            (None, None, None) => Auth::None,
            (Some(file), None, None) if self.kind == BackendKind::Influx => Auth::Token(file.clone()),
            (Some(file), None, None) => Auth::Bearer(file.clone()),
            (None, Some(name), Some(file)) => Auth::Basic(name.clone(), file.clone()),
            _ => return Err(wrong("give token_file, or username with password_file".into())),
        };
        Ok(BackendConfig {
            name: name.to_owned(),
            format: match self.kind {
                BackendKind::RemoteWrite => Format::RemoteWrite,
                BackendKind::RemoteWrite1 => Format::RemoteWrite1,
                BackendKind::Influx => Format::Influx,
                BackendKind::Clickhouse => Format::ClickHouse,
                BackendKind::Otlp => Format::Otlp,
            },
            url: self.address(),
            tenants: Tenants { header: self.tenant_header.clone(), zero: self.tenant_zero.clone() },
            tier: self.tier.into(),
            histograms: self.histograms().map_err(wrong)?,
            matching: matching.collect::<Result<_, _>>()?,
            every: self.every,
            backlog: self.backlog,
            batch: self.batch,
            lanes: self.connections,
            timeout: self.timeout,
            headers: self.headers.clone().into_iter().collect(),
            auth,
            tls: Tls { ca: self.ca.clone() },
        })
    }
}

/// All backends, or what is wrong with one.
pub(crate) fn backends(settings: &[BackendSettings]) -> Result<Vec<BackendConfig>, String> {
    let configs = settings.iter().map(BackendSettings::config).collect::<Result<Vec<_>, _>>()?;
    let mut names = BTreeSet::new();
    match configs.iter().find(|config| !names.insert(config.name.clone())) {
        Some(twice) => Err(format!("sink.backend {:?} is there twice: give each a name", twice.name)),
        None => Ok(configs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct All {
        backend: Vec<BackendSettings>,
    }

    #[test]
    fn mistakes_are_told_before_anything_starts() {
        let check = |text: &str, expected: &str| {
            let all = toml::from_str::<All>(text).map(|all| backends(&all.backend));
            let told = all.map_or_else(|error| error.to_string(), |all| all.err().unwrap_or_default());
            assert!(told.contains(expected) && told.is_empty() == expected.is_empty(), "{text}: {told}");
        };
        let one = "[[backend]]\nkind = 'remote_write'\nurl = 'http://vm:8428/api/v1/write'\n";
        check(one, "");
        check(&format!("{one}{one}"), "there twice");
        check(&format!("{one}name = 'a'\n{one}tier = '1m'\nmatch = ['up', '{{job=~\"a.*\"}}']"), "");
        check(&format!("{one}match = ['up{{']"), "match: \"up{\"");
        check(&format!("{one}histograms = 'buckets'\nbuckets = [0.5, 1, 2]"), "");
        check(&format!("{one}histograms = 'buckets'\nbuckets = [1, 0.5]"), "numbers that rise");
        check(&format!("{one}buckets = [1.0]"), "are for histograms");
        let influx = one.replace("remote_write", "influx");
        check(&format!("{influx}histograms = 'native'"), "no native histograms");
        check(&format!("{one}tier = '5m'"), "5m");
        check(&format!("{one}name = 'a/b'"), "name is that of a folder");
        check(&format!("{one}username = 'a'"), "give token_file");
        check(&format!("{one}batch = 0"), "batch is 1");
        check("[[backend]]\nkind = 'clickhouse'\nurl = 'http://a:1'\ntable = 'a; DROP'", "not the name");
        check("[[backend]]\nkind = 'kafka'\nurl = 'http://a'", "kafka");
        check("[[backend]]\nkind = 'influx'\nurl = 'vm:8428'", "must begin with http");
    }
}
