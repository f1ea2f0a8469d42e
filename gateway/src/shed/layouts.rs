//! What matters of the layouts met lately: looked at once each, bounded.

use std::collections::HashMap;

use weir_queue::Lane;
use weir_wire::{BatchHead, Decoder};

use super::config::Class;

/// What a batch of some layout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) lane: Lane,
    pub(super) samples: u32,
}

/// Two generations: when the young one is full it becomes the old one, and what was not met since is dropped.
#[derive(Debug, Default)]
pub(super) struct Layouts {
    young: HashMap<(u64, u32), Facts>,
    old: HashMap<(u64, u32), Facts>,
}

/// About 8 MB; a fleet of 100,000 agents has about as many layouts.
const PER_GENERATION: usize = 200_000;

impl Layouts {
    pub(super) fn facts(
        &mut self,
        tenant: u32,
        head: &BatchHead<'_>,
        decoder: &mut Decoder,
        classes: &[Class],
    ) -> Facts {
        let key = (head.layout_id, tenant);
        if let Some(facts) = self.young.get(&key) {
            return *facts;
        }
        let facts = self.old.remove(&key).unwrap_or_else(|| look(tenant, head, decoder, classes));
        if self.young.len() >= PER_GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, facts);
        facts
    }
}

/// Keys that do not decode are the sink's to count; here they are one normal sample.
fn look(tenant: u32, head: &BatchHead<'_>, decoder: &mut Decoder, classes: &[Class]) -> Facts {
    let Ok(layout) = decoder.layout(head) else { return Facts { lane: Lane::Normal, samples: 1 } };
    let classes: Vec<&Class> = classes.iter().filter(|class| class.tenant.is_none_or(|only| only == tenant)).collect();
    let lane =
        |series| classes.iter().find(|class| class.series.matches(series)).map_or(Lane::Normal, |class| class.lane);
    let lane = layout.series.iter().map(lane).min().unwrap_or_default();
    Facts { lane, samples: u32::try_from(layout.series.len()).unwrap_or(u32::MAX) }
}

#[cfg(test)]
mod tests {
    use weir_sample::{Pattern, Selector, Series, Timestamp, Value, Window};
    use weir_wire::{Batch, Encoder, Totals};

    use super::*;

    #[test]
    fn a_batch_is_as_important_as_its_most_important_series() {
        let class = |name: &str, tenant, lane| {
            let series = Selector { name: Pattern::new(name), labels: Vec::new() };
            Class { tenant, series, lane }
        };
        let classes =
            [class("debug_*", None, Lane::Bulk), class("up", None, Lane::Critical), class("x", Some(7), Lane::Bulk)];
        let mut decoder = Decoder::new();
        let mut check = |names: &[&str], tenant, lane| {
            let points = names.iter().map(|name| (Series::named(name), Value::Gauge(1.0))).collect();
            let batch = Batch { window: Window::ending(Timestamp(10_000), 10_000), totals: Totals::default(), points };
            let payload = Encoder::new().encode(&batch, usize::MAX).0.remove(0);
            let head = decoder.head(&payload).unwrap();
            let facts = Layouts::default().facts(tenant, &head, &mut decoder, &classes);
            assert_eq!(facts, Facts { lane, samples: names.len() as u32 }, "{names:?}");
        };
        check(&["debug_a", "debug_b"], 0, Lane::Bulk);
        check(&["debug_a", "load"], 0, Lane::Normal);
        check(&["debug_a", "load", "up"], 0, Lane::Critical);
        check(&["x"], 0, Lane::Normal);
        check(&["x"], 7, Lane::Bulk);
    }
}
