//! What one window says about one series.

use crate::{Distinct, Histogram};

/// Ends a series, as Prometheus marks it: a NaN that no arithmetic yields. Compared by its bits.
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// How the values of a series combine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A sum per window; merges by adding.
    Counter = 0,
    /// The last value seen; merges by time.
    Gauge = 1,
    /// A quantile histogram; merges bin by bin.
    Distribution = 2,
    /// A count of distinct members; merges by union.
    Set = 3,
}

impl Kind {
    /// The kind with this number, as used on the wire and on disk.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Counter),
            1 => Some(Self::Gauge),
            2 => Some(Self::Distribution),
            3 => Some(Self::Set),
            _ => None,
        }
    }

    /// The Prometheus metric type that clients are told: `counter`, `gauge` or `histogram`.
    pub const fn prometheus_type(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge | Self::Set => "gauge",
            Self::Distribution => "histogram",
        }
    }
}

/// One series' aggregate over one window.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The increase during the window.
    Counter(f64),
    /// The last value in the window.
    Gauge(f64),
    /// The distribution of what was observed in the window.
    Distribution(Box<Histogram>),
    /// The distinct members seen in the window.
    Set(Box<Distinct>),
}

impl Value {
    /// The kind of this value.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Counter(_) => Kind::Counter,
            Self::Gauge(_) => Kind::Gauge,
            Self::Distribution(_) => Kind::Distribution,
            Self::Set(_) => Kind::Set,
        }
    }

    /// Adds a later value of the same series and window. A value of another kind replaces this one: the last writer of
    /// a name decides what it is.
    pub fn merge(&mut self, later: Value) {
        match (self, later) {
            (Self::Counter(sum), Self::Counter(delta)) => *sum += delta,
            (Self::Distribution(histogram), Self::Distribution(other)) => histogram.merge(&other),
            (Self::Set(set), Self::Set(other)) => set.merge(&other),
            (slot, later) => *slot = later,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_merge_by_kind() {
        let check = |mut a: Value, b: Value, expected: Value| {
            a.merge(b);
            assert_eq!(a, expected);
        };
        check(Value::Counter(2.0), Value::Counter(3.0), Value::Counter(5.0));
        check(Value::Gauge(2.0), Value::Gauge(3.0), Value::Gauge(3.0));
        check(Value::Gauge(2.0), Value::Counter(3.0), Value::Counter(3.0));
    }

    #[test]
    fn kind_numbers_are_fixed() {
        for kind in [Kind::Counter, Kind::Gauge, Kind::Distribution, Kind::Set] {
            assert_eq!(Kind::from_u8(kind as u8), Some(kind));
        }
        assert_eq!(Kind::from_u8(4), None);
    }
}
