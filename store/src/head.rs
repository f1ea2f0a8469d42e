//! Everything the store knows of its series: identity, index, what is in memory and where the rest lies on disk.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use weir_sample::{Kind, Series};

use crate::Error;
use crate::codec::{Input, Output};
use crate::files::Frames;
use crate::index::Index;
use crate::series::{Body, Sealed, Slot};

/// Where a sealed run lies on disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub block: i64,
    pub start: u64,
    pub size: u32,
    pub first_ts: i64,
    pub last_ts: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Head {
    pub slots: Vec<Slot>,
    pub places: Vec<Vec<Place>>,
    pub names: HashMap<Series, u32>,
    pub index: Index,
    /// Block files by the start of their window.
    pub blocks: BTreeMap<i64, Frames>,
    pub newest_ts: i64,
}

/// Sealed runs are filed by two-hour windows of their last sample.
pub(crate) const BLOCK_MS: i64 = 2 * 3_600 * 1_000;

impl Head {
    /// The id of a series, new or known. The kind is that of its last writer.
    pub(crate) fn resolve(&mut self, series: &Series, kind: Kind) -> u32 {
        if let Some(&id) = self.names.get(series) {
            self.slots[id as usize].kind = kind;
            return id;
        }
        let id = self.slots.len() as u32;
        self.names.insert(series.clone(), id);
        self.index.insert(id, series);
        self.slots.push(Slot::new(series.clone(), kind));
        self.places.push(Vec::new());
        id
    }

    /// Takes note of a run that stands in a block.
    pub(crate) fn place(&mut self, block: i64, start: u64, payload: &[u8]) -> Option<()> {
        let mut input = Input(payload);
        let (id, first_ts, last_ts) = (input.u32()?, input.i64()?, input.i64()?);
        let size = payload.len() as u32;
        self.places.get_mut(id as usize)?.push(Place { block, start, size, first_ts, last_ts });
        self.newest_ts = self.newest_ts.max(last_ts);
        Some(())
    }

    /// Deletes blocks that ended longer ago than `retention`; returns their starts.
    pub(crate) fn retire(&mut self, retention: Duration) -> Vec<i64> {
        let oldest = self.newest_ts - retention.as_millis() as i64;
        let gone: Vec<i64> = self.blocks.keys().copied().filter(|start| start + BLOCK_MS <= oldest).collect();
        for start in &gone {
            self.blocks.remove(start);
        }
        if !gone.is_empty() {
            self.places.iter_mut().for_each(|places| places.retain(|place| !gone.contains(&place.block)));
        }
        gone
    }
}

/// A sealed run as it stands in a block.
pub(crate) fn encode_run(id: u32, run: &Sealed) -> Vec<u8> {
    let mut out = Output::default();
    out.u32(id);
    out.i64(run.first_ts);
    out.i64(run.last_ts);
    match &run.body {
        Body::Floats(count, bytes) => {
            out.u8(0);
            out.u32(*count);
            out.block(bytes);
        }
        Body::Sketches(sketches) => {
            out.u8(1);
            out.u32(sketches.len() as u32);
            for (ts, sketch) in sketches {
                out.i64(*ts);
                out.sketch(sketch);
            }
        }
    }
    out.0
}

pub(crate) fn decode_run(payload: &[u8]) -> Option<Sealed> {
    let mut input = Input(payload);
    let (_, first_ts, last_ts) = (input.u32()?, input.i64()?, input.i64()?);
    let (form, count) = (input.u8()?, input.u32()?);
    let body = match form {
        0 => Body::Floats(count, input.block()?.to_vec()),
        1 => Body::Sketches((0..count).map(|_| Some((input.i64()?, input.sketch()?))).collect::<Option<_>>()?),
        _ => return None,
    };
    Some(Sealed { first_ts, last_ts, body })
}

/// A series as it stands in the series file.
pub(crate) fn encode_name(series: &Series, kind: Kind) -> Vec<u8> {
    let mut out = Output::default();
    out.u8(kind as u8);
    out.block(series.key().as_bytes());
    out.0
}

pub(crate) fn decode_name(payload: &[u8]) -> Option<(Series, Kind)> {
    let mut input = Input(payload);
    let kind = Kind::from_u8(input.u8()?)?;
    Some((Series::from_key(input.text()?)?, kind))
}

/// The block that a run belongs to.
pub(crate) fn block_of(run: &Sealed) -> i64 {
    run.last_ts - run.last_ts.rem_euclid(BLOCK_MS)
}

pub(crate) type Result<T> = std::result::Result<T, Error>;
