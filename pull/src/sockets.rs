//! Sockets to targets, as many as the process may have: most stay open from one look to the next, and the rest go round among
//! looks of targets that have none.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Leave to hold sockets.
#[derive(Clone)]
pub(crate) struct Sockets {
    kept: Arc<Semaphore>,
    passing: Arc<Semaphore>,
    most_kept: usize,
}

/// Of what the system allows, a quarter within these bounds is for files, the server and questions to this process.
const LEAST_OTHERS: usize = 64;
const MOST_OTHERS: usize = 1_024;
/// What is beyond is never needed, and more than a semaphore may count.
const MOST: usize = 1 << 24;

impl Sockets {
    /// Of a process that may have so many files open. A quarter of what is for targets goes round.
    pub(crate) fn of(descriptors: u64) -> Self {
        let all = usize::try_from(descriptors).unwrap_or(MOST).min(MOST);
        let ours = all.saturating_sub((all / 4).clamp(LEAST_OTHERS, MOST_OTHERS));
        let passing = (ours / 4).max(1);
        let most_kept = ours.saturating_sub(passing);
        Self { kept: Arc::new(Semaphore::new(most_kept)), passing: Arc::new(Semaphore::new(passing)), most_kept }
    }

    /// Leave for one look. Who has to wait for it looks later, and is not taken for a target that is down.
    pub(crate) async fn pass(&self) -> Option<OwnedSemaphorePermit> {
        self.passing.clone().acquire_owned().await.ok()
    }

    /// Leave to stay open, if there is one more.
    pub(crate) fn keep(&self) -> Option<OwnedSemaphorePermit> {
        self.kept.clone().try_acquire_owned().ok()
    }

    /// How many may stay open, and how many do.
    pub(crate) fn kept(&self) -> (usize, usize) {
        (self.most_kept, self.most_kept - self.kept.available_permits())
    }

    /// What is to be said where so many targets are asked.
    pub(crate) fn fault(&self, targets: usize) -> Option<String> {
        let most = self.most_kept;
        (targets > most).then(|| {
            format!(
                "{targets} targets, and {most} connections can stay open: others are opened for each look, which takes more time; raise \
                 the limit of open files (LimitNOFILE, ulimit -n), or add collectors"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_shared_out_and_some_are_left_for_the_rest() {
        let shares = |descriptors: u64| {
            let sockets = Sockets::of(descriptors);
            (sockets.kept().0, sockets.passing.available_permits())
        };
        assert_eq!(shares(1_024), (576, 192));
        assert_eq!(shares(20_000), (14_232, 4_744));
        assert_eq!(shares(64), (0, 1));
        assert!(shares(u64::MAX).0 > 1_000_000);
    }

    #[test]
    fn what_is_over_is_told_and_what_was_kept_is_free_again() {
        let sockets = Sockets::of(100);
        let kept: Vec<_> = std::iter::from_fn(|| sockets.keep()).collect();
        assert_eq!((kept.len(), sockets.kept()), (27, (27, 27)));
        assert!(sockets.fault(27).is_none() && sockets.fault(28).unwrap().contains("LimitNOFILE"));
        drop(kept);
        assert_eq!(sockets.kept(), (27, 0));
    }
}
