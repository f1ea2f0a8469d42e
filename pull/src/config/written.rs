//! The file as it is written. Keys that Prometheus knows and this does not are read, to be named.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::asked::Asked;
use super::protocols::Protocol;
use super::sources::{ConsulSource, DnsSource, EtcdSource, FileSource, HttpSource, KubernetesSource, Source};
use super::units::{Size, Span};
use super::yes;
use crate::relabel::{LabelSet, Rule};
use weir_fetch::{Authorization, BasicAuth, ClientSettings, Header, Tls};

/// The whole file: of a Prometheus' own only what concerns scraping is used.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    #[serde(default)]
    pub global: Global,
    #[serde(default)]
    pub scrape_configs: Vec<Scrape>,
    scrape_config_files: Option<IgnoredAny>,
    rule_files: Option<IgnoredAny>,
    alerting: Option<IgnoredAny>,
    remote_write: Option<IgnoredAny>,
    remote_read: Option<IgnoredAny>,
    storage: Option<IgnoredAny>,
    tracing: Option<IgnoredAny>,
    otlp: Option<IgnoredAny>,
    runtime: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Global {
    pub scrape_interval: Option<Span>,
    pub scrape_timeout: Option<Span>,
    pub scrape_protocols: Option<Vec<Protocol>>,
    pub scrape_native_histograms: Option<bool>,
    pub always_scrape_classic_histograms: Option<bool>,
    pub convert_classic_histograms_to_nhcb: Option<bool>,
    pub external_labels: LabelSet,
    pub body_size_limit: Option<Size>,
    pub sample_limit: Option<usize>,
    pub label_limit: Option<usize>,
    pub label_name_length_limit: Option<usize>,
    pub label_value_length_limit: Option<usize>,
    target_limit: Option<IgnoredAny>,
    keep_dropped_targets: Option<IgnoredAny>,
    evaluation_interval: Option<IgnoredAny>,
    rule_query_offset: Option<IgnoredAny>,
    query_log_file: Option<IgnoredAny>,
    scrape_failure_log_file: Option<IgnoredAny>,
    metric_name_validation_scheme: Option<IgnoredAny>,
    metric_name_escaping_scheme: Option<IgnoredAny>,
    extra_scrape_metrics: Option<IgnoredAny>,
}

/// One job.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scrape {
    pub job_name: String,
    pub scrape_interval: Option<Span>,
    pub scrape_timeout: Option<Span>,
    pub metrics_path: Option<String>,
    pub scheme: Option<String>,
    #[serde(default)]
    pub params: BTreeMap<String, Vec<String>>,
    pub scrape_protocols: Option<Vec<Protocol>>,
    pub fallback_scrape_protocol: Option<Protocol>,
    pub scrape_native_histograms: Option<bool>,
    #[serde(alias = "scrape_classic_histograms")]
    pub always_scrape_classic_histograms: Option<bool>,
    pub convert_classic_histograms_to_nhcb: Option<bool>,
    pub native_histogram_bucket_limit: Option<usize>,
    pub native_histogram_min_bucket_factor: Option<f64>,
    #[serde(default)]
    pub honor_labels: bool,
    #[serde(default = "yes")]
    pub honor_timestamps: bool,
    #[serde(default = "yes")]
    pub enable_compression: bool,
    pub body_size_limit: Option<Size>,
    pub sample_limit: Option<usize>,
    pub label_limit: Option<usize>,
    pub label_name_length_limit: Option<usize>,
    pub label_value_length_limit: Option<usize>,
    target_limit: Option<IgnoredAny>,
    #[serde(default)]
    pub relabel_configs: Vec<Rule>,
    #[serde(default)]
    pub metric_relabel_configs: Vec<Rule>,
    // Of an HTTP client; `flatten` would forbid to refuse unknown keys.
    pub basic_auth: Option<BasicAuth>,
    pub authorization: Option<Authorization>,
    #[serde(default)]
    pub tls_config: Tls,
    #[serde(default = "yes")]
    pub follow_redirects: bool,
    #[serde(default)]
    pub http_headers: BTreeMap<String, Header>,
    bearer_token: Option<IgnoredAny>,
    bearer_token_file: Option<IgnoredAny>,
    oauth2: Option<IgnoredAny>,
    proxy_url: Option<IgnoredAny>,
    proxy_connect_header: Option<IgnoredAny>,
    no_proxy: Option<IgnoredAny>,
    proxy_from_environment: Option<IgnoredAny>,
    enable_http2: Option<IgnoredAny>,
    // Of discovery.
    #[serde(default)]
    pub static_configs: Vec<super::sources::Group>,
    #[serde(default)]
    pub file_sd_configs: Vec<FileSource>,
    #[serde(default)]
    pub http_sd_configs: Vec<Asked<HttpSource>>,
    #[serde(default)]
    pub dns_sd_configs: Vec<DnsSource>,
    #[serde(default)]
    pub etcd_sd_configs: Vec<Asked<EtcdSource>>,
    #[serde(default)]
    pub consul_sd_configs: Vec<Asked<ConsulSource>>,
    #[serde(default)]
    pub kubernetes_sd_configs: Vec<Asked<KubernetesSource>>,
    azure_sd_configs: Option<IgnoredAny>,
    digitalocean_sd_configs: Option<IgnoredAny>,
    docker_sd_configs: Option<IgnoredAny>,
    dockerswarm_sd_configs: Option<IgnoredAny>,
    ec2_sd_configs: Option<IgnoredAny>,
    eureka_sd_configs: Option<IgnoredAny>,
    gce_sd_configs: Option<IgnoredAny>,
    hetzner_sd_configs: Option<IgnoredAny>,
    ionos_sd_configs: Option<IgnoredAny>,
    kuma_sd_configs: Option<IgnoredAny>,
    lightsail_sd_configs: Option<IgnoredAny>,
    linode_sd_configs: Option<IgnoredAny>,
    marathon_sd_configs: Option<IgnoredAny>,
    nerve_sd_configs: Option<IgnoredAny>,
    nomad_sd_configs: Option<IgnoredAny>,
    openstack_sd_configs: Option<IgnoredAny>,
    ovhcloud_sd_configs: Option<IgnoredAny>,
    puppetdb_sd_configs: Option<IgnoredAny>,
    scaleway_sd_configs: Option<IgnoredAny>,
    serverset_sd_configs: Option<IgnoredAny>,
    stackit_sd_configs: Option<IgnoredAny>,
    triton_sd_configs: Option<IgnoredAny>,
    uyuni_sd_configs: Option<IgnoredAny>,
    vultr_sd_configs: Option<IgnoredAny>,
    keep_dropped_targets: Option<IgnoredAny>,
    track_timestamps_staleness: Option<IgnoredAny>,
    metric_name_validation_scheme: Option<IgnoredAny>,
    metric_name_escaping_scheme: Option<IgnoredAny>,
    scrape_failure_log_file: Option<IgnoredAny>,
}

/// Names of those fields that are there.
macro_rules! present {
    ($of:expr, $($field:ident)*) => {
        [$((stringify!($field), $of.$field.is_some())),*]
            .into_iter()
            .filter_map(|(name, is_there)| is_there.then_some(name))
            .collect()
    };
}

impl Document {
    /// Keys that are there and without effect.
    pub(super) fn without_effect(&self) -> Vec<&'static str> {
        present!(self, scrape_config_files rule_files alerting remote_write remote_read storage tracing otlp runtime)
    }
}

impl Global {
    pub(super) fn without_effect(&self) -> Vec<&'static str> {
        present!(self, target_limit keep_dropped_targets evaluation_interval rule_query_offset query_log_file
            scrape_failure_log_file metric_name_validation_scheme metric_name_escaping_scheme extra_scrape_metrics)
    }
}

impl Scrape {
    pub(super) fn without_effect(&self) -> Vec<&'static str> {
        present!(self, target_limit bearer_token bearer_token_file oauth2 proxy_url proxy_connect_header no_proxy
            proxy_from_environment enable_http2 azure_sd_configs digitalocean_sd_configs docker_sd_configs
            dockerswarm_sd_configs ec2_sd_configs eureka_sd_configs gce_sd_configs hetzner_sd_configs ionos_sd_configs
            kuma_sd_configs lightsail_sd_configs linode_sd_configs marathon_sd_configs nerve_sd_configs
            nomad_sd_configs openstack_sd_configs ovhcloud_sd_configs puppetdb_sd_configs scaleway_sd_configs
            serverset_sd_configs stackit_sd_configs triton_sd_configs uyuni_sd_configs vultr_sd_configs
            keep_dropped_targets track_timestamps_staleness metric_name_validation_scheme metric_name_escaping_scheme
            scrape_failure_log_file)
    }

    /// The places that name its targets.
    pub(super) fn sources(&mut self) -> Vec<Source> {
        let files = std::mem::take(&mut self.file_sd_configs).into_iter().map(Source::Files);
        let http = std::mem::take(&mut self.http_sd_configs).into_iter().map(Source::Http);
        let dns = std::mem::take(&mut self.dns_sd_configs).into_iter().map(Source::Dns);
        let etcd = std::mem::take(&mut self.etcd_sd_configs).into_iter().map(Source::Etcd);
        let consul = std::mem::take(&mut self.consul_sd_configs).into_iter().map(Source::Consul);
        let kubernetes = std::mem::take(&mut self.kubernetes_sd_configs).into_iter().map(Source::Kubernetes);
        files.chain(http).chain(dns).chain(etcd).chain(consul).chain(kubernetes).collect()
    }

    /// How its targets are asked.
    pub(super) fn client(&self) -> ClientSettings {
        ClientSettings {
            basic_auth: self.basic_auth.clone(),
            authorization: self.authorization.clone(),
            tls: self.tls_config.clone(),
            follow_redirects: self.follow_redirects,
            headers: self.http_headers.clone(),
        }
    }
}
