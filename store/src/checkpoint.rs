//! The one file that says what the store is: how much of every other file counts, what was in memory, and the state
//! that the sink saved with it.

use std::collections::BTreeMap;
use std::path::Path;

use crc32c::crc32c;

use crate::Error;
use crate::chunk::OpenChunk;
use crate::codec::{Input, Output};
use crate::files;
use crate::head::{Head, Result};
use crate::series::Slot;

const VERSION: u8 = 1;

/// What a checkpoint names.
#[derive(Debug, Default)]
pub(crate) struct Checkpoint {
    pub names_length: u64,
    /// Block start → length.
    pub blocks: BTreeMap<i64, u64>,
    pub sink_state: Vec<u8>,
    memory: Vec<u8>,
}

impl Checkpoint {
    pub(crate) fn of(head: &Head, names_length: u64, sink_state: &[u8]) -> Self {
        let mut memory = Output::default();
        head.slots.iter().for_each(|slot| put_slot(&mut memory, slot));
        let blocks = head.blocks.iter().map(|(start, frames)| (*start, frames.length())).collect();
        Self { names_length, blocks, sink_state: sink_state.to_vec(), memory: memory.0 }
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut out = Output::default();
        out.u8(VERSION);
        out.i64(self.names_length as i64);
        out.u32(self.blocks.len() as u32);
        for (start, length) in &self.blocks {
            out.i64(*start);
            out.i64(*length as i64);
        }
        out.block(&self.sink_state);
        out.block(&self.memory);
        let crc = crc32c(&out.0);
        out.u32(crc);
        files::replace(path, &out.0)
    }

    /// Reads the checkpoint; a missing file is an empty store.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.map_err(Error::io("read", path))?,
        };
        Self::decode(&bytes).ok_or_else(|| Error::Damaged { path: path.into(), problem: "checksum or version" })
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, crc) = bytes.split_last_chunk()?;
        if crc32c(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        let mut input = Input(body);
        if input.u8()? != VERSION {
            return None;
        }
        let names_length = input.i64()? as u64;
        let blocks = (0..input.u32()?).map(|_| Some((input.i64()?, input.i64()? as u64))).collect::<Option<_>>()?;
        Some(Self { names_length, blocks, sink_state: input.block()?.to_vec(), memory: input.block()?.to_vec() })
    }

    /// Puts what was in memory back into the slots, which stand in the same order.
    pub(crate) fn restore(&self, head: &mut Head) -> Option<()> {
        let mut input = Input(&self.memory);
        for slot in &mut head.slots {
            take_slot(&mut input, slot)?;
            head.newest_ts = head.newest_ts.max(slot.newest.map_or(0, |(ts, _)| ts));
        }
        input.0.is_empty().then_some(())
    }
}

fn put_slot(out: &mut Output, slot: &Slot) {
    out.u8(u8::from(slot.newest.is_some()));
    if let Some((ts, value)) = slot.newest {
        out.i64(ts);
        out.f64(value);
    }
    let (count, first_ts, last_ts, last_delta, last_value, edges) = slot.open.state();
    out.u32(count);
    if count > 0 {
        [first_ts, last_ts, last_delta, last_value as i64].into_iter().for_each(|number| out.i64(number));
        edges.into_iter().for_each(|edge| out.u8(edge));
        out.block(slot.open.bytes());
    }
    out.u32(slot.late.len() as u32);
    for (ts, value) in &slot.late {
        out.i64(*ts);
        out.f64(*value);
    }
    out.u32(slot.sketches.len() as u32);
    for (ts, sketch) in &slot.sketches {
        out.i64(*ts);
        out.sketch(sketch);
    }
}

fn take_slot(input: &mut Input<'_>, slot: &mut Slot) -> Option<()> {
    slot.newest = match input.u8()? {
        0 => None,
        _ => Some((input.i64()?, input.f64()?)),
    };
    let count = input.u32()?;
    if count > 0 {
        let state = (count, input.i64()?, input.i64()?, input.i64()?, input.i64()? as u64, input.array()?);
        slot.open = OpenChunk::resume(input.block()?.to_vec(), state);
    }
    slot.late = (0..input.u32()?).map(|_| Some((input.i64()?, input.f64()?))).collect::<Option<_>>()?;
    slot.sketches = (0..input.u32()?).map(|_| Some((input.i64()?, input.sketch()?))).collect::<Option<_>>()?;
    Some(())
}
