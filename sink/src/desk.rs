//! One record at a time: opened, counted once, and written to the store or merged with what others say.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use weir_queue::Record;
use weir_sample::{Timestamp, Window};
use weir_store::Store;
use weir_wire::{AgentId, BatchHead, Decoder, Totals, Values};

use crate::admission::{Admission, Grant};
use crate::agents::Agent;
use crate::fleet::Counters;
use crate::ledger::{self, Ledger};
use crate::plan::Plan;
use crate::shared::Shared;
use crate::state::Saved;
use crate::{Error, SinkConfig};

/// Everything that a record meets on its way to the store.
pub(crate) struct Desk {
    pub store: Arc<Store>,
    pub lateness: Duration,
    pub agents: HashMap<AgentId, Agent>,
    pub shared: Shared,
    pub ledger: Ledger,
    pub decoder: Decoder,
    pub values: Values,
    pub row: Vec<f64>,
    pub newest: Timestamp,
    pub counters: Arc<Counters>,
    pub admission: Arc<Admission>,
    /// Of the rules that the plans were made by.
    pub generation: u64,
}

impl Desk {
    /// Takes up the work where a checkpoint left it.
    pub(crate) fn resume(config: &SinkConfig, store: Arc<Store>, saved: Saved) -> Self {
        Self {
            store,
            lateness: config.lateness,
            ledger: Ledger::resume(saved.agents.keys(), saved.newest),
            agents: saved.agents,
            shared: saved.shared,
            decoder: Decoder::new(),
            values: Values::default(),
            row: Vec::new(),
            newest: saved.newest,
            counters: Arc::default(),
            admission: Arc::default(),
            generation: 0,
        }
    }

    /// Plans made by rules that are no longer in force are made again.
    pub(crate) fn follow_rules(&mut self) {
        let generation = self.admission.generation();
        if generation != self.generation {
            self.generation = generation;
            self.agents.values_mut().for_each(Agent::forget_plans);
        }
    }

    pub(crate) fn take(&mut self, record: &Record<'_>) -> Result<(), Error> {
        self.newest = self.newest.max(record.received);
        let Ok(head) = self.decoder.head(record.payload) else {
            return self.refuse(record);
        };
        let agent = self.agents.entry(record.agent).or_insert_with(|| Agent::new(record.tenant));
        if Grant::is_in(&head) {
            return take_grant(agent, record);
        }
        agent.renew(record.received, record.agent.0[15]);
        agent.last_seen = agent.last_seen.max(record.received);
        let before = agent.clock_ahead;
        let window = agent.corrected(head.window, record.received);
        if agent.clock_ahead > before {
            let ahead_s = agent.clock_ahead.as_secs();
            tracing::warn!(agent = %record.agent, ahead_s, "an agent's clock is ahead; its windows are moved back");
        }
        let Some(seen) = agent.admit(record.epoch, record.seq) else {
            self.counters.duplicates.fetch_add(1, Relaxed);
            agent.seen.duplicates += 1;
            self.ledger.touch(record.agent, agent, record.received);
            return Ok(());
        };
        self.counters.note_totals(&seen.totals, &head.totals);
        if head.totals.sealed_batches >= seen.totals.sealed_batches {
            seen.totals = head.totals;
        }
        agent.seen.batches += 1;
        agent.seen.late += u64::from(record.received.since(window.end()) > self.lateness);
        self.ledger.touch(record.agent, agent, record.received);
        let plan = match agent.plan(head.layout_id) {
            Some(plan) => plan,
            None => match self.resolve(record, &head) {
                Some(plan) => plan,
                None => return self.refuse(record),
            },
        };
        if self.decoder.values(&head, &plan.kinds, &mut self.values).is_err() {
            return self.refuse(record);
        }
        if let Some(agent) = self.agents.get_mut(&record.agent) {
            agent.seen.samples += self.values.floats.len() as u64;
        }
        if window != head.window {
            self.counters.clock_corrected.fetch_add(1, Relaxed);
        }
        self.write(record, &head, window, plan)
    }

    fn write(
        &mut self,
        record: &Record<'_>,
        head: &BatchHead<'_>,
        window: Window,
        mut plan: Arc<Plan>,
    ) -> Result<(), Error> {
        loop {
            plan.row(&self.values, &mut self.row);
            match self.store.append(plan.rows(), window.end(), window.interval(), &self.row) {
                Err(weir_store::Error::StaleRows) => match self.resolve(record, head) {
                    Some(again) => plan = again,
                    None => return self.refuse(record),
                },
                outcome => break outcome.map(drop)?,
            }
        }
        let mut written = 0;
        loop {
            let outcome = match plan.sketches(&self.values).nth(written) {
                Some((column, sketch)) => self.store.append_sketch(plan.rows(), column, window.end(), sketch),
                None => break,
            };
            match outcome {
                Err(weir_store::Error::StaleRows) => match self.resolve(record, head) {
                    Some(again) => plan = again,
                    None => return self.refuse(record),
                },
                outcome => {
                    outcome?;
                    written += 1;
                }
            }
        }
        for (series, part) in plan.shared(&self.values) {
            self.shared.merge(window, series, part);
        }
        self.counters.batches.fetch_add(1, Relaxed);
        self.counters.samples.fetch_add(self.values.floats.len() as u64, Relaxed);
        self.counters.folded.fetch_add(plan.folded, Relaxed);
        Ok(())
    }

    /// Writes the accounts that are due.
    pub(crate) fn keep_ledger(&mut self, clock: Timestamp) -> Result<(), Error> {
        while let Some((at, id)) = self.ledger.take_due(clock) {
            if let Some(agent) = self.agents.get_mut(&id) {
                ledger::write(&self.store, id, agent, at)?;
            }
        }
        let ratios = self.ledger.completeness(clock, self.agents.values());
        Ok(ledger::write_completeness(&self.store, clock, ratios)?)
    }

    /// Makes the plan of a layout that is new, or whose idle series the store has forgotten since.
    fn resolve(&mut self, record: &Record<'_>, head: &BatchHead<'_>) -> Option<Arc<Plan>> {
        let layout = self.decoder.layout(head).ok()?;
        let agent = self.agents.get_mut(&record.agent)?;
        agent.learn(&layout);
        self.counters.layouts_resolved.fetch_add(1, Relaxed);
        let grant = agent.grant.clone();
        let judge = self.admission.judge(record.tenant, grant.as_deref(), &mut agent.room, record.received);
        let plan = Arc::new(Plan::new(&self.store, u128::from_be_bytes(record.agent.0), &layout, judge));
        agent.remember(head.layout_id, plan.clone());
        Some(plan)
    }

    /// A batch that passed its seal but not its decoder: a newer version's, or a fault of ours. It is acked and gone.
    fn refuse(&mut self, record: &Record<'_>) -> Result<(), Error> {
        if self.counters.undecodable.fetch_add(1, Relaxed) == 0 {
            let (agent, seq) = (record.agent.to_string(), record.seq);
            tracing::warn!(agent, seq, "a batch cannot be decoded; further ones are counted only");
        }
        Ok(())
    }
}

/// An agent was given a key on other terms.
fn take_grant(agent: &mut Agent, record: &Record<'_>) -> Result<(), Error> {
    let grant = Grant::decode(record.payload).filter(|grant| *grant != Grant::default()).map(Arc::new);
    if agent.grant != grant {
        agent.grant = grant;
        agent.forget_plans();
    }
    Ok(())
}

impl Counters {
    /// Adds what an agent's account has grown by since its last batch.
    fn note_totals(&self, before: &Totals, now: &Totals) {
        let grow = |counter: &std::sync::atomic::AtomicU64, before: u64, now: u64| {
            counter.fetch_add(now.saturating_sub(before), Relaxed);
        };
        grow(&self.agents_acked, before.acked_batches, now.acked_batches);
        grow(&self.agents_resent, before.resent_batches, now.resent_batches);
        grow(&self.agents_dropped, before.dropped_batches, now.dropped_batches);
    }
}
