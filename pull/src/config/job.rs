//! A job as it is run: what the file says, and what holds where it says nothing.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use weir_formats::text::Form;

use super::sources::{Group, Source};
use super::units::{Size, Span};
use super::written::{Document, Global, Scrape};
use crate::relabel::{LabelSet, Rule};
use weir_fetch::ClientSettings;

/// What is scraped, and how.
pub struct Config {
    pub(crate) jobs: Vec<Job>,
    /// Keys that Prometheus knows and that have no effect here, each with where it stands.
    pub without_effect: Vec<String>,
}

/// Why a file cannot be followed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct ConfigError {
    path: PathBuf,
    what: String,
}

/// Targets that are asked in one way.
#[derive(Debug)]
pub(crate) struct Job {
    pub name: String,
    pub interval: Duration,
    pub timeout: Duration,
    pub path: String,
    pub scheme: String,
    pub params: BTreeMap<String, Vec<String>>,
    /// How an answer is read that does not say what it is.
    pub fallback: Option<Form>,
    pub honor_labels: bool,
    pub honor_timestamps: bool,
    pub compression: bool,
    pub limits: Limits,
    pub relabel: Vec<Rule>,
    pub metric_relabel: Vec<Rule>,
    pub client: ClientSettings,
    pub external: LabelSet,
    pub groups: Vec<Group>,
    pub sources: Vec<Source>,
}

/// What an answer may have at most.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub body: usize,
    pub samples: usize,
    pub labels: usize,
    pub label_name: usize,
    pub label_value: usize,
}

const INTERVAL: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(10);
/// Of an answer, whatever is allowed: what one record may unfold to.
const MOST_BODY: u64 = 64 << 20;

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or says what cannot be.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let told = |what: String| ConfigError { path: path.to_owned(), what };
        let text = std::fs::read_to_string(path).map_err(|error| told(error.to_string()))?;
        let document: Document = serde_saphyr::from_str(&text).map_err(|error| told(error.to_string()))?;
        let mut without_effect: Vec<String> = document.without_effect().into_iter().map(str::to_owned).collect();
        without_effect.extend(document.global.without_effect().into_iter().map(|key| format!("global.{key}")));
        let folder = path.parent().unwrap_or(Path::new(""));
        let (mut jobs, mut names) = (Vec::new(), HashSet::new());
        for scrape in document.scrape_configs {
            let name = scrape.job_name.clone();
            let odd = scrape.without_effect();
            without_effect.extend(odd.into_iter().map(|key| format!("job {name:?}: {key}")));
            if name.is_empty() || !names.insert(name.clone()) {
                return Err(told(format!("a job has the name {name:?}, which is empty or another's")));
            }
            let job = Job::of(scrape, &document.global, folder);
            let job = job.map_err(|what| told(format!("job {name:?}: {what}")))?;
            let odd = job.sources.iter().flat_map(Source::without_effect);
            without_effect.extend(odd.map(|key| format!("job {name:?}: {key}")));
            jobs.push(job);
        }
        if jobs.is_empty() {
            return Err(told("it has no scrape_configs".into()));
        }
        Ok(Self { jobs, without_effect })
    }
}

impl Job {
    fn of(mut scrape: Scrape, global: &Global, folder: &Path) -> Result<Self, String> {
        let Span(interval) = scrape.scrape_interval.or(global.scrape_interval).unwrap_or(Span(INTERVAL));
        let timeout = scrape.scrape_timeout.or(global.scrape_timeout).map(|Span(timeout)| timeout);
        if interval.is_zero() || timeout.is_some_and(|timeout| timeout > interval || timeout.is_zero()) {
            return Err("scrape_interval is above zero, and scrape_timeout above zero and no longer than it".into());
        }
        let limits = Limits::of(&scrape, global);
        let mut client = scrape.client();
        if let Some(fault) = client.fault() {
            return Err(fault);
        }
        client.place_in(folder);
        let fallback = match scrape.fallback_scrape_protocol.as_deref() {
            None => None,
            Some("PrometheusText0.0.4" | "PrometheusText1.0.0") => Some(Form::Text),
            Some("OpenMetricsText0.0.1" | "OpenMetricsText1.0.0") => Some(Form::OpenMetrics),
            Some(other) => return Err(format!("fallback_scrape_protocol {other:?} is not read here")),
        };
        let mut sources = scrape.sources();
        if let Some(fault) = sources.iter().find_map(Source::fault) {
            return Err(fault);
        }
        sources.iter_mut().for_each(|source| source.place_in(folder));
        Ok(Self {
            name: scrape.job_name,
            interval,
            timeout: timeout.unwrap_or(TIMEOUT).min(interval),
            path: scrape.metrics_path.unwrap_or_else(|| "/metrics".into()),
            scheme: scrape.scheme.unwrap_or_else(|| "http".into()),
            params: scrape.params,
            fallback,
            honor_labels: scrape.honor_labels,
            honor_timestamps: scrape.honor_timestamps,
            compression: scrape.enable_compression,
            limits,
            relabel: scrape.relabel_configs,
            metric_relabel: scrape.metric_relabel_configs,
            client,
            external: global.external_labels.clone(),
            groups: scrape.static_configs,
            sources,
        })
    }
}

impl Limits {
    /// Zero is no limit.
    fn of(scrape: &Scrape, global: &Global) -> Self {
        let limit = |own: Option<usize>, all: Option<usize>| own.or(all).filter(|most| *most > 0).unwrap_or(usize::MAX);
        let Size(body) = scrape.body_size_limit.or(global.body_size_limit).unwrap_or_default();
        Self {
            body: (if body == 0 { MOST_BODY } else { body.min(MOST_BODY) }) as usize,
            samples: limit(scrape.sample_limit, global.sample_limit),
            labels: limit(scrape.label_limit, global.label_limit),
            label_name: limit(scrape.label_name_length_limit, global.label_name_length_limit),
            label_value: limit(scrape.label_value_length_limit, global.label_value_length_limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scrape.yml");
        std::fs::write(&path, text).unwrap();
        Config::load(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn what_has_no_effect_is_named() {
        let text = "global: {evaluation_interval: 5s}\nrule_files: [a]\nscrape_configs:\n- job_name: a\n  \
                    proxy_url: http://x\n  consul_sd_configs: [{server: x, oauth2: {}}]\n  eureka_sd_configs: []\n";
        let expected = [
            "rule_files",
            "global.evaluation_interval",
            "job \"a\": proxy_url",
            "job \"a\": eureka_sd_configs",
            "job \"a\": consul_sd_configs.oauth2",
        ];
        assert_eq!(loaded(text).unwrap().without_effect, expected);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let check = |job: &str, fault: &str| {
            let told = loaded(&format!("scrape_configs:\n- {{job_name: a, {job}}}\n")).err().unwrap_or_default();
            assert!(told.contains(fault), "{job} gave {told:?}");
        };
        check("scrape_intervall: 5s", "scrape_intervall");
        check("scrape_interval: 5s, scrape_timeout: 6s", "no longer than it");
        check("basic_auth: {username: a}, authorization: {credentials: b}", "exclude");
        check("fallback_scrape_protocol: PrometheusProto", "not read");
        check("http_sd_configs: [{url: nowhere}]", "no address");
        check("http_sd_configs: [{url: 'http://x', token: a}]", "token");
        check("dns_sd_configs: [{names: [x], type: A}]", "port");
        check("etcd_sd_configs: [{endpoints: ['http://x'], prefix: ''}]", "prefix");
        check("kubernetes_sd_configs: [{role: ingress}]", "ingress");
        check("consul_sd_configs: [{basic_auth: {}, authorization: {}}]", "exclude");
        assert!(loaded("scrape_configs: [{job_name: a}, {job_name: a}]").is_err());
        assert!(loaded("global: {}").is_err());
    }
}
