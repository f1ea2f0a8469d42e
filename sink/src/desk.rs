//! One record at a time: opened, counted once, and written to the store or merged with what others say.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use weir_queue::Record;
use weir_sample::{Timestamp, Window};
use weir_store::Store;
use weir_wire::{BatchHead, Decoder, SenderId, Totals, Values};

use crate::admission::{Admission, GENERATION, Grant};
use crate::agents::Agent;
use crate::completeness::{self, Completeness};
use crate::fleet::Counters;
use crate::imported;
use crate::ledger::{self, Ledger, Owner};
use crate::plan::Plan;
use crate::roster::{Memory, Roster};
use crate::shared::Shared;
use crate::state::Saved;
use crate::{Error, SinkConfig};

/// Everything that a record meets on its way to the store.
pub(crate) struct Desk {
    pub store: Arc<Store>,
    pub lateness: Duration,
    pub memory: Memory,
    pub roster: Roster,
    pub shared: Shared,
    pub ledger: Ledger,
    pub decoder: Decoder,
    pub values: Values,
    pub row: Vec<f64>,
    /// When the newest record was received: the sink's clock, so that a replay goes as the first run did.
    pub newest: Timestamp,
    pub completeness: Completeness,
    pub counters: Arc<Counters>,
    pub admission: Arc<Admission>,
    /// Of the rules that the plans were made by.
    pub generation: u64,
}

impl Desk {
    /// Takes up the work where a checkpoint left it.
    pub(crate) fn resume(config: &SinkConfig, store: Arc<Store>, mut saved: Saved) -> Self {
        let rooms = saved.agents.values().map(|agent| (agent.tenant, agent.room.len()));
        let admission = Arc::new(Admission::resume(saved.rooms, rooms));
        let ledger = Ledger::resume(saved.agents.iter_mut(), saved.jobs, saved.newest);
        Self {
            store,
            lateness: config.lateness,
            memory: config.memory,
            roster: Roster::resume(saved.agents, saved.forgotten),
            ledger,
            shared: saved.shared,
            decoder: Decoder::new(),
            values: Values::default(),
            row: Vec::new(),
            newest: saved.newest,
            completeness: Completeness::default(),
            counters: Arc::default(),
            admission,
            generation: 0,
        }
    }

    /// Plans made by rules that are no longer in force are made again.
    pub(crate) fn follow_rules(&mut self) {
        let generation = self.admission.generation();
        if generation != self.generation {
            self.generation = generation;
            self.roster.values_mut().for_each(Agent::forget_plans);
        }
    }

    pub(crate) fn take(&mut self, record: &Record<'_>) -> Result<(), Error> {
        self.newest = self.newest.max(record.received);
        if let Some(payload) = imported::behind_mark(record) {
            return self.take_imported(record, payload);
        }
        let Ok(head) = self.decoder.head(record.payload) else {
            return self.refuse(record);
        };
        let sender = sender_of(record);
        let agent = self.roster.meet(sender);
        agent.hear(record.received, head.window.end());
        if Grant::is_in(&head) {
            return take_grant(agent, record);
        }
        if !agent.is_surely_new(head.window) {
            self.counters.too_old.fetch_add(1, Relaxed);
            return Ok(());
        }
        agent.renew(record.received, record.agent.0[15]);
        agent.last_seen = agent.last_seen.max(record.received);
        let before = agent.clock_ahead;
        let window = agent.corrected(head.window, record.received);
        if agent.clock_ahead > before {
            let ahead_s = agent.clock_ahead.as_secs();
            tracing::warn!(agent = %sender, ahead_s, "an agent's clock is ahead; its windows are moved back");
        }
        let Some(seen) = agent.admit(record.epoch, record.seq) else {
            self.counters.duplicates.fetch_add(1, Relaxed);
            self.ledger.note(sender, agent, record.received, |seen| seen.duplicates += 1);
            return Ok(());
        };
        let growth = ledger::growth(&seen.totals, &head.totals);
        if head.totals.sealed_batches >= seen.totals.sealed_batches {
            seen.totals = head.totals;
        }
        self.counters.note_growth(&growth);
        self.ledger.grow(sender, &growth);
        let is_late = record.received.since(window.end()) > self.lateness;
        self.ledger.note(sender, agent, record.received, |seen| {
            seen.batches += 1;
            seen.late += u64::from(is_late);
        });
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
        if let Some(agent) = self.roster.get_mut(&sender) {
            let samples = self.values.floats.len() as u64;
            self.ledger.note(sender, agent, record.received, |seen| seen.samples += samples);
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
            self.shared.merge(window, series, part, record.received);
        }
        self.counters.batches.fetch_add(1, Relaxed);
        self.counters.samples.fetch_add(self.values.floats.len() as u64, Relaxed);
        self.counters.folded.fetch_add(plan.folded, Relaxed);
        Ok(())
    }

    /// Writes the accounts that are due.
    pub(crate) fn keep_ledger(&mut self, clock: Timestamp) -> Result<(), Error> {
        while let Some((at, owner)) = self.ledger.take_due(clock) {
            match owner {
                Owner::Jobs(tenant) => self.ledger.write_jobs(&self.store, tenant, at)?,
                Owner::Agent(id) => {
                    if let Some(agent) = self.roster.get_mut(&id) {
                        ledger::write_agent(&self.store, id, agent, at)?;
                    }
                }
            }
        }
        if !self.completeness.is_due(clock) {
            return Ok(());
        }
        let ratios = self.completeness.note(clock, self.ledger.sums(self.roster.iter()));
        Ok(completeness::write(&self.store, clock, ratios)?)
    }

    /// Forgets who has been silent for long, and before that what is quickly made again.
    pub(crate) fn forget_silent(&mut self) {
        let (now, admission) = (self.newest, &self.admission);
        let gone = self.roster.sweep(now, &self.memory, |agent| {
            agent.forget_plans();
            if now.since(agent.newest) >= GENERATION {
                admission.release(agent.tenant, &mut agent.room);
            }
        });
        for (id, mut agent) in gone {
            self.admission.release(agent.tenant, &mut agent.room);
            match id.is_job() {
                true => self.counters.jobs_forgotten.fetch_add(1, Relaxed),
                false => {
                    self.completeness.forget(&agent.group(), agent.samples());
                    self.counters.agents_forgotten.fetch_add(1, Relaxed)
                }
            };
        }
    }

    /// Makes the plan of a layout that is new, or whose idle series the store has forgotten since.
    fn resolve(&mut self, record: &Record<'_>, head: &BatchHead<'_>) -> Option<Arc<Plan>> {
        let layout = self.decoder.layout(head).ok()?;
        let sender = sender_of(record);
        let agent = self.roster.get_mut(&sender)?;
        agent.learn(&layout);
        self.counters.layouts_resolved.fetch_add(1, Relaxed);
        let grant = agent.grant.clone();
        let judge = self.admission.judge(record.tenant, grant.as_deref(), &mut agent.room, record.received);
        let plan = Arc::new(Plan::new(&self.store, sender.number(), &layout, judge));
        agent.remember(head.layout_id, plan.clone());
        Some(plan)
    }

    /// A batch that passed its seal but not its decoder: a newer version's, or a fault of ours. It is acked and gone.
    pub(crate) fn refuse(&mut self, record: &Record<'_>) -> Result<(), Error> {
        if self.counters.undecodable.fetch_add(1, Relaxed) == 0 {
            let (agent, seq) = (sender_of(record).to_string(), record.seq);
            tracing::warn!(agent, seq, "a batch cannot be decoded; further ones are counted only");
        }
        Ok(())
    }
}

fn sender_of(record: &Record<'_>) -> SenderId {
    SenderId { tenant: record.tenant, agent: record.agent }
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
    /// Adds what a sender's account has grown by since its last batch.
    fn note_growth(&self, growth: &Totals) {
        self.agents_acked.fetch_add(growth.acked_batches, Relaxed);
        self.agents_resent.fetch_add(growth.resent_batches, Relaxed);
        self.agents_dropped.fetch_add(growth.dropped_batches, Relaxed);
    }
}
