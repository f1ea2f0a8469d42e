//! Calls that may never come back, such as a look at a dead mount: each has a thread and a time limit, and one that hangs
//! is left behind until it answers.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

type Work<T> = Box<dyn FnOnce() -> T + Send>;

/// A thread to call on, and those that hang.
pub(crate) struct Aside<T> {
    idle: Option<Worker<T>>,
    hung: Vec<(String, Worker<T>)>,
}

struct Worker<T> {
    work: Sender<Work<T>>,
    done: Receiver<T>,
}

/// Reads of files are shallow.
const STACK_BYTES: usize = 256 << 10;

impl<T: Send + 'static> Aside<T> {
    pub(crate) fn new() -> Self {
        Self { idle: None, hung: Vec::new() }
    }

    /// The outcome of a call on behalf of a source; `None` if it has none within the limit. Not to be asked for a source
    /// that hangs.
    pub(crate) fn call(
        &mut self,
        source: &str,
        limit: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let worker = match self.idle.take().map_or_else(Worker::start, Ok) {
            Ok(worker) => worker,
            // A host that has no thread left is watched as well as can be.
            Err(_) => return Some(work()),
        };
        worker.work.send(Box::new(work)).ok()?;
        match worker.done.recv_timeout(limit) {
            Ok(outcome) => {
                self.idle = Some(worker);
                Some(outcome)
            }
            Err(RecvTimeoutError::Timeout) => {
                tracing::warn!(
                    source,
                    limit_s = limit.as_secs_f64(),
                    "this does not answer: it is left out while it hangs"
                );
                self.hung.push((source.to_owned(), worker));
                None
            }
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Outcomes of calls that came back late.
    pub(crate) fn returned(&mut self) -> Vec<T> {
        let mut returned = Vec::new();
        self.hung.retain(|(source, worker)| match worker.done.try_recv() {
            Ok(outcome) => {
                tracing::info!(source, "this answers again");
                returned.push(outcome);
                false
            }
            Err(_) => true,
        });
        returned
    }

    pub(crate) fn hangs(&self, source: &str) -> bool {
        self.hung.iter().any(|(hung, _)| hung == source)
    }

    /// The sources that hang.
    pub(crate) fn hung(&self) -> impl Iterator<Item = &str> {
        self.hung.iter().map(|(source, _)| source.as_str())
    }
}

impl<T: Send + 'static> Worker<T> {
    /// Its thread ends when nobody can ask it any more.
    fn start() -> std::io::Result<Self> {
        let ((work, asked), (answers, done)) = (channel::<Work<T>>(), channel());
        let serve = move || asked.into_iter().map(|work| work()).try_for_each(|outcome| answers.send(outcome));
        std::thread::Builder::new().name("aside".into()).stack_size(STACK_BYTES).spawn(serve)?;
        Ok(Self { work, done })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_is_left_behind_and_taken_up_again() {
        let (mut aside, limit) = (Aside::new(), Duration::from_millis(50));
        assert_eq!(aside.call("a", limit, || 1), Some(1));
        let (release, hold) = channel::<i32>();
        assert_eq!(aside.call("b", limit, move || hold.recv().unwrap()), None);
        assert!(aside.hangs("b") && !aside.hangs("a") && aside.returned().is_empty());
        assert_eq!(aside.call("a", limit, || 2), Some(2));
        release.send(3).unwrap();
        let returned = std::iter::repeat_with(|| aside.returned()).find(|returned| !returned.is_empty());
        assert_eq!(returned, Some(vec![3]));
        assert_eq!(aside.hung().count(), 0);
    }
}
