//! A job as it is run: what the file says, and what holds where it says nothing.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use weir_formats::delimited::Forms;

use super::protocols::{BucketLimits, Formats, Protocol, accept, usual};
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
    pub formats: Formats,
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
        let formats = formats(&scrape, global)?;
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
            formats,
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

/// What a job says of formats, else what the file says for all.
fn formats(scrape: &Scrape, global: &Global) -> Result<Formats, String> {
    let native = scrape.scrape_native_histograms.or(global.scrape_native_histograms).unwrap_or(false);
    let classic = scrape.always_scrape_classic_histograms.or(global.always_scrape_classic_histograms).unwrap_or(false);
    let converted = scrape.convert_classic_histograms_to_nhcb.or(global.convert_classic_histograms_to_nhcb);
    let factor = scrape.native_histogram_min_bucket_factor.unwrap_or(0.0);
    if !(factor.is_finite() && factor >= 0.0) {
        return Err("native_histogram_min_bucket_factor is a number above 1, or 0".into());
    }
    let (own, usual) = (scrape.scrape_protocols.as_ref().or(global.scrape_protocols.as_ref()), usual(native));
    Ok(Formats {
        accept: accept(own.unwrap_or(&usual))?,
        fallback: scrape.fallback_scrape_protocol.map(Protocol::format),
        histograms: Forms { native, classic, converted: converted.unwrap_or(false) },
        buckets: BucketLimits { most: scrape.native_histogram_bucket_limit.unwrap_or(0), factor },
    })
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
    use crate::config::Format;

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
    fn a_jobs_formats_are_its_own_or_those_of_all() {
        let text = "global: {scrape_protocols: [PrometheusText0.0.4], scrape_native_histograms: true}\nscrape_configs:\n\
                    - {job_name: a, fallback_scrape_protocol: PrometheusProto, scrape_native_histograms: false}\n\
                    - {job_name: b, scrape_protocols: [PrometheusProto], scrape_classic_histograms: true}\n";
        let config = loaded(text).unwrap();
        let [a, b] = [0, 1].map(|at| &config.jobs[at].formats);
        assert!(a.accept.starts_with("text/plain;version=0.0.4;q=0.6,") && a.fallback == Some(Format::Families));
        assert!(b.accept.contains("vnd.google.protobuf") && !b.accept.contains("text/plain") && b.fallback.is_none());
        assert_eq!((a.histograms.native, b.histograms.native), (false, true));
        assert_eq!((a.histograms.classic, b.histograms.classic), (false, true));
        assert_eq!(config.without_effect, Vec::<String>::new());
        let native = loaded("scrape_configs: [{job_name: a, scrape_native_histograms: true}]").unwrap();
        assert!(native.jobs[0].formats.accept.starts_with("application/vnd.google.protobuf"));
        let usual = loaded("scrape_configs: [{job_name: a}]").unwrap();
        assert!(usual.jobs[0].formats.accept.starts_with("application/openmetrics-text;version=1.0.0"));
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
        check("fallback_scrape_protocol: PrometheusText", "PrometheusText1.0.0");
        check("scrape_protocols: []", "none");
        check("scrape_protocols: [PrometheusProto, PrometheusProto]", "twice");
        check("native_histogram_min_bucket_factor: -1", "above 1");
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
