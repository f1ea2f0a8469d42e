//! Which classes are shed at which pressure.

use weir_queue::Lane;

/// Why a batch is shed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shed {
    /// The queue backs up, and this class makes room for the more important.
    Pressure(Lane),
    /// Its agent sends too much.
    AgentRate,
    /// Its tenant sends too much.
    TenantRate,
}

/// Pressure from which on agents are asked to slow down …
pub(crate) const SLOW_AT: f64 = 0.5;
/// … bulk is shed …
const SHED_BULK_AT: f64 = 0.6;
/// … and normal too. Critical goes on until there is no room at all.
const SHED_NORMAL_AT: f64 = 0.85;

/// The lane of a batch for which there is room at this pressure, from 0 to 1.
pub(super) fn under_pressure(lane: Lane, pressure: f64) -> Result<Lane, Shed> {
    let full = match lane {
        Lane::Critical => pressure >= 1.0,
        Lane::Normal => pressure >= SHED_NORMAL_AT,
        Lane::Bulk => pressure >= SHED_BULK_AT,
    };
    if full { Err(Shed::Pressure(lane)) } else { Ok(lane) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_sheds_first_and_critical_last() {
        let check = |pressure, expected: [bool; 3]| {
            let room = [Lane::Bulk, Lane::Normal, Lane::Critical].map(|lane| under_pressure(lane, pressure).is_ok());
            assert_eq!(room, expected, "at {pressure}");
        };
        check(0.0, [true; 3]);
        check(SLOW_AT, [true; 3]);
        check(0.6, [false, true, true]);
        check(0.85, [false, false, true]);
        check(0.99, [false, false, true]);
        check(1.0, [false; 3]);
    }
}
