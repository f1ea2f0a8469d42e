//! The sink's saved state, byte by byte: where in the queue it stood, what it had counted, which windows were open.
//!
//! Little-endian; a block is its length (u32) and its bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use weir_queue::Checkpoint;
use weir_sample::{Timestamp, Window};
use weir_wire::{AgentId, Batch, Encoder, Epoch, SeenWindow, Totals, decode as decode_batch};

use crate::Error;
use crate::admission::Grant;
use crate::agents::{Agent, EpochSeen};
use crate::ledger::Received;
use crate::shared::Shared;

const VERSION: u8 = 4;

/// What a checkpoint brings back.
pub(crate) struct Saved {
    pub queue: Checkpoint,
    pub agents: HashMap<AgentId, Agent>,
    pub shared: Shared,
    pub newest: Timestamp,
}

pub(crate) fn encode(
    queue: &Checkpoint,
    agents: &HashMap<AgentId, Agent>,
    shared: &Shared,
    newest: Timestamp,
) -> Vec<u8> {
    let mut out = vec![VERSION];
    block(&mut out, &queue.encode());
    out.extend(newest.0.to_le_bytes());
    out.extend(shared.closed_until().0.to_le_bytes());
    let windows: Vec<Vec<u8>> =
        shared.open().iter().flat_map(|(window, parts)| encode_window(*window, parts)).collect();
    out.extend((windows.len() as u32).to_le_bytes());
    windows.iter().for_each(|window| block(&mut out, window));
    out.extend((agents.len() as u32).to_le_bytes());
    for (id, agent) in agents {
        encode_agent(&mut out, id, agent);
    }
    out
}

/// Reads what [`encode`] wrote; no bytes at all are a first start.
pub(crate) fn decode(bytes: &[u8]) -> Result<Saved, Error> {
    let mut saved = Saved {
        queue: Checkpoint::default(),
        agents: HashMap::new(),
        shared: Shared::default(),
        newest: Timestamp::default(),
    };
    if bytes.is_empty() {
        return Ok(saved);
    }
    let mut input = Input(bytes);
    if input.array()? != [VERSION] {
        return Err(Error::State("version"));
    }
    saved.queue = Checkpoint::decode(input.block()?)?;
    saved.newest = Timestamp(i64::from_le_bytes(input.array()?));
    let closed_until = Timestamp(i64::from_le_bytes(input.array()?));
    let mut open = BTreeMap::<Window, HashMap<_, _>>::new();
    for _ in 0..input.u32()? {
        let batch = decode_batch(input.block()?).map_err(|_| Error::State("open window"))?;
        open.entry(batch.window).or_default().extend(batch.points);
    }
    saved.shared = Shared::resume(closed_until, open);
    for _ in 0..input.u32()? {
        let (id, agent) = decode_agent(&mut input)?;
        saved.agents.insert(id, agent);
    }
    Ok(saved)
}

/// An open window is kept in the form of a batch.
fn encode_window(window: Window, parts: &HashMap<weir_sample::Series, weir_sample::Value>) -> Vec<Vec<u8>> {
    let points: Vec<_> = parts.iter().map(|(series, value)| (series.clone(), value.clone())).collect();
    let mut encoder = Encoder::new();
    let parts =
        points.chunks(PART_SERIES).map(|points| Batch { window, totals: Totals::default(), points: points.to_vec() });
    parts.flat_map(|part| encoder.encode(&part, usize::MAX).0).collect()
}

/// Series that one part of an open window holds: a batch has bounds of its own.
const PART_SERIES: usize = 1_000;

fn encode_agent(out: &mut Vec<u8>, id: &AgentId, agent: &Agent) {
    out.extend(id.0);
    out.extend(agent.tenant.to_le_bytes());
    out.extend(agent.last_seen.0.to_le_bytes());
    block(out, &agent.grant.as_ref().map(|grant| grant.encode()).unwrap_or_default());
    block(out, agent.host.as_bytes());
    block(out, agent.pool.as_bytes());
    let Received { samples, batches, duplicates, late } = agent.seen;
    [samples, batches, duplicates, late].iter().for_each(|figure| out.extend(figure.to_le_bytes()));
    out.push(agent.epochs.len() as u8);
    for seen in &agent.epochs {
        out.extend(seen.epoch.0.to_le_bytes());
        block(out, &seen.window.encode());
        block(out, &seen.totals.encode());
    }
}

fn decode_agent(input: &mut Input<'_>) -> Result<(AgentId, Agent), Error> {
    let id = AgentId(input.array()?);
    let mut agent = Agent::new(input.u32()?);
    agent.last_seen = Timestamp(i64::from_le_bytes(input.array()?));
    agent.grant = Grant::decode(input.block()?).map(Arc::new);
    agent.host = input.text()?.into();
    agent.pool = input.text()?.into();
    let mut figure = || input.array().map(u64::from_le_bytes);
    agent.seen = Received { samples: figure()?, batches: figure()?, duplicates: figure()?, late: figure()? };
    agent.is_due = true;
    let [epochs] = input.array()?;
    for _ in 0..epochs {
        let epoch = Epoch(u64::from_le_bytes(input.array()?));
        let window = SeenWindow::decode(input.block()?).map_err(|_| Error::State("seen window"))?;
        let totals = Totals::decode(input.block()?).map_err(|_| Error::State("totals"))?;
        agent.epochs.push(EpochSeen { epoch, window, totals });
    }
    Ok((id, agent))
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
