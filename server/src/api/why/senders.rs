//! Who sends the metric: the agents that it would come from, and what they say of themselves.

use weir_query::{Data, QueryError};
use weir_sink::{AgentState, AgentStatus};

use super::near;
use super::report::{State, Step, Verdict};
use super::walk::Walk;
use crate::api::agents;
use crate::clock::in_words;

/// The label that names an agent's host.
const HOST: &str = "host";

pub(super) fn look(walk: &Walk<'_>, is_stored: bool) -> Result<(Step, Option<Verdict>), QueryError> {
    let Some(listing) = (walk.ground.agents)() else {
        let sentence = "the sink is too busy to tell its agents: ask again";
        return Ok((Step::new("sender", State::Unknown, sentence), None));
    };
    let seen: Vec<&AgentStatus> = listing.agents.iter().filter(|agent| agents::is_for(&walk.asker, agent)).collect();
    let is_named = walk.asked.on(HOST).next().is_some();
    let fits = |agent: &&&AgentStatus| walk.asked.on(HOST).all(|matcher| matcher.accepts(&agent.host));
    let fitting: Vec<&AgentStatus> = seen.iter().filter(fits).copied().collect();
    if fitting.is_empty() {
        let nearest =
            walk.asked.known.label(HOST).and_then(|host| near::nearest(host, seen.iter().map(|agent| &*agent.host)));
        let nearest = nearest.map_or(String::new(), |host| format!("; there is one of {host:?}"));
        let who = if is_named { "of such a host " } else { "" };
        let sentence = format!(
            "no agent {who}has sent since it would have been forgotten{nearest}: the metric can only come from another sender"
        );
        let verdict = (is_named && !is_stored && !seen.is_empty()).then_some(Verdict::NoAgent);
        return Ok((Step::new("sender", State::Noted, sentence), verdict));
    }
    let limits = of_limits(walk)?;
    let (mut state, mut verdict, mut told) = told(&fitting, listing.at);
    if let Some(limited) = limits {
        (state, verdict) = (State::Missing, Some(Verdict::AgentLimit));
        told = format!("{told}; {limited}");
    }
    // Agents that are named by no host explain nothing by being silent.
    let verdict = verdict.filter(|verdict| is_named || *verdict == Verdict::AgentLimit);
    if verdict.is_none() && state == State::Missing {
        state = State::Noted;
    }
    Ok((Step::new("sender", state, told), verdict))
}

/// What is told of one agent, or of several.
fn told(agents: &[&AgentStatus], now: weir_sample::Timestamp) -> (State, Option<Verdict>, String) {
    let spooled: u64 = agents.iter().map(|agent| agent.spooled_batches).sum();
    let lost: u64 = agents.iter().map(|agent| agent.lost_batches).sum();
    let count = |state| agents.iter().filter(|agent| agent.state == state).count();
    let mut told = match agents {
        [agent] => of_one(agent, now),
        _ => format!(
            "{} agents send, {} are silent, {} have said goodbye",
            count(AgentState::Live),
            count(AgentState::Silent),
            count(AgentState::Gone)
        ),
    };
    if spooled > 0 {
        told += &format!("; {spooled} batches wait on disk for a gateway");
    }
    if lost > 0 {
        told += &format!("; {lost} batches were dropped before a gateway took them");
    }
    match () {
        () if count(AgentState::Live) == 0 => (State::Missing, Some(Verdict::Silent), told),
        () if spooled > 0 => (State::Held, Some(Verdict::Spooled), told),
        () if lost > 0 => (State::Noted, None, told),
        () => (State::Passed, None, told),
    }
}

fn of_one(agent: &AgentStatus, now: weir_sample::Timestamp) -> String {
    let ago = in_words(now.since(agent.last_batch));
    let does = match agent.state {
        AgentState::Live => "sends",
        AgentState::Silent => "is silent",
        AgentState::Gone => "has said goodbye",
    };
    let clock = match agent.clock_ms {
        0 => String::new(),
        off => format!(", and its clock is {} s {}", off.abs() / 1_000, if off > 0 { "ahead" } else { "behind" }),
    };
    format!("the agent of {} {does}: its last batch came {ago} ago{clock}", agent.host)
}

/// Whether agents say that lines of it are over their limits of series.
fn of_limits(walk: &Walk<'_>) -> Result<Option<String>, QueryError> {
    let (name, on_host) = (&walk.asked.name, walk.asked.conditions_on(HOST));
    let query = format!(
        "topk(3, max by (host) (max_over_time(weir_agent_statsd_culprit_lines{{metric={name:?}{on_host}}}[1h])) > 0)"
    );
    let Data::Vector(samples) = walk.engine.instant(walk.source, &query, walk.asked.at)?.data else { return Ok(None) };
    let hosts: Vec<String> = samples.iter().map(|sample| sample.labels.value(HOST).to_owned()).collect();
    Ok((!hosts.is_empty()).then(|| {
        let hosts = hosts.join(", ");
        format!(
            "in the last hour lines of {name} were over the limits of the agent of {hosts} (aggregation.max_series, max_series_per_metric) \
             and count in {name}{{__overflow__=\"true\"}}"
        )
    }))
}
