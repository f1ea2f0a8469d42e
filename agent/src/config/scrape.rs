//! The tables `[[scrape]]`: endpoints in Prometheus' formats to be read once per window.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use weir_discovery::Endpoint;
use weir_fetch::{Authorization, BasicAuth, ClientSettings, Header, Tls};

use super::value::Interval;
use crate::relabel::Rule;

/// One job, as in the file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scrape {
    pub job: String,
    #[serde(default)]
    pub targets: Vec<Endpoint>,
    #[serde(default)]
    pub files: Vec<PathBuf>,
    #[serde(default)]
    pub dns: Vec<Endpoint>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub honor_labels: bool,
    #[serde(default)]
    pub scrape_native_histograms: bool,
    #[serde(default)]
    pub always_scrape_classic_histograms: bool,
    #[serde(default = "timeout")]
    timeout: Interval,
    #[serde(default = "max_samples")]
    pub max_samples: usize,
    #[serde(default)]
    pub relabel: Vec<Rule>,
    basic_auth: Option<BasicAuth>,
    authorization: Option<Authorization>,
    #[serde(default)]
    tls: Tls,
    #[serde(default)]
    headers: BTreeMap<String, Header>,
    #[serde(default = "yes")]
    follow_redirects: bool,
}

impl Scrape {
    /// Who asks, and whom it trusts.
    pub(crate) fn client(&self) -> ClientSettings {
        ClientSettings {
            basic_auth: self.basic_auth.clone(),
            authorization: self.authorization.clone(),
            tls: self.tls.clone(),
            follow_redirects: self.follow_redirects,
            headers: self.headers.clone(),
        }
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.0
    }
}

const fn yes() -> bool {
    true
}

fn timeout() -> Interval {
    Interval(Duration::from_secs(5))
}

fn max_samples() -> usize {
    10_000
}
