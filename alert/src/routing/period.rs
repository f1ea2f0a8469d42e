//! Mute and active times: which minutes of which days, in which zone.

use jiff::Timestamp as Instant;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use weir_sample::Timestamp;

/// A named set of times; one of them is enough.
#[derive(Clone, Debug, Default)]
pub struct Intervals(pub(super) Vec<Period>);

/// All that is given must hold; what is not given always does.
#[derive(Clone, Debug, Default)]
pub(super) struct Period {
    /// Minutes of the day, the second not included.
    pub(super) minutes: Vec<(u16, u16)>,
    /// 0 is Sunday.
    pub(super) weekdays: Vec<(i16, i16)>,
    /// Below zero from the month's end on.
    pub(super) days: Vec<(i16, i16)>,
    pub(super) months: Vec<(i16, i16)>,
    pub(super) years: Vec<(i16, i16)>,
    pub(super) zone: Option<TimeZone>,
}

impl Intervals {
    /// Whether `now` is one of these times.
    pub fn contain(&self, now: Timestamp) -> bool {
        self.0.iter().any(|period| period.contains(now))
    }
}

impl Period {
    fn contains(&self, now: Timestamp) -> bool {
        let Ok(at) = Instant::from_millisecond(now.millis()) else { return false };
        let at = at.to_zoned(self.zone.clone().unwrap_or(TimeZone::UTC));
        let minute = at.hour() as u16 * 60 + at.minute() as u16;
        let within = |ranges: &[(i16, i16)], value: i16| {
            ranges.is_empty() || ranges.iter().any(|(from, to)| (*from..=*to).contains(&value))
        };
        (self.minutes.is_empty() || self.minutes.iter().any(|(from, to)| (*from..*to).contains(&minute)))
            && within(&self.weekdays, sunday_first(at.weekday()))
            && self.on_day(at.day().into(), at.days_in_month().into())
            && within(&self.months, at.month().into())
            && within(&self.years, at.year())
    }

    fn on_day(&self, day: i16, last: i16) -> bool {
        let place = |bound: i16| if bound < 0 { last + bound + 1 } else { bound };
        let holds = |(from, to): &(i16, i16)| (place(*from)..=place(*to).min(last)).contains(&day);
        self.days.is_empty() || self.days.iter().any(holds)
    }
}

fn sunday_first(weekday: Weekday) -> i16 {
    weekday.to_sunday_zero_offset().into()
}
