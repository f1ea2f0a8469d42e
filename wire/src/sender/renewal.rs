//! When to ask for the next session.

use std::time::Duration;

/// The pauses between requests for sessions: long after one that was granted, short and doubling after one that failed.
#[derive(Clone, Debug)]
pub struct Renewal {
    first_pause: Duration,
    longest_pause: Duration,
    pause: Duration,
    /// Where in its range each pause falls, from 0 to 1: a fleet that started at once must not ask at once.
    share: f64,
}

impl Renewal {
    /// Requests that fail are made again after `first_pause` to begin with and `longest_pause` in the end. `seed` is any
    /// random number, for jitter.
    pub fn new(first_pause: Duration, longest_pause: Duration, seed: u64) -> Self {
        Self { first_pause, longest_pause, pause: first_pause, share: (seed % 256) as f64 / 256.0 }
    }

    /// From a session that lives so long to the request for the next: three quarters of that, or up to a tenth less.
    pub fn granted(&mut self, lives: Duration) -> Duration {
        self.pause = self.first_pause;
        lives.mul_f64(0.75 - 0.1 * self.share)
    }

    /// From a request that failed to the next: between one and two of the pauses that double with every failure.
    pub fn failed(&mut self) -> Duration {
        self.pause = (self.pause * 2).min(self.longest_pause);
        self.pause / 2 + self.pause.mul_f64(self.share / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_session_is_renewed_while_the_one_before_is_good() {
        let lives = Duration::from_secs(1_000);
        assert_eq!(Renewal::new(SECOND, 60 * SECOND, 0).granted(lives), 750 * SECOND);
        let earliest = Renewal::new(SECOND, 60 * SECOND, 255).granted(lives);
        assert!((650 * SECOND..651 * SECOND).contains(&earliest), "{earliest:?}");
    }

    #[test]
    fn pauses_double_to_a_limit_until_a_session_is_granted() {
        let mut renewal = Renewal::new(SECOND, 60 * SECOND, 256);
        let pauses: Vec<u64> = (0..7).map(|_| renewal.failed().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        renewal.granted(SECOND);
        assert_eq!(renewal.failed(), SECOND);
        let late = Renewal::new(SECOND, 60 * SECOND, 255).failed();
        assert!(late > SECOND && late < 2 * SECOND, "{late:?}");
    }
}
