//! The time that windows go by: the host's clock, or where that is wrong what the gateways say.
//!
//! ```text
//! acks ──hear──▶ witnesses ──verdict──┐
//! host's clock ───────────────────────┴──look──▶ time = host's clock + offset
//! ```
//! What gateways say is kept as their time at this host's boot, so it goes on while the host's clock is set. A correction begins
//! in one step, since the host's clock was never right, and follows and ends slowly: when the host's clock is mended, time
//! goes on as it went and comes to the clock's bit by bit.

mod moment;
mod witnesses;

use std::net::SocketAddr;
use std::time::Duration;

use weir_sample::{Reading, Timestamp};

pub(crate) use moment::Moment;
use witnesses::{AGREE, Verdict, Witnesses};

/// The host's clock, and what is held of it.
pub(crate) struct Clock {
    witnesses: Witnesses,
    last: Moment,
    /// What is added to the host's clock, in milliseconds.
    offset: i64,
    /// When the offset was last brought nearer to what it should be.
    slewed: Duration,
    standing: Standing,
    /// The gateways' time at the boot while it is gone by.
    booted: i64,
    /// By how much the host's clock is ahead, in milliseconds, if that is known.
    skew: Option<i64>,
    /// When the host's clock was set: what was said before that does not tell whether it is right now.
    set_at: Duration,
    disputed: bool,
    steps: u64,
}

/// What is held of the host's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It is right, or nothing is known against it.
    Right,
    /// Somebody says that it is wrong, and it is gone by nevertheless.
    Doubted,
    /// It is wrong.
    Corrected,
}

/// A look at the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) time: Timestamp,
    /// A correction has set the time back.
    pub(crate) set_back: bool,
}

/// What the network time daemon does to a clock in one go is no step.
const STEP_MS: i64 = 1_000;
/// A clock this far off is wrong …
const WRONG_MS: i64 = AGREE.as_millis() as i64;
/// … and right again when it is nearer than this.
const RIGHT_MS: i64 = 1_000;
/// How much faster or slower time goes while the offset changes, in milliseconds a second.
const SLEW_MS: i64 = 100;
const SLEW_EVERY: Duration = Duration::from_secs(1);
/// A clock that seems further behind is not set by the word of one gateway: that may be the one which is wrong, and what is sent
/// by its time would lie in the future for everybody else.
const MAX_BEHIND_BY_ONE: i64 = 86_400_000;
/// A clock that shows an earlier time than this program was written at is wrong, whoever says so, and a gateway's is too.
const WRITTEN: Timestamp = Timestamp::from_secs(1_767_225_600);

impl Clock {
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            witnesses: Witnesses::default(),
            last: now,
            offset: 0,
            slewed: now.since_boot,
            standing: Standing::Right,
            booted: 0,
            skew: None,
            set_at: Duration::ZERO,
            disputed: false,
            steps: 0,
        }
    }

    /// Notes what a gateway's ack said that came so long after the boot.
    pub(crate) fn hear(&mut self, gateway: SocketAddr, server: Timestamp, since_boot: Duration) {
        if server >= WRITTEN {
            self.witnesses.hear(gateway, server, since_boot);
        }
    }

    /// The time of now; `known` gateways are there.
    pub(crate) fn look(&mut self, now: Moment, known: usize) -> Look {
        self.watch_steps(now);
        let target = self.judge(now, known);
        let missing = target - self.offset;
        let jumps = missing.abs() > WRONG_MS;
        if jumps {
            self.offset = target;
        } else if now.since_boot.saturating_sub(self.slewed) >= SLEW_EVERY {
            self.slewed = now.since_boot;
            self.offset += missing.clamp(-SLEW_MS, SLEW_MS);
        }
        Look { time: self.time(now), set_back: jumps && missing < 0 }
    }

    /// The time, as it was last judged.
    pub(crate) fn time(&self, now: Moment) -> Timestamp {
        Timestamp(now.wall.0.saturating_add(self.offset))
    }

    /// What [`Clock::time`] adds to the time of day.
    pub(crate) fn ahead_ms(&self) -> i64 {
        self.offset
    }

    /// Whether the time is known to be the gateways', so that what lies in their future was made by a wrong clock.
    pub(crate) fn is_sure(&self) -> bool {
        self.skew.is_some() && self.standing != Standing::Doubted
    }

    /// By how much time is set earlier than the host's clock.
    pub(crate) fn set_earlier_by(&self) -> Duration {
        Duration::from_millis(u64::try_from(-self.offset).unwrap_or_default())
    }

    /// Whether another gateway should be asked: this one says that the clock is wrong, or others say different things.
    pub(crate) fn wants_another(&self) -> bool {
        self.standing == Standing::Doubted || self.disputed && self.standing != Standing::Right
    }

    /// Between its steps the clock goes as the time since the boot does. A correction takes the step back, so that time goes on.
    fn watch_steps(&mut self, now: Moment) {
        let last = std::mem::replace(&mut self.last, now);
        let passed = now.since_boot.saturating_sub(last.since_boot).as_millis() as i64;
        let step = now.wall.0 - last.wall.0 - passed;
        if step.abs() <= STEP_MS {
            return;
        }
        self.steps += 1;
        self.set_at = now.since_boot;
        let seconds = step as f64 / 1e3;
        if self.offset == 0 {
            // What gateways said was of the clock before: nothing of theirs tells yet whether this one is right.
            self.skew = None;
            tracing::warn!(seconds, "the clock was set: windows go on by its new time");
        } else {
            self.offset -= step;
            tracing::warn!(seconds, "the clock was set: windows go on by the gateways' time");
        }
    }

    /// What should be added to the host's clock.
    fn judge(&mut self, now: Moment, known: usize) -> i64 {
        let at = now.since_boot.as_millis() as i64;
        let ahead_of = |booted: i64| now.wall.0 - at - booted;
        let verdict = self.witnesses.verdict(now.since_boot, self.set_at, known);
        let believed = match verdict {
            Verdict::Agreed(booted) => Some(booted),
            Verdict::Alone(booted) if ahead_of(booted) > -MAX_BEHIND_BY_ONE || now.wall < WRITTEN => Some(booted),
            _ => None,
        };
        let said = match verdict {
            Verdict::Said(booted) | Verdict::Alone(booted) | Verdict::Agreed(booted) => Some(ahead_of(booted)),
            // The host's clock and one gateway are two.
            Verdict::Disputed if self.standing != Standing::Corrected => {
                self.witnesses.supporter(now.since_boot, self.set_at, now.wall.0 - at).map(ahead_of)
            }
            Verdict::Silent | Verdict::Disputed => None,
        };
        self.dispute(verdict == Verdict::Disputed);
        if let Some(booted) = believed {
            self.booted = booted;
        }
        let gone_by = ahead_of(self.booted);
        let (skew, next) = match (self.standing, said) {
            // Who is set right, or agrees with a gateway again, is right, however little is known besides.
            (Standing::Corrected, Some(skew)) if skew.abs() < RIGHT_MS => (Some(skew), Standing::Right),
            (Standing::Corrected, _) if gone_by.abs() < RIGHT_MS => (Some(gone_by), Standing::Right),
            (Standing::Corrected, _) => (Some(gone_by), Standing::Corrected),
            (_, Some(skew)) if skew.abs() <= RIGHT_MS => (Some(skew), Standing::Right),
            (_, Some(skew)) if skew.abs() > WRONG_MS && believed.is_some() => (Some(skew), Standing::Corrected),
            (_, Some(skew)) if skew.abs() > WRONG_MS => (Some(skew), Standing::Doubted),
            (standing, Some(skew)) => (Some(skew), standing),
            (standing, None) => (self.skew, standing),
        };
        self.skew = skew;
        self.stand(next);
        if next == Standing::Corrected { -gone_by } else { 0 }
    }

    fn stand(&mut self, next: Standing) {
        if std::mem::replace(&mut self.standing, next) == next {
            return;
        }
        let skew_seconds = self.skew.unwrap_or_default() as f64 / 1e3;
        match next {
            Standing::Right => tracing::info!(skew_seconds, "the clock is right again"),
            Standing::Doubted => tracing::warn!(
                skew_seconds,
                "a gateway says that the clock is wrong: it is gone by until two gateways say so, or the only one ten times \
                 in a minute; look at the host's time daemon"
            ),
            Standing::Corrected => tracing::warn!(
                skew_seconds,
                "the clock is wrong: windows go by the gateways' time; look at the host's time daemon"
            ),
        }
    }

    fn dispute(&mut self, disputed: bool) {
        if std::mem::replace(&mut self.disputed, disputed) != disputed && disputed {
            tracing::warn!("gateways say different times, and no two of them agree: look at their time daemons");
        }
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        let corrected = f64::from(u8::from(self.standing == Standing::Corrected));
        let skew = self.skew.unwrap_or_default() as f64 / 1e3;
        vec![
            Reading::counter("weir_agent_clock_steps_total", &[], self.steps, STEPS_HELP),
            Reading::gauge("weir_agent_clock_corrected", &[], corrected, CORRECTED_HELP),
            Reading::gauge("weir_agent_clock_skew_seconds", &[], skew, SKEW_HELP),
        ]
    }

    pub(crate) fn tally(&self) -> Tally {
        let seconds = self.skew.map(|skew| skew as f64 / 1e3);
        Tally { skew_seconds: seconds, corrected: self.standing == Standing::Corrected, steps: self.steps }
    }
}

/// The clock as the status page has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    /// By how much it is ahead; unknown while no gateway was heard.
    pub skew_seconds: Option<f64>,
    pub corrected: bool,
    pub steps: u64,
}

const STEPS_HELP: &str = "Times that the wall clock was set by more than a second: windows went on by its new time, or by the \
    gateways' while that is gone by; look at the host's time daemon if it grows.";
const CORRECTED_HELP: &str = "1: the host's clock is more than 2 s off, so windows go by the gateways' time; look at the host's \
    time daemon.";
const SKEW_HELP: &str = "Seconds by which the host's clock is ahead of the gateways' (negative: behind), as their acks tell it; \
    0 before the first ack.";

#[cfg(test)]
mod tests;
