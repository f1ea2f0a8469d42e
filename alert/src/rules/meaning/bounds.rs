//! Between what numbers a value can be: the arithmetic behind "this can never be true".

/// Numbers between two ends. Empty if nothing is between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    low: f64,
    /// Whether `low` itself is out.
    above: bool,
    high: f64,
    /// Whether `high` itself is out.
    below: bool,
}

impl Bounds {
    pub(crate) const ANY: Self = Self::between(f64::NEG_INFINITY, f64::INFINITY);
    pub(crate) const NOTHING: Self = Self { low: 1.0, above: false, high: 0.0, below: false };

    pub(crate) const fn between(low: f64, high: f64) -> Self {
        Self { low, above: false, high, below: false }
    }

    pub(crate) const fn from(low: f64) -> Self {
        Self::between(low, f64::INFINITY)
    }

    /// The one value, if there is one only.
    pub(crate) fn only(self) -> Option<f64> {
        (self.low == self.high && !self.above && !self.below).then_some(self.low)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.low > self.high || (self.low == self.high && (self.above || self.below))
    }

    pub(crate) fn and(self, other: Self) -> Self {
        let (low, above) = match self.low.total_cmp(&other.low) {
            std::cmp::Ordering::Equal => (self.low, self.above || other.above),
            std::cmp::Ordering::Less => (other.low, other.above),
            std::cmp::Ordering::Greater => (self.low, self.above),
        };
        let (high, below) = match self.high.total_cmp(&other.high) {
            std::cmp::Ordering::Equal => (self.high, self.below || other.below),
            std::cmp::Ordering::Less => (self.high, self.below),
            std::cmp::Ordering::Greater => (other.high, other.below),
        };
        Self { low, above, high, below }
    }

    /// The least that holds both.
    pub(crate) fn or(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        Self::between(self.low.min(other.low), self.high.max(other.high))
    }

    /// What passes `value op limit`; an unknown operator lets all pass.
    pub(crate) fn compared(self, op: &str, limit: Self) -> Self {
        let pass = match op {
            ">" => Self { above: true, ..Self::from(limit.low) },
            ">=" => Self { above: limit.above, ..Self::from(limit.low) },
            "<" => Self { below: true, ..Self::between(f64::NEG_INFINITY, limit.high) },
            "<=" => Self { below: limit.below, ..Self::between(f64::NEG_INFINITY, limit.high) },
            "==" => limit,
            "!=" if limit.only().is_some() && limit.only() == self.only() => Self::NOTHING,
            _ => Self::ANY,
        };
        self.and(pass)
    }

    /// Sums, differences and products with one number; anything else can be any number.
    pub(crate) fn computed(self, op: &str, other: Self) -> Self {
        let moved = |by: f64| Self { low: self.low + by, high: self.high + by, ..self };
        let scaled = |bounds: Self, by: f64| match by {
            by if by > 0.0 && by.is_finite() => Self { low: bounds.low * by, high: bounds.high * by, ..bounds },
            by if by < 0.0 && by.is_finite() => {
                let (low, high) = (bounds.high * by, bounds.low * by);
                Self { low, high, above: bounds.below, below: bounds.above }
            }
            _ => Self::ANY,
        };
        match (op, self.only(), other.only()) {
            ("+", _, Some(by)) => moved(by),
            ("-", _, Some(by)) => moved(-by),
            ("*", _, Some(by)) => scaled(self, by),
            ("/", _, Some(by)) => scaled(self, by.recip()),
            ("+", Some(by), _) => other.computed("+", Self::between(by, by)),
            ("*", Some(by), _) => scaled(other, by),
            ("-", Some(by), _) => scaled(other, -1.0).computed("+", Self::between(by, by)),
            _ => Self::ANY,
        }
    }
}
