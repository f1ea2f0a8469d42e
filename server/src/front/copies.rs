//! The copies, how each is, and which is asked first.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderName;
use weir_sample::Reading;

use crate::cmd::ask;

/// What a copy's `/readyz` says beside its status: until when the data of all live senders are there, in seconds.
pub(crate) const WATERMARK: HeaderName = HeaderName::from_static("weir-watermark");

/// All of them.
pub(crate) struct Copies {
    pub(super) agent: ureq::Agent,
    copies: Vec<Arc<Copy>>,
    /// The one that was asked last.
    chosen: AtomicUsize,
    stopping: Arc<AtomicBool>,
}

/// One copy.
pub(super) struct Copy {
    pub(super) url: String,
    state: Mutex<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    is_ready: bool,
    /// It answers, though it may not be ready.
    answers: bool,
    watermark: f64,
    /// Why it is not ready.
    reason: String,
    failures: u64,
}

/// Time between two looks at a copy, and how long one may take.
const LOOK: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(2);

/// A copy that is ahead by less than this is not turned to: answers of two are never the same to the bit.
const AHEAD: f64 = 3.0;

/// How long a question may take.
const QUESTION: Duration = Duration::from_secs(300);

impl Copies {
    /// Begins to look at them.
    pub(crate) fn start(urls: &[String]) -> std::io::Result<Self> {
        let copy = |url: &String| {
            let state = Mutex::new(State { reason: "not looked at yet".into(), ..State::default() });
            Arc::new(Copy { url: url.trim_end_matches('/').to_owned(), state })
        };
        let copies: Vec<_> = urls.iter().map(copy).collect();
        let stopping = Arc::new(AtomicBool::new(false));
        for copy in &copies {
            let (copy, stopping) = (copy.clone(), stopping.clone());
            std::thread::Builder::new().name("front-look".into()).spawn(move || copy.watch(&stopping))?;
        }
        Ok(Self { agent: ask::agent_with(QUESTION), copies, chosen: AtomicUsize::new(0), stopping })
    }

    /// The copies in the order in which they are asked: the ready ones, the last one again unless another is ahead, then
    /// those that at least answer.
    pub(super) fn in_order(&self) -> Vec<Arc<Copy>> {
        let states: Vec<State> = self.copies.iter().map(|copy| copy.state()).collect();
        let order = order(&states, self.chosen.load(Relaxed));
        if let Some(first) = order.first() {
            self.chosen.store(*first, Relaxed);
        }
        order.into_iter().map(|at| self.copies[at].clone()).collect()
    }

    pub(super) fn note_failure(&self, url: &str, reason: &str) {
        if let Some(copy) = self.copies.iter().find(|copy| copy.url == url) {
            let mut state = copy.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.failures += 1;
            (state.is_ready, state.reason) = (false, reason.to_owned());
        }
    }

    /// Why nobody should be asked; or which of them are not ready.
    pub(crate) fn ready(&self) -> Result<Vec<String>, String> {
        let states = self.copies.iter().map(|copy| (&copy.url, copy.state()));
        let troubles: Vec<String> = states
            .filter(|(_, state)| !state.is_ready)
            .map(|(url, state)| format!("{url}: {}", state.reason))
            .collect();
        if troubles.len() == self.copies.len() {
            Err(format!("no copy is ready: {}", troubles.join("; ")))
        } else {
            Ok(troubles)
        }
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        let of = |copy: &Arc<Copy>| {
            let state = copy.state();
            let labels = [("copy", copy.url.as_str())];
            [
                Reading::gauge("weir_front_copy_ready", &labels, f64::from(u8::from(state.is_ready)), READY),
                Reading::gauge("weir_front_copy_watermark_timestamp_seconds", &labels, state.watermark, WATERMARK_HELP),
                Reading::counter("weir_front_copy_failures_total", &labels, state.failures, FAILURES),
            ]
        };
        self.copies.iter().flat_map(of).collect()
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        self.stopping.store(true, Relaxed);
    }
}

impl Copy {
    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn watch(&self, stopping: &AtomicBool) {
        let agent = ask::agent_with(PATIENCE);
        while !stopping.load(Relaxed) {
            let began = Instant::now();
            let seen = look(&agent, &self.url);
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.is_ready != seen.is_ready {
                let (copy, reason) = (&self.url, &seen.reason);
                if seen.is_ready {
                    tracing::info!(copy, "a copy is ready")
                } else {
                    tracing::warn!(copy, reason, "a copy is not ready")
                }
            }
            *state = State { failures: state.failures, ..seen };
            drop(state);
            std::thread::sleep(LOOK.saturating_sub(began.elapsed()));
        }
    }
}

fn look(agent: &ureq::Agent, url: &str) -> State {
    let away = |reason: String| State { reason, ..State::default() };
    match agent.get(format!("{url}/readyz")).call() {
        Err(error) => away(error.to_string()),
        Ok(mut response) => {
            let watermark = response.headers().get(WATERMARK).and_then(|value| value.to_str().ok()?.parse().ok());
            let is_ready = response.status().is_success();
            let reason =
                if is_ready { String::new() } else { response.body_mut().read_to_string().unwrap_or_default() };
            State {
                is_ready,
                answers: true,
                watermark: watermark.unwrap_or(0.0),
                reason: reason.trim().into(),
                failures: 0,
            }
        }
    }
}

/// Places in the order in which they are asked.
fn order(states: &[State], chosen: usize) -> Vec<usize> {
    let furthest = states.iter().filter(|state| state.is_ready).map(|state| state.watermark).fold(0.0, f64::max);
    let rank = |at: usize| {
        let state = &states[at];
        let keeps = at == chosen && state.is_ready && state.watermark + AHEAD >= furthest;
        (!state.is_ready, !state.answers, !keeps, -state.watermark as i64, at)
    };
    let mut order: Vec<usize> = (0..states.len()).collect();
    order.sort_by_key(|at| rank(*at));
    order
}

const READY: &str = "Whether a copy is ready: reachable, and its /readyz says so.";
const WATERMARK_HELP: &str = "Until when a copy has the data of all live senders.";
const FAILURES: &str = "Questions that a copy did not answer; the next one was asked.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_furthest_is_asked_first_and_the_last_one_again_unless_another_is_ahead() {
        let state = |is_ready, watermark| State { is_ready, answers: true, watermark, ..State::default() };
        let check = |states: &[State], chosen, expected: &[usize]| assert_eq!(order(states, chosen), expected);
        check(&[state(true, 100.0), state(true, 101.0)], 0, &[0, 1]);
        check(&[state(true, 100.0), state(true, 101.0)], 1, &[1, 0]);
        check(&[state(true, 100.0), state(true, 110.0)], 0, &[1, 0]);
        check(&[state(false, 200.0), state(true, 10.0)], 0, &[1, 0]);
        check(&[State::default(), state(false, 5.0), state(true, 1.0)], 0, &[2, 1, 0]);
    }
}
