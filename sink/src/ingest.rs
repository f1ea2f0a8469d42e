//! One record at a time: opened, counted once, and written to the store or merged with what others say.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use weir_queue::Record;
use weir_sample::{Timestamp, Window};
use weir_store::Store;
use weir_wire::{BatchHead, Decoder, SenderId, Totals, Values};

use crate::contents::Contents;
use crate::events::EventLog;
use crate::exchange::Exchange;
use crate::imported::importer::Importer;
use crate::partials::{Partials, write};
use crate::plan::Plan;
use crate::scraped::Claims;
use crate::senders::completeness::{self, Completeness};
use crate::senders::fleet::Counters;
use crate::senders::ledger::{self, Ledger, Owner};
use crate::senders::{Agent, Memory, Senders, Told, up};
use crate::series::{Admission, GENERATION, Grant};
use crate::state::Saved;
use crate::watermark::Keeper;
use crate::{Error, SinkConfig};

/// Everything that a record meets on its way to the store.
pub(crate) struct Ingest {
    pub store: Arc<Store>,
    pub lateness: Duration,
    pub memory: Memory,
    pub senders: Senders,
    pub partials: Partials,
    /// Where shared series belong to several sinks.
    pub exchange: Option<Exchange>,
    pub ledger: Ledger,
    pub decoder: Decoder,
    pub values: Values,
    pub importer: Importer,
    /// Windows of scraped targets that are stored.
    pub claims: Claims,
    pub events: EventLog,
    pub row: Vec<f64>,
    /// When the newest record was received: the sink's clock, so that a replay goes as the first run did. Never ahead of
    /// the time of day, whatever a gateway's clock says or this host's has said.
    pub newest: Timestamp,
    /// The time of day.
    pub now: Timestamp,
    pub completeness: Completeness,
    pub watermarks: Keeper,
    pub counters: Arc<Counters>,
    pub admission: Arc<Admission>,
    /// Of the rules that the plans were made by.
    pub generation: u64,
}

impl Ingest {
    /// Takes up the work where a checkpoint left it.
    pub(crate) fn resume(
        config: &SinkConfig,
        store: Arc<Store>,
        mut saved: Saved,
        exchange: Option<Exchange>,
        events: EventLog,
        counters: Arc<Counters>,
        admission: Arc<Admission>,
    ) -> Self {
        let limits = saved.agents.values().map(|agent| (agent.tenant, agent.limit.len()));
        admission.restore(saved.limits, limits);
        counters.metadata.restore(saved.metadata);
        let ledger = Ledger::resume(saved.agents.iter_mut(), saved.jobs, saved.newest);
        Self {
            store,
            lateness: config.lateness,
            memory: config.memory,
            senders: Senders::resume(saved.agents, saved.forgotten),
            ledger,
            partials: saved.partials,
            exchange,
            decoder: Decoder::new(),
            values: Values::default(),
            importer: Importer::resume(saved.running),
            claims: saved.claims,
            events,
            row: Vec::new(),
            newest: saved.newest,
            now: saved.newest,
            completeness: Completeness::default(),
            watermarks: Keeper::new(config.wait),
            counters,
            admission,
            generation: 0,
        }
    }

    /// Plans made by rules that are no longer in force are made again.
    pub(crate) fn follow_rules(&mut self) {
        let generation = self.admission.generation();
        if generation != self.generation {
            self.generation = generation;
            self.senders.values_mut().for_each(Agent::forget_plans);
            self.importer.places.clear();
        }
    }

    /// Ingests one record, as its kind has it.
    pub(crate) fn record(&mut self, record: &Record<'_>) -> Result<(), Error> {
        self.newest = self.newest.max(record.received).min(self.now);
        match Contents::of(record, &mut self.decoder) {
            Contents::Batch => self.batch(record),
            Contents::Samples(payload) => self.samples(record, payload),
            Contents::OldSamples(payload) => self.old_samples(record, payload),
            Contents::Scrape => self.scrape(record),
            Contents::Metadata(payload) => {
                self.counters.metadata.take(record.tenant, payload, record.received);
                Ok(())
            }
            Contents::Parts => {
                match &mut self.exchange {
                    Some(exchange) => exchange.take(record),
                    None => _ = self.counters.foreign.fetch_add(1, Relaxed),
                }
                Ok(())
            }
            Contents::Foreign => {
                self.counters.foreign.fetch_add(1, Relaxed);
                Ok(())
            }
            Contents::Newer => self.refuse(record),
            Contents::Grant(grant) => {
                self.grant(record, grant);
                Ok(())
            }
        }
    }

    fn batch(&mut self, record: &Record<'_>) -> Result<(), Error> {
        let Ok(head) = self.decoder.head(record.payload) else {
            return self.refuse(record);
        };
        let Some((window, known)) = self.count_once(record, &head) else { return Ok(()) };
        if head.has_events() {
            return self.keep_events(record, &head, window);
        }
        let sender = sender_of(record);
        let Some(plan) = known.or_else(|| self.resolve(record, &head)) else {
            return self.refuse(record);
        };
        if self.decoder.values(&head, &plan.kinds, &mut self.values).is_err() {
            return self.refuse(record);
        }
        if let Some(agent) = self.senders.get_mut(&sender) {
            let samples = self.values.floats.len() as u64;
            self.ledger.record(sender, agent, record.received, |seen| seen.samples += samples);
        }
        if window != head.window {
            self.counters.clock_corrected.fetch_add(1, Relaxed);
        }
        self.write(record, &head, window, plan)
    }

    fn keep_events(&mut self, record: &Record<'_>, head: &BatchHead<'_>, window: Window) -> Result<(), Error> {
        let Ok(events) = self.decoder.events(head) else { return self.refuse(record) };
        let kept = self.events.append(record, window.end(), events)?;
        self.counters.batches.fetch_add(1, Relaxed);
        if self.counters.count_events(kept) {
            let tenant = record.tenant;
            tracing::warn!(tenant, "a tenant's events are over a bound and left out; further ones are counted only");
        }
        Ok(())
    }

    /// The window of a batch that was not counted before, and the plan of its layout if its sender has one. `None`: it
    /// was counted, or may have been.
    fn count_once(&mut self, record: &Record<'_>, head: &BatchHead<'_>) -> Option<(Window, Option<Arc<Plan>>)> {
        let sender = sender_of(record);
        let agent = self.senders.entry(sender);
        agent.hear(record.received, head.window.end());
        if !agent.is_surely_new(head.window) {
            self.counters.too_old.fetch_add(1, Relaxed);
            return None;
        }
        agent.renew(record.received, record.agent.0[15]);
        agent.last_seen = agent.last_seen.max(record.received);
        let (window, ahead) = agent.clock.correct(record.epoch, head.window, record.received);
        let behind = agent.clock.watch(window, record.received, head.totals.spooled_batches);
        ahead.into_iter().chain(behind).for_each(|told| tell(sender, told));
        let Some(seen) = agent.admit(record.epoch, record.seq) else {
            self.counters.duplicates.fetch_add(1, Relaxed);
            self.ledger.record(sender, agent, record.received, |seen| seen.duplicates += 1);
            return None;
        };
        let growth = seen.grow(&head.totals);
        agent.get_on(record.epoch, window, self.watermarks.attended());
        self.counters.count_growth(&growth);
        self.ledger.grow(sender, &growth);
        let is_late = record.received.since(window.end()) > self.lateness;
        self.ledger.record(sender, agent, record.received, |seen| {
            seen.batches += 1;
            seen.late += u64::from(is_late);
        });
        Some((window, agent.plan(head.layout_id)))
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
            let outcome = match plan.histograms(&self.values).nth(written) {
                Some((column, histogram)) => self.store.append_histogram(plan.rows(), column, window.end(), histogram),
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
        let leaves = plan.says_goodbye(&self.values);
        if (leaves || plan.has_shared())
            && let Some(agent) = self.senders.get_mut(&sender_of(record))
        {
            if plan.has_shared() {
                agent.parts_at = record.received;
            }
            if leaves {
                agent.progress.say_goodbye(window.end());
            }
        }
        for (series, part) in plan.shared(&self.values) {
            self.partials.merge(window, series, part, record.received);
        }
        self.counters.batches.fetch_add(1, Relaxed);
        self.counters.samples.fetch_add(self.values.floats.len() as u64, Relaxed);
        self.counters.folded.fetch_add(plan.folded, Relaxed);
        Ok(())
    }

    /// An agent was given a key on other terms.
    fn grant(&mut self, record: &Record<'_>, grant: Option<Grant>) {
        let agent = self.senders.entry(sender_of(record));
        agent.hear(record.received, record.received);
        let grant = grant.filter(|grant| *grant != Grant::default()).map(Arc::new);
        if agent.grant != grant {
            agent.grant = grant;
            agent.forget_plans();
        }
    }

    /// Looks how far everyone is, writes the windows of shared series that nobody has more of, and says who is up.
    pub(crate) fn keep_watermarks(&mut self, clock: Timestamp) -> Result<(), Error> {
        let looked = self.watermarks.look(clock, &mut self.senders);
        if looked {
            for (id, agent) in self.senders.agents_mut() {
                up::tell(&self.store, id, agent, clock)?;
            }
        }
        let complete = self.watermarks.parts_until();
        let Self { partials, exchange, store, .. } = self;
        partials.close(clock, complete, self.lateness, |window, parts| match exchange {
            Some(exchange) => {
                exchange.put(window, parts);
                Ok(())
            }
            None => write(store, window, parts),
        })?;
        let mut open = self.partials.earliest_end();
        if let Some(exchange) = &mut self.exchange {
            // What ended by then and has not begun to fill never will: its late parts go on to the next window.
            let until = complete.max(clock.minus(self.lateness));
            let until = open.map_or(until, |end| until.min(end.minus(Duration::from_millis(1))));
            self.partials.pass(until);
            exchange.keep(clock, self.partials.closed_until(), &self.store)?;
            open = open.min(exchange.earliest_end(clock)).or(open);
        }
        if looked {
            let published = self.watermarks.published(open);
            *self.counters.watermarks.lock().unwrap_or_else(PoisonError::into_inner) = published;
        }
        Ok(())
    }

    /// Writes the accounts that are due.
    pub(crate) fn keep_ledger(&mut self, clock: Timestamp) -> Result<(), Error> {
        while let Some((at, owner)) = self.ledger.pop_due(clock) {
            match owner {
                Owner::Jobs(tenant) => self.ledger.write_jobs(&self.store, tenant, at)?,
                Owner::Agent(id) => {
                    if let Some(agent) = self.senders.get_mut(&id) {
                        ledger::write_agent(&self.store, id, agent, at)?;
                    }
                }
            }
        }
        if !self.completeness.is_due(clock) {
            return Ok(());
        }
        let ratios = self.completeness.record(clock, self.ledger.sums(self.senders.iter()));
        Ok(completeness::write(&self.store, clock, ratios)?)
    }

    /// Forgets who has been silent for long, and before that what is quickly made again.
    pub(crate) fn forget_silent(&mut self) {
        let (now, admission) = (self.newest, &self.admission);
        let gone = self.senders.sweep(now, &self.memory, |agent| {
            agent.forget_plans();
            if now.since(agent.newest) >= GENERATION {
                admission.release(agent.tenant, &mut agent.limit);
            }
        });
        self.claims.sweep(now, self.memory.jobs);
        for (id, mut agent) in gone {
            self.admission.release(agent.tenant, &mut agent.limit);
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
        let agent = self.senders.get_mut(&sender)?;
        agent.learn(&layout);
        self.counters.layouts_resolved.fetch_add(1, Relaxed);
        let grant = agent.grant.clone();
        let judge = self.admission.judge(record.tenant, grant.as_deref(), &mut agent.limit, record.received);
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

pub(crate) fn sender_of(record: &Record<'_>) -> SenderId {
    SenderId { tenant: record.tenant, agent: record.agent }
}

/// Says what has changed of an agent's clock.
fn tell(agent: SenderId, told: Told) {
    match told {
        Told::Ahead(by) => {
            tracing::warn!(%agent, ahead_s = by.as_secs(), "an agent's clock is ahead; its windows are moved back");
        }
        Told::Behind(by) => {
            let behind_s = by.as_secs();
            tracing::warn!(%agent, behind_s, "an agent's clock seems behind: all its windows come late, and none waits");
        }
        Told::BehindNoMore => tracing::info!(%agent, "an agent's windows come in time again"),
    }
}

impl Counters {
    /// Adds what a sender's account has grown by since its last batch.
    fn count_growth(&self, growth: &Totals) {
        self.agents_acked.fetch_add(growth.acked_batches, Relaxed);
        self.agents_resent.fetch_add(growth.resent_batches, Relaxed);
        self.agents_dropped.fetch_add(growth.dropped_batches, Relaxed);
    }
}
