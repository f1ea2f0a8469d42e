//! Rows that were handed to the queue: which of them can be read from the store.

use std::collections::VecDeque;
use std::time::Duration;

use weir_alert::evaluate::Row;
use weir_sample::Timestamp;

/// Rows on their way, in the order in which they were handed over.
#[derive(Debug, Default)]
pub(super) struct Handed {
    /// When some rows were safe in the queue, and the earliest event time among them.
    under_way: VecDeque<(Timestamp, Timestamp)>,
}

/// The sink finds a log that is new within a second, and says then that all is stored which it knows of.
const MARGIN: Duration = Duration::from_secs(2);

impl Handed {
    /// Notes rows that were safe in the queue at `safe`.
    pub(super) fn note(&mut self, rows: &[Row], safe: Timestamp) {
        let Some(earliest) = rows.iter().map(|row| row.at).min() else { return };
        // After the clock was set back nothing is safe later than now.
        self.under_way.iter_mut().for_each(|(before, _)| *before = safe.min(*before));
        self.under_way.push_back((safe, earliest));
    }

    /// The event time up to which all rows are stored, if the sink has stored what was received until then.
    pub(super) fn applied_to(&mut self, stored_until: Timestamp) -> Timestamp {
        while self.under_way.front().is_some_and(|(safe, _)| safe.plus(MARGIN) < stored_until) {
            self.under_way.pop_front();
        }
        let earliest = self.under_way.iter().map(|(_, earliest)| *earliest).min();
        earliest.map_or(Timestamp(i64::MAX), |earliest| earliest.minus(Duration::from_millis(1)))
    }
}

#[cfg(test)]
mod tests {
    use weir_sample::Series;

    use super::*;

    fn rows(at: &[i64]) -> Vec<Row> {
        at.iter().map(|at| Row { series: Series::named("r"), at: Timestamp::from_secs(*at), value: 1.0 }).collect()
    }

    #[test]
    fn rows_are_stored_in_the_order_of_the_queue_whatever_their_time() {
        let (mut handed, second) = (Handed::default(), Timestamp::from_secs);
        let all = Timestamp(i64::MAX);
        assert_eq!(handed.applied_to(second(0)), all, "nothing is under way");
        handed.note(&rows(&[100, 90]), second(110));
        handed.note(&rows(&[50]), second(120));
        let before = |at: i64| Timestamp(at * 1_000 - 1);
        assert_eq!(handed.applied_to(second(112)), before(50));
        assert_eq!(handed.applied_to(second(113)), before(50), "the earliest of those that are left counts");
        handed.note(&rows(&[130]), second(131));
        assert_eq!(handed.applied_to(second(123)), before(130));
        assert_eq!(handed.applied_to(second(134)), all);
        handed.note(&rows(&[140]), second(1_000));
        handed.note(&rows(&[150]), second(151));
        assert_eq!(handed.applied_to(second(154)), all, "the clock was set back");
    }
}
