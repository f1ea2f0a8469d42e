//! What an operator may decide about StatsD aggregation.

/// Settings of an [`Aggregator`](crate::Aggregator).
#[derive(Clone, Debug, PartialEq)]
pub struct AggregatorConfig {
    /// Put before every metric name, as it is: write the dot or underscore too. Default: empty.
    pub prefix: String,
    /// The value of the label `host`, which makes a series this agent's own. `None` (the default) adds none, as a gateway
    /// wants it: every series is shared. A client's tag `host` is kept as `exported_host` in both cases.
    pub host: Option<String>,
    /// Labels for every series; a tag of the same name wins, and so does `host`. Default: none.
    pub labels: Vec<(String, String)>,
    /// Tags (`name:value`, or a bare `name`) that take the `host` label away, so that the fleet shares one series; the
    /// tag itself is not kept. Default: `weir.scope:global` and Veneur's `veneurglobalonly`.
    pub global_tags: Vec<String>,
    /// Tag names that are kept; empty (the default) keeps all.
    pub allow_tags: Vec<String>,
    /// Tag names that are dropped, even if allowed. Default: none.
    pub deny_tags: Vec<String>,
    /// Whether `+1` and `-1` adjust a gauge, as Etsy's StatsD has it (the default), or set it, as DogStatsD has it. What
    /// is adjusted is what this aggregator remembers, so a client's lines must all reach the same one.
    pub relative_gauges: bool,
    /// Whether an idle gauge repeats its last value in every window until it expires. Default: yes. A gateway says no: a
    /// client's later value may have gone to another gateway, and must not be overwritten.
    pub repeat_gauges: bool,
    /// Whether counter names end in `_total`. Default: no, because the name that was sent is the name that is looked for.
    pub total_suffix: bool,
    /// How timers are kept. Default: in milliseconds, under the name that was sent.
    pub timers: TimerUnit,
    /// Windows without a line after which a series leaves memory.
    pub idle: Idle,
    /// Series held at once, folded ones apart. New series beyond it fold into `name{__overflow__="true"}`, totals exact.
    /// Zero holds none apart. Default: 100,000, which is about 30 MB.
    pub max_series: usize,
    /// Series of one metric name held at once, so that one runaway label costs its own metric only. Zero: no such limit.
    /// Default: 20,000.
    pub max_series_per_metric: usize,
    /// Events and service checks kept per window for the API; those beyond are still counted. Default: 1,000.
    pub max_events: usize,
}

/// The unit that timers (`ms`) are kept in; `h` and `d` are always kept as sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimerUnit {
    /// As sent, name and value.
    #[default]
    Milliseconds,
    /// Divided by 1,000, and the name ends in `_seconds` (in place of `_ms` or `_milliseconds`), as Prometheus advises.
    Seconds,
}

/// Windows without a line after which a series of each type leaves memory; zero never.
///
/// The default, 30, is five minutes at a 10 s interval: PromQL's look-back. Until then an idle counter says zero, so
/// that `rate()` falls to zero rather than into a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idle {
    /// Counters.
    pub counters: u32,
    /// Gauges; a relative one starts from zero again.
    pub gauges: u32,
    /// Timers, histograms and distributions; these say nothing while idle.
    pub distributions: u32,
    /// Sets; these say nothing while idle.
    pub sets: u32,
}

impl Default for Idle {
    fn default() -> Self {
        Self { counters: 30, gauges: 30, distributions: 30, sets: 30 }
    }
}

impl Default for AggregatorConfig {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            host: None,
            labels: Vec::new(),
            global_tags: vec!["weir.scope:global".into(), "veneurglobalonly".into()],
            allow_tags: Vec::new(),
            deny_tags: Vec::new(),
            relative_gauges: true,
            repeat_gauges: true,
            total_suffix: false,
            timers: TimerUnit::Milliseconds,
            idle: Idle::default(),
            max_series: 100_000,
            max_series_per_metric: 20_000,
            max_events: 1_000,
        }
    }
}
