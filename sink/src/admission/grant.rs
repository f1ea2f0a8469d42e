//! What an agent's token allows and enforces.
//!
//! The token is checked where the session key is given, and the batches come later, perhaps by another gateway: so
//! the grant travels through the queue before them, as a batch of the window that ends at 0. Gateways take such a batch
//! from nobody.

use weir_sample::{Series, Timestamp, Value, Window};
use weir_wire::{Batch, BatchHead, Encoder, Totals};

/// Limits and labels of one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// The most series; `None` leaves it to the server's limits.
    pub max_series: Option<usize>,
    /// Labels that every series of the agent gets.
    pub labels: Vec<(String, String)>,
}

/// The series of the point that carries a grant.
const NAME: &str = "weir_grant";

impl Grant {
    /// The payload of the record that tells it.
    pub fn encode(&self) -> Vec<u8> {
        let labels = self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let max_series = self.max_series.map_or(f64::INFINITY, |most| most as f64);
        let points = vec![(Series::new(NAME, labels), Value::Gauge(max_series))];
        let batch = Batch { window: window(), totals: Totals::default(), points };
        Encoder::new().encode(&batch, usize::MAX).0.remove(0)
    }

    /// Whether a record carries a grant in place of an agent's points.
    pub(crate) fn is_in(head: &BatchHead<'_>) -> bool {
        head.window == window()
    }

    /// Reads what [`Grant::encode`] wrote.
    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let batch = weir_wire::decode(payload).ok()?;
        let (series, Value::Gauge(most)) = batch.points.first()? else { return None };
        let labels = series.labels().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(Self { max_series: most.is_finite().then_some(*most as usize), labels })
    }
}

fn window() -> Window {
    Window::ending(Timestamp(0), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_comes_back() {
        for max_series in [None, Some(1), Some(1_000_000)] {
            let grant =
                Grant { max_series, labels: vec![("env".into(), "prod".into()), ("team".into(), "a b".into())] };
            assert_eq!(Grant::decode(&grant.encode()), Some(grant));
        }
        assert_eq!(Grant::decode(&Grant::default().encode()), Some(Grant::default()));
    }
}
