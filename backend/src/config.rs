//! What is known of a backend before it runs.

use std::path::PathBuf;
use std::time::Duration;

use weir_store::{Matcher, Tier};

/// One backend.
#[derive(Clone, Debug)]
pub struct BackendConfig {
    /// What people call it, and its files.
    pub name: String,
    /// How it is spoken to.
    pub format: Format,
    /// Where; `{tenant}` stands for the tenant's number.
    pub url: String,
    /// Where tenants go.
    pub tenants: Tenants,
    /// What of each series is sent.
    pub tier: Tier,
    /// What is sent of distributions and native histograms.
    pub histograms: Histograms,
    /// Series that are sent: those that all of one of these match. None: all.
    pub matching: Vec<Vec<Matcher>>,
    /// Time between two stretches; what was measured since is sent at once.
    pub every: Duration,
    /// How far a backend may be behind; what is older is skipped and counted. Zero: as far as the store has samples.
    pub backlog: Duration,
    /// Samples in a request.
    pub batch: usize,
    /// Requests under way at once.
    pub lanes: usize,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Headers of each request.
    pub headers: Vec<(String, String)>,
    /// Who asks.
    pub auth: Auth,
    /// Whom to trust beside this host's own.
    pub tls: Tls,
}

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Remote write 2.0, and 1.0 where that is not understood.
    RemoteWrite,
    /// Remote write 1.0.
    RemoteWrite1,
    /// InfluxDB's line protocol.
    Influx,
    /// ClickHouse's rows over HTTP; the statement that takes them stands in the address.
    ClickHouse,
    /// OpenTelemetry's metrics over HTTP.
    Otlp,
}

/// What is sent of histograms. `_count` and `_sum` of distributions are series of their own and go as those.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Histograms {
    /// Native ones where remote write 2.0 or OTLP is spoken, nothing elsewhere.
    #[default]
    Auto,
    /// Native ones, also by remote write 1.0.
    Native,
    /// A `_bucket` counter for each of these bounds, and one for all.
    Buckets(Vec<f64>),
    /// Nothing.
    None,
}

/// Where a tenant is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenants {
    /// A header with its number, such as `X-Scope-OrgID`. With one, or with `{tenant}` in the URL, requests are of one tenant each and
    /// series lose their label `tenant`.
    pub header: Option<String>,
    /// What stands for tenant 0, which has no label.
    pub zero: String,
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Nobody in particular.
    #[default]
    None,
    /// The first line of a file, read again when an answer is 401.
    Bearer(PathBuf),
    /// InfluxDB's `Token`, of a file.
    Token(PathBuf),
    /// A name, and the file of a password.
    Basic(String, PathBuf),
}

/// Whom to trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// PEM of who signed the server's certificate; none: whom this host trusts.
    pub ca: Option<PathBuf>,
}

impl BackendConfig {
    /// Whether a request is of one tenant.
    pub(crate) fn splits_tenants(&self) -> bool {
        self.tenants.header.is_some() || self.url.contains(TENANT)
    }

    /// Whether anything is sent of histograms.
    pub(crate) fn sends_histograms(&self) -> bool {
        match (&self.histograms, self.format) {
            (Histograms::None, _) => false,
            (Histograms::Auto, format) => matches!(format, Format::RemoteWrite | Format::Otlp),
            (Histograms::Native | Histograms::Buckets(_), _) => true,
        }
    }

    /// The address for a tenant.
    pub(crate) fn url_of(&self, tenant: &str) -> String {
        self.url.replace(TENANT, tenant)
    }
}

const TENANT: &str = "{tenant}";
