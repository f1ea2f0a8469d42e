//! The sink's saved state, byte by byte: where in the queue it stood, what it had counted, which windows were open.
//!
//! Little-endian; a block is its length (u32) and its bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use weir_queue::Checkpoint;
use weir_sample::{Series, Timestamp, Window};
use weir_wire::{AgentId, Batch, Encoder, Epoch, SeenWindow, SenderId, Totals, decode as decode_batch};

use crate::Error;
use crate::contents::grant_in_batch;
use crate::events;
use crate::exchange::{Exchange, Heard, SavedExchange, Way};
use crate::imported::running::Running;
use crate::partials::{Open, Part, Partials};
use crate::scraped::Claims;
use crate::senders::ledger::Jobs;
use crate::senders::progress::Progress;
use crate::senders::{Account, Agent, EpochSeen, Forgotten, Received, Senders};
use crate::series::{Grant, Limit};
use crate::told::Catalogue;

/// Since 13 it has what senders tell of metrics.
const VERSION: u8 = 13;
/// Since 12 it has the lengths of files of events.
const BEFORE_METADATA: u8 = 12;
/// Since 11 it has which windows of scraped targets are stored.
const BEFORE_EVENTS: u8 = 11;
/// Since 10 it has running totals of what is sent as differences.
const BEFORE_CLAIMS: u8 = 10;
/// Since 9 it has what sinks tell each other of shared series.
const BEFORE_RUNNING: u8 = 9;
/// Since 8 it says how far each sender is.
const BEFORE_EXCHANGE: u8 = 8;
/// Since 7 two senders may have one id, each with a tenant of its own.
const BEFORE_PROGRESS: u8 = 7;
/// The version before: grants in it have the form that [`grant_in_batch`] reads.
const GRANTS_IN_BATCHES: u8 = 6;

/// What a checkpoint brings back.
pub(crate) struct Saved {
    pub queue: Checkpoint,
    pub agents: HashMap<SenderId, Agent>,
    pub forgotten: Forgotten,
    pub jobs: BTreeMap<u32, Jobs>,
    /// Where shared series were let in, by tenant.
    pub limits: Vec<(u32, Limit)>,
    pub partials: Partials,
    pub newest: Timestamp,
    pub exchange: SavedExchange,
    pub running: Running,
    pub claims: Claims,
    pub events: events::Saved,
    pub metadata: Catalogue,
}

/// All but what [`append`] puts behind it.
pub(crate) fn encode(
    queue: &Checkpoint,
    senders: &Senders,
    jobs: &BTreeMap<u32, Jobs>,
    limits: &[(u32, Vec<u8>)],
    partials: &Partials,
    newest: Timestamp,
    exchange: Option<&Exchange>,
) -> Vec<u8> {
    let mut out = vec![VERSION];
    block(&mut out, &queue.encode());
    out.extend(newest.0.to_le_bytes());
    encode_partials(&mut out, partials);
    let Forgotten { agents, jobs: of_jobs } = senders.forgotten();
    [agents, of_jobs].iter().for_each(|until| out.extend(until.0.to_le_bytes()));
    out.extend((jobs.len() as u32).to_le_bytes());
    for (tenant, Jobs { totals, account }) in jobs {
        out.extend(tenant.to_le_bytes());
        block(&mut out, &totals.encode());
        encode_received(&mut out, &account.seen);
    }
    out.extend((limits.len() as u32).to_le_bytes());
    for (tenant, limit) in limits {
        out.extend(tenant.to_le_bytes());
        block(&mut out, limit);
    }
    out.extend((senders.len() as u32).to_le_bytes());
    senders.iter().for_each(|(id, agent)| encode_agent(&mut out, id, agent));
    out.push(u8::from(exchange.is_some()));
    exchange.into_iter().for_each(|exchange| encode_exchange(&mut out, exchange));
    out
}

/// Running totals, windows of scraped targets, and what is told of metrics. What is known of events follows.
pub(crate) fn append(out: &mut Vec<u8>, running: &Running, claims: &Claims, metadata: &Catalogue) {
    let (mut totals, mut windows, mut told) = (Vec::new(), Vec::new(), Vec::new());
    running.encode(&mut totals);
    claims.encode(&mut windows);
    metadata.encode(&mut told);
    [totals, windows, told].iter().for_each(|bytes| block(out, bytes));
}

/// Reads what [`encode`] and [`append`] wrote; no bytes at all are a first start.
pub(crate) fn decode(bytes: &[u8]) -> Result<Saved, Error> {
    let mut saved = Saved {
        queue: Checkpoint::default(),
        agents: HashMap::new(),
        forgotten: Forgotten::default(),
        jobs: BTreeMap::new(),
        limits: Vec::new(),
        partials: Partials::default(),
        newest: Timestamp::default(),
        exchange: SavedExchange::default(),
        running: Running::default(),
        claims: Claims::default(),
        events: events::Saved::default(),
        metadata: Catalogue::default(),
    };
    if bytes.is_empty() {
        return Ok(saved);
    }
    let mut input = Input(bytes);
    let [version] = input.array()?;
    let read_grant = match version {
        VERSION | BEFORE_METADATA | BEFORE_EVENTS | BEFORE_CLAIMS | BEFORE_RUNNING | BEFORE_EXCHANGE
        | BEFORE_PROGRESS => Grant::decode,
        GRANTS_IN_BATCHES => grant_in_batch,
        _ => return Err(Error::State("version")),
    };
    saved.queue = Checkpoint::decode(input.block()?)?;
    saved.newest = input.timestamp()?;
    saved.partials = decode_partials(&mut input)?;
    saved.forgotten = Forgotten { agents: input.timestamp()?, jobs: input.timestamp()? };
    for _ in 0..input.u32()? {
        let tenant = input.u32()?;
        let totals = Totals::decode(input.block()?).map_err(|_| Error::State("totals"))?;
        let account = Account { seen: decode_received(&mut input)?, ..Account::default() };
        saved.jobs.insert(tenant, Jobs { totals, account });
    }
    for _ in 0..input.u32()? {
        saved.limits.push((input.u32()?, decode_limit(&mut input)?));
    }
    for _ in 0..input.u32()? {
        let (id, mut agent) = decode_agent(&mut input, read_grant)?;
        if version >= BEFORE_EXCHANGE {
            agent.progress = Progress::resume(input.timestamp()?);
        }
        saved.agents.insert(id, agent);
    }
    if version >= BEFORE_RUNNING && input.array()? == [1] {
        saved.exchange = decode_exchange(&mut input)?;
    }
    decode_appended(&mut input, version, &mut saved)?;
    Ok(saved)
}

/// Reads what [`append`] wrote, and what is known of events.
fn decode_appended(input: &mut Input<'_>, version: u8, saved: &mut Saved) -> Result<(), Error> {
    let totals = match version {
        VERSION | BEFORE_METADATA | BEFORE_EVENTS => input.block()?,
        BEFORE_CLAIMS => input.0,
        _ => return Ok(()),
    };
    saved.running = Running::decode(totals).ok_or(Error::State("running totals"))?;
    let claims = match version {
        VERSION | BEFORE_METADATA => input.block()?,
        BEFORE_EVENTS => input.0,
        _ => return Ok(()),
    };
    saved.claims = Claims::decode(claims).ok_or(Error::State("windows of targets"))?;
    if version == VERSION {
        saved.metadata = Catalogue::decode(input.block()?).ok_or(Error::State("what is told of metrics"))?;
    }
    if version >= BEFORE_METADATA {
        saved.events = events::Saved::decode(input.0).ok_or(Error::State("events"))?;
    }
    Ok(())
}

fn encode_partials(out: &mut Vec<u8>, partials: &Partials) {
    out.extend(partials.closed_until().0.to_le_bytes());
    let payloads: usize = partials.open().values().map(|parts| parts.len().div_ceil(PART_SERIES)).sum();
    out.extend((payloads as u32).to_le_bytes());
    partials.open().iter().for_each(|(window, parts)| encode_window(out, *window, parts));
}

fn decode_partials(input: &mut Input<'_>) -> Result<Partials, Error> {
    let closed_until = input.timestamp()?;
    let mut open = Open::new();
    for _ in 0..input.u32()? {
        decode_window(input, &mut open)?;
    }
    Ok(Partials::resume(closed_until, open))
}

fn encode_exchange(out: &mut Vec<u8>, Exchange { outbox, gathered, .. }: &Exchange) {
    out.extend(outbox.epoch.0.to_le_bytes());
    out.extend((outbox.ways.len() as u32).to_le_bytes());
    for way in &outbox.ways {
        out.extend(way.next.to_le_bytes());
        out.extend((way.entries.len() as u32).to_le_bytes());
        for (number, payload) in &way.entries {
            out.extend(number.to_le_bytes());
            block(out, payload);
        }
    }
    out.extend((gathered.heard.len() as u32).to_le_bytes());
    for (id, heard) in &gathered.heard {
        out.extend(id.0);
        out.extend(heard.epoch.0.to_le_bytes());
        block(out, &heard.seen.encode());
        [heard.until, heard.before].iter().for_each(|time| out.extend(time.0.to_le_bytes()));
    }
    encode_partials(out, &gathered.partials);
}

fn decode_exchange(input: &mut Input<'_>) -> Result<SavedExchange, Error> {
    let epoch = |input: &mut Input<'_>| input.array().map(|bytes| Epoch(u64::from_le_bytes(bytes)));
    let mut saved = SavedExchange { epoch: epoch(input)?, ..SavedExchange::default() };
    for _ in 0..input.u32()? {
        let mut way = Way::default();
        way.next = input.array().map(u64::from_le_bytes)?;
        for _ in 0..input.u32()? {
            let number = input.array().map(u64::from_le_bytes)?;
            way.entries.push_back((number, input.block()?.to_vec()));
        }
        saved.ways.push(way);
    }
    for _ in 0..input.u32()? {
        let (id, epoch) = (AgentId(input.array()?), epoch(input)?);
        let seen = SeenWindow::decode(input.block()?).map_err(|_| Error::State("seen window"))?;
        let heard = Heard { epoch, seen, until: input.timestamp()?, before: input.timestamp()? };
        saved.gathered.heard.insert(id, heard);
    }
    saved.gathered.partials = decode_partials(input)?;
    Ok(saved)
}

/// An open window is kept in the form of batches, each followed by the times of its points, in order of series.
fn encode_window(out: &mut Vec<u8>, window: Window, parts: &HashMap<Series, Part>) {
    let (mut encoder, mut parts) = (Encoder::new(), parts.iter().collect::<Vec<_>>());
    parts.sort_by(|a, b| a.0.cmp(b.0));
    for parts in parts.chunks(PART_SERIES) {
        let points = parts.iter().map(|(series, part)| ((*series).clone(), part.value.clone())).collect();
        let batch = Batch { window, totals: Totals::default(), points };
        // Without a bound on its size a batch is one payload.
        encoder.encode(&batch, usize::MAX).0.iter().for_each(|payload| block(out, payload));
        parts.iter().for_each(|(_, part)| out.extend(part.at.0.to_le_bytes()));
    }
}

fn decode_window(input: &mut Input<'_>, open: &mut Open) -> Result<(), Error> {
    let batch = decode_batch(input.block()?).map_err(|_| Error::State("open window"))?;
    let parts = open.entry(batch.window).or_default();
    for (series, value) in batch.points {
        parts.insert(series, Part { value, at: input.timestamp()? });
    }
    Ok(())
}

/// Series that one part of an open window holds: a batch has bounds of its own.
const PART_SERIES: usize = 1_000;

fn encode_agent(out: &mut Vec<u8>, id: &SenderId, agent: &Agent) {
    out.extend(id.agent.0);
    out.extend(id.tenant.to_le_bytes());
    [agent.last_seen, agent.newest, agent.doubtful_until].iter().for_each(|time| out.extend(time.0.to_le_bytes()));
    block(out, &agent.grant.as_ref().map(|grant| grant.encode()).unwrap_or_default());
    block(out, &agent.limit.encode());
    block(out, agent.host.as_bytes());
    block(out, agent.pool.as_bytes());
    encode_received(out, &agent.account.seen);
    out.push(agent.epochs.len() as u8);
    for seen in &agent.epochs {
        out.extend(seen.epoch.0.to_le_bytes());
        block(out, &seen.window.encode());
        block(out, &seen.totals.encode());
    }
    out.extend(agent.progress.applied().0.to_le_bytes());
}

fn decode_agent(input: &mut Input<'_>, read_grant: fn(&[u8]) -> Option<Grant>) -> Result<(SenderId, Agent), Error> {
    let (agent, tenant) = (AgentId(input.array()?), input.u32()?);
    let id = SenderId { tenant, agent };
    let mut agent = Agent::new(tenant, Timestamp::default());
    (agent.last_seen, agent.newest, agent.doubtful_until) =
        (input.timestamp()?, input.timestamp()?, input.timestamp()?);
    agent.grant = read_grant(input.block()?).map(Arc::new);
    agent.limit = decode_limit(input)?;
    agent.host = input.text()?.into();
    agent.pool = input.text()?.into();
    agent.account.seen = decode_received(input)?;
    let [epochs] = input.array()?;
    for _ in 0..epochs {
        let epoch = Epoch(u64::from_le_bytes(input.array()?));
        let window = SeenWindow::decode(input.block()?).map_err(|_| Error::State("seen window"))?;
        let totals = Totals::decode(input.block()?).map_err(|_| Error::State("totals"))?;
        agent.epochs.push(EpochSeen { epoch, window, totals });
    }
    Ok((id, agent))
}

fn decode_limit(input: &mut Input<'_>) -> Result<Limit, Error> {
    Limit::decode(input.block()?).ok_or(Error::State("limit"))
}

fn encode_received(out: &mut Vec<u8>, seen: &Received) {
    let Received { samples, batches, duplicates, late } = seen;
    [samples, batches, duplicates, late].iter().for_each(|figure| out.extend(figure.to_le_bytes()));
}

fn decode_received(input: &mut Input<'_>) -> Result<Received, Error> {
    let mut figure = || input.array().map(u64::from_le_bytes);
    Ok(Received { samples: figure()?, batches: figure()?, duplicates: figure()?, late: figure()? })
}

fn block(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend(bytes);
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (head, rest) = self.0.split_first_chunk().ok_or(Error::State("cut short"))?;
        self.0 = rest;
        Ok(*head)
    }

    fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    fn timestamp(&mut self) -> Result<Timestamp, Error> {
        self.array().map(|bytes| Timestamp(i64::from_le_bytes(bytes)))
    }

    fn text(&mut self) -> Result<&'a str, Error> {
        std::str::from_utf8(self.block()?).map_err(|_| Error::State("text"))
    }

    fn block(&mut self) -> Result<&'a [u8], Error> {
        let size = self.u32()? as usize;
        let (head, rest) = self.0.split_at_checked(size).ok_or(Error::State("cut short"))?;
        self.0 = rest;
        Ok(head)
    }
}
