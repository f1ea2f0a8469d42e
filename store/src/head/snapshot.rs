//! Groups as bytes, for checkpoints.

use weir_sample::Kind;

use super::group::{Group, Row};
use super::histograms::OpenHistograms;
use super::late::Late;
use super::segment::{self, COLUMNS, ROWS, Seen};
use super::shard::{Agent, Shard};
use crate::bytes::{Input, put_block, put_signed, put_varint};
use crate::codec::{frame, histogram};
use crate::error::Damaged;
use crate::index::{Index, SetId};

/// Appends everything a shard holds in memory.
pub(crate) fn encode_shard(out: &mut Vec<u8>, shard: &Shard) {
    put_varint(out, u64::from(shard.seal_at));
    put_varint(out, shard.groups.len() as u64);
    put_varint(out, shard.agents.len() as u64);
    for (id, agent) in &shard.agents {
        out.extend_from_slice(&id.to_le_bytes());
        put_varint(out, agent.slots.len() as u64);
        for &slot in &agent.slots {
            put_varint(out, u64::from(slot));
            if let Some(group) = shard.group(slot as usize) {
                encode_group(out, group);
            }
        }
    }
}

impl Shard {
    /// Codes the shard for the cut that wants it as it is now, if there is one.
    pub(crate) fn code_cut(&mut self) {
        if let Some(cut) = self.uncut.take() {
            let mut coded = Vec::new();
            encode_shard(&mut coded, self);
            self.coded = Some((cut, coded));
        }
    }
}

/// Reads what [`encode_shard`] wrote and adds its series to the index.
pub(crate) fn decode_shard(input: &mut Input<'_>, number: u32, index: &mut Index) -> Result<Shard, Damaged> {
    let mut shard = Shard { number, seal_at: input.varint()? as u32, ..Shard::default() };
    let slots = input.varint()? as usize;
    let agents = input.count(17)?;
    for _ in 0..agents {
        let id = input.u128()?;
        let mut agent = Agent::default();
        for _ in 0..input.count(1)? {
            let slot = input.varint()? as u32;
            if slot as usize >= slots {
                return Err(Damaged("slot of a group"));
            }
            let group = decode_group(input, index)?;
            if shard.groups.len() <= slot as usize {
                shard.groups.resize_with(slot as usize + 1, || None);
            }
            index.add_group(shard.id(slot), group.common);
            group.tails.iter().for_each(|&tail| index.add_series(shard.id(slot), tail));
            shard.groups[slot as usize] = Some(group);
            agent.slots.push(slot);
        }
        shard.agents.insert(id, agent);
    }
    shard.free = (0..shard.groups.len() as u32).rev().filter(|&slot| shard.groups[slot as usize].is_none()).collect();
    Ok(shard)
}

fn encode_group(out: &mut Vec<u8>, group: &Group) {
    put_varint(out, u64::from(group.common));
    put_varint(out, group.width() as u64);
    group.tails.iter().for_each(|&tail| put_varint(out, u64::from(tail)));
    for mask in [group.known, group.active, group.seen.0] {
        out.extend_from_slice(&mask.to_le_bytes());
    }
    for time in [group.chunk_end, group.opened, group.newest] {
        put_signed(out, time);
    }
    put_varint(out, u64::from(group.chunk_rows));
    put_block(out, &group.chunk);
    encode_rows(out, group);
    put_varint(out, group.late.len() as u64);
    for late in &group.late {
        out.push(late.column);
        put_signed(out, late.time);
        out.extend_from_slice(&late.value.to_bits().to_le_bytes());
    }
    put_varint(out, group.histograms.len() as u64);
    for (&column, histograms) in &group.histograms {
        out.push(column);
        encode_histograms(out, histograms);
    }
}

/// Rows as they are, column by column so that what does not change costs little.
fn encode_rows(out: &mut Vec<u8>, group: &Group) {
    put_varint(out, group.rows.len() as u64);
    for row in &group.rows {
        put_signed(out, row.time);
        out.extend_from_slice(&row.present.to_le_bytes());
    }
    for column in 0..group.width() {
        let (mut values, mut count) = ([0.0; ROWS + 1], 0);
        for value in group.values.iter().skip(column).step_by(group.width()) {
            values[count] = *value;
            count += 1;
        }
        frame::encode_all(out, &values[..count]);
    }
}

fn encode_histograms(out: &mut Vec<u8>, histograms: &OpenHistograms) {
    let coded = histograms.coded(false);
    put_varint(out, coded.len() as u64);
    for (time, bytes) in coded {
        put_signed(out, time);
        put_block(out, &bytes);
    }
    out.push(histograms.newest().is_some().into());
    if let Some((time, newest)) = histograms.newest() {
        put_signed(out, *time);
        histogram::encode(out, newest);
    }
}

fn decode_group(input: &mut Input<'_>, index: &Index) -> Result<Group, Damaged> {
    let mut group = Group::new(input.varint()? as SetId);
    let width = input.count(1)?;
    if width > COLUMNS || !index.commons.exists(group.common) {
        return Err(Damaged("group"));
    }
    let mut columns = Vec::with_capacity(width);
    for _ in 0..width {
        let tail = input.varint()? as SetId;
        let kind = index.tails.exists(tail).then(|| index.tails.kind(tail)).ok_or(Damaged("tail"))?;
        columns.push((tail, kind));
    }
    group.widen(&columns);
    group.known = input.u128()?;
    group.active = input.u128()?;
    group.seen = Seen(input.u128()?);
    (group.chunk_end, group.opened, group.newest) = (input.signed()?, input.signed()?, input.signed()?);
    group.chunk_rows = input.varint()? as u32;
    group.chunk = input.block()?.to_vec();
    group.starts = segment::starts(&group.chunk)?;
    decode_rows(input, &mut group)?;
    for _ in 0..input.count(10)? {
        let (column, time, value) = (input.u8()?, input.signed()?, input.f64()?);
        group.late.push(Late { time, value, column });
    }
    for _ in 0..input.count(3)? {
        let column = input.u8()?;
        if usize::from(column) >= width || columns[usize::from(column)].1 != Kind::Distribution {
            return Err(Damaged("column of a histogram"));
        }
        group.histograms.insert(column, decode_histograms(input)?);
    }
    Ok(group)
}

fn decode_rows(input: &mut Input<'_>, group: &mut Group) -> Result<(), Damaged> {
    let (rows, width) = (input.count(17)?, group.width());
    if rows > ROWS {
        return Err(Damaged("too many rows"));
    }
    for _ in 0..rows {
        group.rows.push(Row { time: input.signed()?, present: input.u128()? });
    }
    group.values.resize((rows + 1) * width, 0.0);
    let mut column_values = Vec::with_capacity(rows + 1);
    for column in 0..width {
        column_values.clear();
        frame::decode_all(input, rows + 1, &mut column_values)?;
        for (row, &value) in column_values.iter().enumerate() {
            group.values[row * width + column] = value;
        }
    }
    Ok(())
}

fn decode_histograms(input: &mut Input<'_>) -> Result<OpenHistograms, Damaged> {
    let mut coded = Vec::new();
    for _ in 0..input.count(2)? {
        coded.push((input.signed()?, input.block()?.into()));
    }
    let newest = match input.u8()? {
        0 => None,
        _ => Some((input.signed()?, histogram::decode(input)?)),
    };
    Ok(OpenHistograms::restore(coded, newest))
}
