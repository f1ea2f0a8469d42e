//! What of a layout is stored, and under which series: rules, labels a token enforces, and series limits.
//!
//! All of it is decided once per layout, when its plan is made, so it costs a sample nothing. When the rules change, and
//! otherwise about once an hour, plans are made again.

mod account;
mod grant;
mod limit;
mod rule;
mod trace;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weir_sample::{Kind, Series, Timestamp};

pub use account::{Cardinality, LabelUse, MetricUse, TenantUse};
pub use grant::Grant;
pub use rule::{Action, Rule};
pub use trace::{Met, Trace};

use account::{Accounts, OVERFLOW};
pub(crate) use limit::{GENERATION, Limit};

/// What an operator decides over series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdmissionConfig {
    /// Series of one agent; new ones beyond it fold into `name{__overflow__="true"}`. Zero means no limit.
    pub max_agent_series: usize,
    /// Series of one tenant, over all its agents. Zero means no limit.
    pub max_tenant_series: usize,
    /// In the order in which they apply.
    pub rules: Vec<Rule>,
}

/// The rules in force and the account of what they did. Shared by the sink and whoever configures and shows it.
#[derive(Debug, Default)]
pub struct Admission {
    config: Mutex<Arc<AdmissionConfig>>,
    generation: AtomicU64,
    accounts: Mutex<Accounts>,
}

/// The label that says whose a series is.
const TENANT: &str = "tenant";
/// Names can explode as labels can: past so many, overflowing metrics of a tenant share one series per kind.
const MAX_FOLDED_METRICS: usize = 1_000;

impl Admission {
    /// Puts other rules in force, for all batches from now on.
    pub fn set(&self, config: AdmissionConfig) {
        *lock(&self.config) = Arc::new(config);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// The metrics with the most series, at most `most`, and the use of every tenant.
    pub fn cardinality(&self, most: usize) -> Cardinality {
        let config = self.config();
        let mut cardinality = lock(&self.accounts).report(most);
        (cardinality.max_agent_series, cardinality.max_tenant_series) =
            (config.max_agent_series, config.max_tenant_series);
        cardinality
    }

    /// What metrics of a name use, whosever they are.
    pub fn metric(&self, name: &str) -> Vec<MetricUse> {
        lock(&self.accounts).metric_of_all(name)
    }

    /// The limits in force, of one agent and of one tenant; 0 is none.
    pub fn limits(&self) -> [usize; 2] {
        let config = self.config();
        [config.max_agent_series, config.max_tenant_series]
    }

    /// What the rules in force do with a series of a tenant. `known` has its name and the labels that are known, `absent` names those
    /// that it surely lacks.
    pub fn trace(&self, tenant: u32, known: &Series, absent: &[String]) -> Trace {
        trace::trace(&self.config().rules, tenant, known, absent)
    }

    /// Series folded and denied when their plans were made, and labels of too many values named.
    pub(crate) fn readings(&self) -> Vec<weir_sample::Reading> {
        lock(&self.accounts).readings()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn config(&self) -> Arc<AdmissionConfig> {
        Arc::clone(&lock(&self.config))
    }

    /// Takes up the limits of a checkpoint, in place of those of now: those of tenants' shared series, and how many series
    /// their agents have.
    pub(crate) fn restore(&self, shared: Vec<(u32, Limit)>, of_agents: impl Iterator<Item = (u32, usize)>) {
        let mut accounts = lock(&self.accounts);
        accounts.forget_tenants();
        for (number, limit) in shared {
            let tenant = accounts.tenant(number);
            (tenant.series, tenant.shared) = (tenant.series + limit.len(), limit);
        }
        of_agents
            .filter(|(_, series)| *series > 0)
            .for_each(|(tenant, series)| accounts.tenant(tenant).series += series);
    }

    /// The limits of tenants' shared series, as they are saved.
    pub(crate) fn shared_limits(&self) -> Vec<(u32, Vec<u8>)> {
        lock(&self.accounts).shared_limits()
    }

    /// Gives the places of an agent that has gone silent to others of its tenant.
    pub(crate) fn release(&self, tenant: u32, limit: &mut Limit) {
        if limit.len() > 0 {
            lock(&self.accounts).tenant(tenant).give_up(limit);
        }
    }

    /// Begins to judge one layout of an agent.
    pub(crate) fn judge<'a>(
        &'a self,
        tenant: u32,
        grant: Option<&'a Grant>,
        limit: &'a mut Limit,
        now: Timestamp,
    ) -> Judge<'a> {
        let accounts = lock(&self.accounts);
        Judge { config: self.config(), accounts, tenant, grant, limit, now, seen: limit::Keys::default() }
    }
}

/// Where a series of a layout goes.
#[derive(Debug, PartialEq)]
pub(crate) struct Placement {
    pub home: Home,
    /// Further series that its values are added to.
    pub rollups: Vec<Series>,
}

/// Where its own values go.
#[derive(Debug, PartialEq)]
pub(crate) enum Home {
    /// A column of the agent.
    Own(Series),
    /// A series that others may write too.
    Shared(Series),
    /// The series that takes what is over a limit.
    Folded(Series),
    /// Nowhere: a rule denies it.
    Nowhere,
}

/// Judges the series of one layout.
pub(crate) struct Judge<'a> {
    config: Arc<AdmissionConfig>,
    accounts: MutexGuard<'a, Accounts>,
    tenant: u32,
    grant: Option<&'a Grant>,
    limit: &'a mut Limit,
    now: Timestamp,
    /// Keys of the agent's own columns so far: rules can make two of a kind.
    seen: limit::Keys,
}

impl Judge<'_> {
    /// Decides over one series as it was sent.
    pub(crate) fn place(&mut self, sent: &Series, kind: Kind) -> Placement {
        let config = Arc::clone(&self.config);
        let mut outcome = rule::apply(&config.rules, self.tenant, sent, kind);
        if outcome.denied {
            self.accounts.deny(self.tenant, sent.name());
            return Placement { home: Home::Nowhere, rollups: Vec::new() };
        }
        if let Some(grant) = self.grant {
            grant.labels.iter().for_each(|(label, value)| outcome.enforce(label, value));
        }
        let rollups = outcome.rollups.iter().map(|series| self.of_tenant(series)).collect();
        let (series, shared) = (self.of_tenant(&outcome.series), outcome.is_shared());
        Placement { home: self.home(series, kind, shared), rollups }
    }

    /// Decides over a series that brings running totals: under which name it is stored, if it is.
    pub(crate) fn place_imported(&mut self, sent: &Series, kind: Kind) -> Option<Series> {
        let config = Arc::clone(&self.config);
        let outcome = rule::apply(&config.rules, self.tenant, sent, kind);
        if outcome.denied {
            self.accounts.deny(self.tenant, sent.name());
            return None;
        }
        let series = self.of_tenant(&outcome.series);
        self.accounts.observe(self.tenant, &series, self.now);
        // No agent brings it, so it counts against the tenant.
        if !self.has_room(&series, true) {
            self.accounts.leave_out(self.tenant, series.name());
            return None;
        }
        Some(series)
    }

    fn home(&mut self, series: Series, kind: Kind, shared: bool) -> Home {
        self.accounts.observe(self.tenant, &series, self.now);
        if !self.has_room(&series, shared) {
            return Home::Folded(self.fold(&series, kind));
        }
        if shared {
            return Home::Shared(series);
        }
        match self.is_second(&series) {
            true => {
                self.accounts.deny(self.tenant, series.name());
                Home::Nowhere
            }
            false => Home::Own(series),
        }
    }

    /// Whether rules have made this the second of its kind among the agent's own.
    fn is_second(&mut self, series: &Series) -> bool {
        let untouched = self.config.rules.is_empty() && self.grant.is_none();
        !untouched && !self.seen.insert(limit::key(series))
    }

    /// Shared series have no agent to count against, only a tenant.
    fn has_room(&mut self, series: &Series, shared: bool) -> bool {
        let agent_limit = match self.grant.and_then(|grant| grant.max_series) {
            Some(granted) if self.config.max_agent_series == 0 => granted,
            Some(granted) => granted.min(self.config.max_agent_series),
            None => self.config.max_agent_series,
        };
        let tenant_limit = self.config.max_tenant_series;
        let tenant = self.accounts.tenant(self.tenant);
        if agent_limit == 0 && tenant_limit == 0 {
            tenant.give_up(self.limit);
            return true;
        }
        let (key, now) = (limit::key(series), self.now);
        let tenant_full = tenant_limit > 0 && tenant.series >= tenant_limit;
        let (limit, full) = match shared {
            true => (&mut tenant.shared, tenant_full),
            false => {
                let agent_full = agent_limit > 0 && self.limit.len() >= agent_limit;
                (&mut *self.limit, tenant_full || agent_full)
            }
        };
        let before = limit.len();
        let entered = limit.enter(key, now, full);
        tenant.series = (tenant.series + limit.len()).saturating_sub(before);
        entered
    }

    /// One series per metric takes what finds no room: counters add up in it, distributions and sets merge, and of
    /// gauges the last stands.
    fn fold(&mut self, series: &Series, kind: Kind) -> Series {
        let apart = self.accounts.fold(self.tenant, series.name()) <= MAX_FOLDED_METRICS;
        let name = if apart { series.name() } else { shared_overflow(kind) };
        self.of_tenant(&Series::new(name, [(OVERFLOW, "true")]))
    }

    /// The series as it is stored, with the tenant's own label. This is the one place where a sender's series become stored
    /// ones, whoever sent them and whatever rules and tokens made of them: a label `tenant` that any of them set is not
    /// the tenant's.
    fn of_tenant(&self, series: &Series) -> Series {
        let exported = exported(series);
        match self.tenant {
            0 => exported,
            number => exported.with_label(TENANT, &number.to_string()),
        }
    }
}

/// The series with its label `tenant`, if it has one, under another name, as Prometheus does with labels that are its own.
fn exported(series: &Series) -> Series {
    let Some(value) = series.label(TENANT) else { return series.clone() };
    let mut name = format!("exported_{TENANT}");
    while series.label(&name).is_some() {
        name.insert_str(0, "exported_");
    }
    series.with_label(TENANT, "").with_label(&name, value)
}

const fn shared_overflow(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "weir_overflow_counters",
        Kind::Gauge => "weir_overflow_gauges",
        Kind::Distribution => "weir_overflow_distributions",
        Kind::Set => "weir_overflow_sets",
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
