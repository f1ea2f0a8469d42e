//! How a histogram stands to the one before it in its series.

/// What is known of that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum ResetHint {
    /// It has what one window saw and nothing of those before: what agents and gateways make.
    #[default]
    Delta = 0,
    /// It counts from some beginning on, and whether it began anew is to be found out.
    Unknown = 1,
    /// It began anew.
    Reset = 2,
    /// It goes on from the one before.
    NotReset = 3,
    /// Its counts go up and down.
    Gauge = 4,
}

impl ResetHint {
    /// The hint with this number, as in bytes.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Delta),
            1 => Some(Self::Unknown),
            2 => Some(Self::Reset),
            3 => Some(Self::NotReset),
            4 => Some(Self::Gauge),
            _ => None,
        }
    }

    /// The hint of a sum of two.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            _ if self as u8 == other as u8 => self,
            (Self::Gauge, _) | (_, Self::Gauge) => Self::Gauge,
            _ => Self::Unknown,
        }
    }

    /// Whether one says that it began anew and the other that it did not.
    pub const fn contradicts(self, other: Self) -> bool {
        matches!((self, other), (Self::Reset, Self::NotReset) | (Self::NotReset, Self::Reset))
    }
}
