//! Where a job's targets stand: in the file itself, in files beside it, or with whom is asked.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::asked::Asked;
use super::units::Span;
use crate::relabel::LabelSet;
use weir_fetch::Secret;

/// Targets that have labels in common.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    #[serde(default)]
    pub targets: Vec<String>,
    #[serde(default)]
    pub labels: LabelSet,
}

/// A place that names targets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    Files(FileSource),
    Http(Asked<HttpSource>),
    Dns(DnsSource),
    Etcd(Asked<EtcdSource>),
    Consul(Asked<ConsulSource>),
    Kubernetes(Asked<KubernetesSource>),
}

/// Files of groups, by patterns.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileSource {
    pub files: Vec<String>,
    /// Files are looked at every second, whatever stands here.
    #[serde(rename = "refresh_interval")]
    _refresh_interval: Option<IgnoredAny>,
}

/// An address that answers with groups in JSON.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpSource {
    pub url: String,
    pub refresh_interval: Option<Span>,
}

/// Names of DNS.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DnsSource {
    pub names: Vec<String>,
    #[serde(default, rename = "type")]
    pub kind: DnsKind,
    /// Where records have none.
    pub port: Option<u16>,
    pub refresh_interval: Option<Span>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum DnsKind {
    #[default]
    Srv,
    A,
    Aaaa,
}

/// Keys of etcd, of which each holds a target: an address, or a group in JSON.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EtcdSource {
    pub endpoints: Vec<String>,
    pub prefix: String,
    /// Who etcd is told that this is, where it asks.
    pub username: Option<String>,
    pub password: Option<Secret>,
}

/// Services of Consul.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsulSource {
    #[serde(default = "consul")]
    pub server: String,
    #[serde(default)]
    pub path_prefix: String,
    pub scheme: Option<String>,
    pub token: Option<Secret>,
    pub datacenter: Option<String>,
    pub namespace: Option<String>,
    pub partition: Option<String>,
    /// All, if there is none.
    #[serde(default)]
    pub services: Vec<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub node_meta: BTreeMap<String, String>,
    pub filter: Option<String>,
    pub tag_separator: Option<String>,
    #[serde(default = "super::yes")]
    pub allow_stale: bool,
    #[serde(rename = "refresh_interval")]
    _refresh_interval: Option<IgnoredAny>,
}

fn consul() -> String {
    "localhost:8500".into()
}

/// Objects of Kubernetes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KubernetesSource {
    pub role: Role,
    /// None: the one that this runs in.
    pub api_server: Option<String>,
    #[serde(default)]
    pub namespaces: Namespaces,
    #[serde(default)]
    pub selectors: Vec<ObjectSelector>,
}

/// What becomes a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Pod,
    Service,
    Endpoints,
    EndpointSlice,
    Node,
}

/// Where they are looked for; everywhere, if nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Namespaces {
    pub own_namespace: bool,
    pub names: Vec<String>,
}

/// Which of them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectSelector {
    pub role: Role,
    pub label: Option<String>,
    pub field: Option<String>,
}

impl Source {
    /// Keys that have no effect, each with where it stands.
    pub(super) fn without_effect(&self) -> Vec<String> {
        let (of, keys) = match self {
            Self::Files(_) | Self::Dns(_) => return Vec::new(),
            Self::Http(asked) => ("http_sd_configs", &asked.without_effect),
            Self::Etcd(asked) => ("etcd_sd_configs", &asked.without_effect),
            Self::Consul(asked) => ("consul_sd_configs", &asked.without_effect),
            Self::Kubernetes(asked) => ("kubernetes_sd_configs", &asked.without_effect),
        };
        keys.iter().map(|key| format!("{of}.{key}")).collect()
    }

    /// What cannot be followed.
    pub(super) fn fault(&self) -> Option<String> {
        let is_address = |text: &str| text.parse::<hyper::Uri>().is_ok_and(|uri| uri.scheme().is_some());
        match self {
            Self::Http(asked) if !is_address(&asked.own.url) => {
                Some(format!("{:?} is no address such as http://host/targets", asked.own.url))
            }
            Self::Dns(dns) if dns.kind != DnsKind::Srv && dns.port.is_none() => {
                Some("dns_sd_configs of type A and AAAA have a port".into())
            }
            Self::Etcd(asked)
                if asked.own.endpoints.is_empty() || !asked.own.endpoints.iter().all(|at| is_address(at)) =>
            {
                Some("etcd_sd_configs have endpoints such as http://127.0.0.1:2379".into())
            }
            Self::Etcd(asked) if asked.own.prefix.is_empty() => Some("etcd_sd_configs have a prefix of keys".into()),
            _ => None,
        }
    }

    /// Paths are relative to the folder of the file that has them.
    pub(super) fn place_in(&mut self, folder: &std::path::Path) {
        let client = match self {
            Self::Dns(_) => return,
            Self::Files(files) => {
                for pattern in &mut files.files {
                    *pattern = folder.join(&*pattern).display().to_string();
                }
                return;
            }
            Self::Http(asked) => &mut asked.client,
            Self::Etcd(asked) => &mut asked.client,
            Self::Consul(asked) => &mut asked.client,
            Self::Kubernetes(asked) => &mut asked.client,
        };
        client.place_in(folder);
    }
}
