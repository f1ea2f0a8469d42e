//! A source seen by one tenant: every question gets the condition that the series are its own.

use std::sync::Arc;

use weir_query::{Allow, Answered, Each, MatchOp, Matcher, QueryError, Selection, Source, Stamp, Tier};
use weir_sample::{Kind, Series, Timestamp};

/// A source, and the tenant that asks; without one, everything is seen.
pub(super) struct Tenanted {
    source: Arc<dyn Source>,
    tenant: Option<u32>,
}

impl Tenanted {
    pub(super) fn of(source: Arc<dyn Source>, tenant: Option<u32>) -> Self {
        Self { source, tenant }
    }

    /// The conditions and the tenant's own. Series of tenant 0 have no label `tenant`.
    fn own(&self, matchers: &[Matcher]) -> Result<Vec<Matcher>, QueryError> {
        let mut own = matchers.to_vec();
        if let Some(tenant) = self.tenant {
            let value = if tenant == 0 { String::new() } else { tenant.to_string() };
            let matcher = Matcher::new("tenant", MatchOp::Equal, &value);
            own.push(matcher.map_err(|error| QueryError::Source(Box::new(error)))?);
        }
        Ok(own)
    }
}

impl Source for Tenanted {
    fn select(&self, selection: &Selection<'_>, each: Each<'_>) -> Result<Answered, QueryError> {
        let matchers = self.own(selection.matchers)?;
        self.source.select(&Selection { matchers: &matchers, ..*selection }, each)
    }

    fn warning(&self, end: Timestamp) -> Option<String> {
        self.source.warning(end)
    }

    fn stamp(&self, start: Timestamp, end: Timestamp) -> Option<Stamp> {
        self.source.stamp(start, end)
    }

    fn tier(&self, start: Timestamp, matchers: &[Matcher]) -> Tier {
        self.source.tier(start, matchers)
    }

    fn series(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<(Series, Kind)>, QueryError> {
        self.source.series(&self.own(matchers)?, start, end, allow)
    }

    fn label_names(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        self.source.label_names(&self.own(matchers)?, start, end, allow)
    }

    fn label_values(
        &self,
        label: &str,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        self.source.label_values(label, &self.own(matchers)?, start, end, allow)
    }
}
