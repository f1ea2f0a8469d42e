//! Failures to get a session, each told once until there is one again: an agent tries for as long as it takes, and its log must not
//! fill with what it has said already.

/// Reasons since the last session, as they were told.
#[derive(Debug, Default)]
pub(super) struct Failures {
    told: Vec<String>,
    attempts: u64,
}

/// Reasons remembered; with several gateways each may have its own.
const MOST: usize = 16;

impl Failures {
    /// Notes one; `true` if it is to be told.
    pub(super) fn note(&mut self, reason: &str) -> bool {
        self.attempts += 1;
        if self.told.iter().any(|known| known == reason) {
            return false;
        }
        if self.told.len() >= MOST {
            self.told.remove(0);
        }
        self.told.push(reason.to_owned());
        true
    }

    /// They have ended; how many attempts failed, if any did.
    pub(super) fn end(&mut self) -> Option<u64> {
        let attempts = std::mem::take(self).attempts;
        (attempts > 0).then_some(attempts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_told_once_until_a_session_is_there() {
        let mut failures = Failures::default();
        assert_eq!(failures.end(), None, "nothing has failed");
        let told = ["a", "b", "a", "a", "b", "c"].map(|reason| failures.note(reason));
        assert_eq!(told, [true, true, false, false, false, true]);
        assert_eq!((failures.end(), failures.end()), (Some(6), None));
        assert!(failures.note("a"), "it has begun again");
        (0..1_000).for_each(|number| assert!(failures.note(&number.to_string())));
        assert_eq!(failures.told.len(), MOST);
    }
}
