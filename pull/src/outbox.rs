//! Records that wait for the server, up to a bound; past it the oldest go.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use weir_wire::AgentId;

/// What is yet to be sent, shared by all targets.
#[derive(Clone, Default)]
pub(crate) struct Outbox(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Default)]
struct Waiting {
    looks: VecDeque<(AgentId, Vec<u8>)>,
    bytes: usize,
    /// Looks that were taken for a request without an answer yet.
    on_the_way: usize,
    dropped: u64,
    refused: u64,
}

/// What waits, and what became of the rest since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waits {
    pub looks: usize,
    pub bytes: usize,
    pub dropped: u64,
    pub refused: u64,
}

/// A minute of 60,000 samples a second, packed, and more.
const MOST_BYTES: usize = 64 << 20;
/// Of one request, but for its last look.
const REQUEST_BYTES: usize = 1 << 20;
const VERSION: u8 = 1;

impl Outbox {
    pub(crate) fn push(&self, target: AgentId, payload: Vec<u8>) {
        let mut waiting = self.waiting();
        waiting.bytes += payload.len();
        waiting.looks.push_back((target, payload));
        while waiting.bytes > MOST_BYTES
            && let Some((_, oldest)) = waiting.looks.pop_front()
        {
            waiting.bytes -= oldest.len();
            waiting.dropped += 1;
        }
        drop(waiting);
        self.0.news.notify_one();
    }

    /// The body of the next request, and how many looks it has; waits until there is one.
    pub(crate) async fn next(&self) -> (Vec<u8>, usize) {
        loop {
            if let Some(body) = self.take() {
                return body;
            }
            self.0.news.notified().await;
        }
    }

    fn take(&self) -> Option<(Vec<u8>, usize)> {
        let mut waiting = self.waiting();
        let (mut body, mut looks) = (vec![VERSION], 0);
        while body.len() < REQUEST_BYTES
            && let Some((target, payload)) = waiting.looks.pop_front()
        {
            waiting.bytes -= payload.len();
            looks += 1;
            body.extend(target.0);
            body.extend((payload.len() as u32).to_le_bytes());
            body.extend(payload);
        }
        waiting.on_the_way = looks;
        (looks > 0).then_some((body, looks))
    }

    /// Says what became of the request that [`Outbox::next`] gave: durable, or refused for good.
    pub(crate) fn answered(&self, is_refused: bool) {
        let mut waiting = self.waiting();
        let looks = std::mem::take(&mut waiting.on_the_way);
        if is_refused {
            waiting.refused += looks as u64;
        }
    }

    pub(crate) fn waits(&self) -> Waits {
        let waiting = self.waiting();
        let Waiting { ref looks, bytes, on_the_way, dropped, refused } = *waiting;
        Waits { looks: looks.len() + on_the_way, bytes, dropped, refused }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_its_bound_the_oldest_go() {
        let outbox = Outbox::default();
        for at in 0..65u8 {
            outbox.push(AgentId([at; 16]), vec![at; 1 << 20]);
        }
        assert_eq!(outbox.waits(), Waits { looks: 64, bytes: 64 << 20, dropped: 1, refused: 0 });
        let (body, looks) = outbox.take().unwrap();
        assert_eq!((looks, body[1], body.len()), (1, 1, 21 + (1 << 20)));
        // What is on the way is not yet sent.
        assert_eq!(outbox.waits(), Waits { looks: 64, bytes: 63 << 20, dropped: 1, refused: 0 });
        outbox.answered(true);
        assert_eq!(outbox.waits(), Waits { looks: 63, bytes: 63 << 20, dropped: 1, refused: 1 });
        assert_eq!(std::iter::from_fn(|| outbox.take()).count(), 63);
    }
}
