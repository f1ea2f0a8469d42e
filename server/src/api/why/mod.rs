//! `GET /api/v1/why`: where a metric is. Its way is walked station by station, from who sends it to how long it is kept, and each
//! says in words what it knows: the answer is the first station that explains what is missing.

mod asked;
mod gateway;
mod near;
mod report;
mod rules;
mod senders;
mod store;
mod walk;

use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use weir_query::{Allow, QueryError};

use super::auth::Caller;
use super::query::{Api, Body, Parameters};
use crate::clock::{in_words, now};
use asked::Asked;
use report::{Report, State as At, Step, Verdict};
pub(crate) use walk::Ground;
use walk::Walk;

/// Time that the store is behind without a word: samples of a few seconds are on their way always.
const BEHIND: Duration = Duration::from_secs(5);

/// The route; it belongs behind [`super::auth::guard`].
pub(crate) fn routes<S>(api: Api, ground: Ground) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Router::new().route("/api/v1/why", get(why)).with_state((api, ground))
}

async fn why(State((api, ground)): State<(Api, Ground)>, caller: Caller, RawQuery(url): RawQuery) -> Response {
    let asker = caller.clone();
    api.run(&caller, Parameters::of(url.as_deref(), &[]), move |engine, source, parameters| {
        let selector = parameters.get("match[]").or(parameters.get("query")).unwrap_or_default();
        let asked = Asked::read(engine, selector, parameters.time("time")?, now(), &asker)?;
        let walk = Walk { engine, source, ground: &ground, asked, asker };
        let (report, held) = engine.list(|allow| follow(&walk, allow))?;
        Ok(Body::Json(report.json().to_string(), held))
    })
    .await
}

fn follow(walk: &Walk<'_>, allow: Allow<'_>) -> Result<Report, QueryError> {
    let kept = (walk.ground.kept)(&walk.asked.name);
    let longest = kept.into_iter().max().unwrap_or_default();
    let stored = store::look(walk.source, &walk.asked, kept)?;
    let senders = senders::look(walk, stored.is_some())?;
    let refused = gateway::look(walk);
    let queue = queue(walk);
    let ruled = rules::follow(walk);
    let limited = rules::limits(walk);
    let retention = retention(walk, kept, longest);
    let mut verdicts = vec![retention.1, ruled.1, limited.1];
    let store = match &stored {
        Some(stored) => store::told(&walk.asked, stored),
        None => near::look(walk, longest, ruled.2.as_deref(), allow)?,
    };
    let is_fresh = store.verdict == Some(Verdict::Stored);
    verdicts.extend([refused.1, queue.1]);
    // A sender explains what is not there; one that is not known nothing where the name is known.
    let is_unseen = store.verdict == Some(Verdict::NeverSeen);
    verdicts.push(senders.1.filter(|said| stored.is_none() && (*said != Verdict::NoAgent || is_unseen)));
    let steps = vec![senders.0, refused.0, queue.0, ruled.0, limited.0, store.step, retention.0];
    let verdict = if is_fresh { None } else { verdicts.into_iter().flatten().next() };
    let verdict = verdict.or(store.verdict).unwrap_or(Verdict::NeverSeen);
    Ok(Report::new(&walk.asked, verdict, steps, store.suggestions))
}

fn queue(walk: &Walk<'_>) -> (Step, Option<Verdict>) {
    let behind = (walk.ground.behind)();
    let told = in_words(behind);
    if behind < BEHIND {
        let sentence = format!("the store is {told} behind with what was acknowledged");
        return (Step::new("queue", At::Passed, sentence), None);
    }
    let sentence = format!("the store is {told} behind: what was acknowledged since then waits in the queue");
    (Step::new("queue", At::Held, sentence), Some(Verdict::Queued))
}

fn retention(walk: &Walk<'_>, kept: [Duration; 3], longest: Duration) -> (Step, Option<Verdict>) {
    let spans = kept.map(|kept| if kept.is_zero() { "not at all".to_owned() } else { in_words(kept) });
    let [raw, minute, hour] = spans;
    let kept = format!("{} is kept {raw} as it came, {minute} by the minute, {hour} by the hour", walk.asked.name);
    if now().since(walk.asked.at) > longest {
        let sentence = format!("{} is longer ago than anything of it is kept: {kept}", walk.asked.when());
        return (Step::new("retention", At::Missing, sentence), Some(Verdict::PastRetention));
    }
    (Step::new("retention", At::Passed, kept), None)
}

#[cfg(test)]
mod tests;
