//! Up to 128 series of one agent that share their timestamps.
//!
//! The newest rows are kept as they are, one float per column, so that late counter deltas can amend the newest
//! sample; older rows are coded into the open chunk, eight at a time. A column that has no value in a row carries the
//! one before on, so the newest row always holds every counter's running total.

use std::collections::BTreeMap;

use weir_sample::{Histogram, Kind, STALE, Total};

use super::histograms::OpenHistograms;
use super::late::{Late, Scattered};
use super::segment::{self, Piece, ROWS, Seen};
use crate::error::Damaged;
use crate::index::SetId;
use crate::tier::overlay::overlay;

/// Counts of one append.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Samples stored in order of time.
    pub samples: u32,
    /// Counter deltas that came after a newer one; added to the running total and to the newest sample.
    pub late_deltas: u32,
    /// Gauges that came after a newer row; kept at their own time.
    pub out_of_order: u32,
}

impl Appended {
    pub(crate) fn add(&mut self, other: Appended) {
        self.samples += other.samples;
        self.late_deltas += other.late_deltas;
        self.out_of_order += other.out_of_order;
    }
}

/// Neighbouring positions that are neighbouring columns too: most layouts are a single span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub position: u32,
    pub column: u8,
    pub count: u8,
}

/// One row kept as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub time: i64,
    pub present: u128,
}

/// The open samples of a group.
#[derive(Debug)]
pub(crate) struct Group {
    pub common: SetId,
    pub tails: Vec<SetId>,
    /// Grows when columns move, so that rows resolved before are told apart.
    pub generation: u32,
    pub counters: u128,
    /// Columns that have had a value: their running total counts.
    pub known: u128,
    /// Columns with a value since the last look for idle series.
    pub active: u128,
    pub rows: Vec<Row>,
    /// One row ahead of `rows`, then `rows`, each as wide as `tails`.
    pub values: Vec<f64>,
    pub chunk: Vec<u8>,
    /// Beginnings of its segments.
    pub starts: Vec<u32>,
    pub seen: Seen,
    pub chunk_rows: u32,
    /// Timestamp of the last row in the chunk; the base of the next segment's timestamps.
    pub chunk_end: i64,
    /// Time of the first row that is open.
    pub opened: i64,
    pub newest: i64,
    pub late: Vec<Late>,
    /// While its samples with times of their own share none.
    pub scattered: Option<Scattered>,
    pub histograms: BTreeMap<u8, OpenHistograms>,
}

/// Samples of one column.
pub(crate) struct Samples {
    pub times: Vec<i64>,
    pub values: Vec<f64>,
}

impl Group {
    /// A group without columns.
    pub(crate) fn new(common: SetId) -> Self {
        Self {
            common,
            tails: Vec::new(),
            generation: 0,
            counters: 0,
            known: 0,
            active: 0,
            rows: Vec::new(),
            values: Vec::new(),
            chunk: Vec::new(),
            starts: Vec::new(),
            seen: Seen::default(),
            chunk_rows: 0,
            chunk_end: 0,
            opened: i64::MAX,
            newest: i64::MIN,
            late: Vec::new(),
            scattered: None,
            histograms: BTreeMap::new(),
        }
    }

    pub(crate) fn width(&self) -> usize {
        self.tails.len()
    }

    /// Adds columns at the end.
    pub(crate) fn widen(&mut self, columns: &[(SetId, Kind)]) {
        let before = self.width();
        for &(tail, kind) in columns {
            if kind == Kind::Counter {
                self.counters |= 1 << self.tails.len();
            }
            self.active |= 1 << self.tails.len();
            self.tails.push(tail);
        }
        let mut values = Vec::new();
        values.reserve_exact((ROWS + 1) * self.width());
        if before == 0 {
            values.resize(self.width(), 0.0);
        }
        for row in self.values.chunks(before.max(1)) {
            values.extend_from_slice(row);
            values.resize(values.len() + self.width() - before, 0.0);
        }
        self.values = values;
    }

    pub(super) fn row(&mut self, row: usize) -> &mut [f64] {
        let width = self.width();
        &mut self.values[(row + 1) * width..(row + 2) * width]
    }

    /// The latest value of a column, which is a counter's running total.
    fn total(&self, column: usize) -> Total {
        Total::of(self.values[self.rows.len() * self.width() + column])
    }

    /// Appends one row of values; NaN leaves a column out, [`STALE`] ends its series. Counters that begin with it begin with a zero at `zero`.
    pub(crate) fn append(&mut self, time: i64, zero: i64, spans: &[Span], floats: &[f64]) -> Appended {
        let mut done = Appended::default();
        if time > self.newest {
            let present = self.present(spans, floats);
            if present == 0 {
                return done;
            }
            self.start_counters(present & self.counters & !self.known, zero);
            self.push_row(time, present);
            let counters = self.counters;
            let at = self.rows.len() - 1;
            let row = self.row(at);
            for span in spans {
                let (from, to) = (span.position as usize, usize::from(span.column));
                let span_floats = &floats[from..from + usize::from(span.count)];
                for (i, &value) in span_floats.iter().enumerate() {
                    let is_counter = counters >> (to + i) & 1 == 1;
                    if is_there(value, is_counter) {
                        let slot = &mut row[to + i];
                        *slot = if is_counter { Total::of(*slot).plus(value).number() } else { value };
                    }
                }
            }
            done.samples = present.count_ones();
        } else {
            for span in spans {
                for i in 0..usize::from(span.count) {
                    let value = floats[span.position as usize + i];
                    let column = usize::from(span.column) + i;
                    if is_there(value, self.counters >> column & 1 == 1) {
                        self.append_late(time, zero, column, value, &mut done);
                    }
                }
            }
        }
        done
    }

    fn present(&self, spans: &[Span], floats: &[f64]) -> u128 {
        let mut present = 0;
        for span in spans {
            let from = span.position as usize;
            for (i, value) in floats[from..from + usize::from(span.count)].iter().enumerate() {
                let column = usize::from(span.column) + i;
                present |= u128::from(is_there(*value, self.counters >> column & 1 == 1)) << column;
            }
        }
        present
    }

    /// Gives new counters a sample of zero, so that `increase` sees their first delta.
    fn start_counters(&mut self, fresh: u128, time: i64) {
        if fresh == 0 {
            return;
        }
        if time > self.newest {
            return self.push_row(time, fresh);
        }
        self.known |= fresh;
        if let Some(row) = self.rows.iter_mut().find(|row| row.time == time) {
            row.present |= fresh;
            return;
        }
        let columns = (0..self.width()).filter(|column| fresh >> column & 1 == 1);
        self.late.extend(columns.map(|column| Late { time, value: 0.0, column: column as u8 }));
    }

    pub(super) fn push_row(&mut self, time: i64, present: u128) {
        if self.rows.len() >= ROWS {
            self.close_segment(0);
        }
        if self.open_rows() == 0 {
            self.opened = time;
        }
        self.rows.push(Row { time, present });
        let width = self.width();
        let last = self.values.len() - width;
        self.values.extend_from_within(last..);
        self.newest = time;
        self.known |= present;
        self.active |= present;
    }

    /// One value whose time is not after the newest row.
    fn append_late(&mut self, time: i64, zero: i64, column: usize, value: f64, done: &mut Appended) {
        let bit = 1u128 << column;
        self.active |= bit;
        if self.counters & bit == 0 {
            return self.place(time, column, value, done);
        }
        if self.known & bit == 0 {
            self.start_counters(bit, zero);
        }
        let total = self.total(column).plus(value).number();
        match self.rows.iter().position(|row| row.time == time) {
            Some(at) if self.rows[at..].iter().all(|row| row.present & bit == 0) => {
                self.rows[at].present |= bit;
                self.fill(at, column, total, self.rows.len());
                done.samples += 1;
            }
            _ => {
                self.amend(column, total);
                done.late_deltas += 1;
            }
        }
    }

    /// Gives the newest sample of a counter a new value.
    fn amend(&mut self, column: usize, total: f64) {
        let bit = 1u128 << column;
        match self.rows.iter().rposition(|row| row.present & bit != 0) {
            Some(at) => self.fill(at, column, total, self.rows.len()),
            None => {
                // The newest sample is coded already; the total stands at the time of the newest row instead.
                match self.rows.last_mut() {
                    Some(row) => {
                        row.present |= bit;
                        self.fill(self.rows.len() - 1, column, total, self.rows.len());
                    }
                    None => {
                        self.values[column] = total;
                        self.seen.0 &= !bit;
                        self.late.push(Late { time: self.newest, value: total, column: column as u8 });
                    }
                }
            }
        }
    }

    pub(super) fn fill(&mut self, from: usize, column: usize, value: f64, to: usize) {
        (from..to).for_each(|row| self.row(row)[column] = value);
    }

    /// Codes all rows but the last `keep` into the chunk.
    pub(crate) fn close_segment(&mut self, keep: usize) {
        let (width, count) = (self.width(), self.rows.len().saturating_sub(keep));
        if count == 0 {
            return;
        }
        let (mut times, mut present) = ([0; ROWS], [0; ROWS]);
        for (i, row) in self.rows[..count].iter().enumerate() {
            (times[i], present[i]) = (row.time, row.present);
        }
        let (before, rest) = self.values.split_at(width);
        let rows = &rest[..count * width];
        grow(&mut self.chunk, 2 * width);
        self.starts.push(self.chunk.len() as u32);
        segment::append(
            &mut self.chunk,
            &mut self.seen,
            self.chunk_end,
            &times[..count],
            &present[..count],
            before,
            rows,
        );
        self.chunk_end = times[count - 1];
        self.chunk_rows += count as u32;
        self.rows.drain(..count);
        self.values.drain(..count * width);
    }

    /// Rows that are open, coded or not.
    pub(crate) fn open_rows(&self) -> usize {
        self.chunk_rows as usize + self.rows.len()
    }

    /// Time of the oldest sample that is open.
    pub(crate) fn oldest_open(&self) -> i64 {
        let row = if self.open_rows() > 0 { self.opened } else { i64::MAX };
        let late = self.late.iter().map(|late| late.time).min().unwrap_or(i64::MAX);
        let histogram = self.histograms.values().filter_map(OpenHistograms::oldest).min().unwrap_or(i64::MAX);
        row.min(late).min(histogram)
    }

    /// Empties the chunk and forgets late samples, which must all have been read.
    pub(crate) fn clear_chunk(&mut self) {
        self.chunk = Vec::new();
        self.starts = Vec::new();
        self.seen = Seen::default();
        self.chunk_rows = 0;
        self.chunk_end = 0;
        self.opened = self.rows.first().map_or(i64::MAX, |row| row.time);
        self.late = Vec::new();
        self.gather();
    }

    /// The samples of one column from `start` to `end`, both included.
    pub(crate) fn read(&self, column: usize, start: i64, end: i64) -> Result<Samples, Damaged> {
        let bit = 1u128 << column;
        let (mut times, mut values) = (Vec::with_capacity(self.open_rows()), Vec::with_capacity(self.open_rows()));
        let mut push = |time: i64, value: f64| {
            if (start..=end).contains(&time) {
                times.push(time);
                values.push(value);
            }
        };
        if self.chunk_rows > 0 && self.chunk_end >= start {
            let push = |piece: Piece<'_>| piece.samples().for_each(|(time, value)| push(time, value));
            segment::walk_column(&self.chunk, &self.starts, column, push)?;
        }
        let width = self.width();
        for (at, row) in self.rows.iter().enumerate().filter(|(_, row)| row.present & bit != 0) {
            push(row.time, self.values[(at + 1) * width + column]);
        }
        overlay(&mut times, &mut values, self.late_of(column, start, end), |old, new| *old = new);
        Ok(Samples { times, values })
    }

    /// Late samples of a column, by time and then by arrival.
    pub(crate) fn late_of(&self, column: usize, start: i64, end: i64) -> Vec<(i64, f64)> {
        let wanted = |late: &&Late| usize::from(late.column) == column && (start..=end).contains(&late.time);
        let mut late: Vec<_> = self.late.iter().filter(wanted).map(|late| (late.time, late.value)).collect();
        late.sort_by_key(|&(time, _)| time);
        late
    }

    /// The open histograms of one column from `start` to `end`, both included.
    pub(crate) fn read_histograms(
        &self,
        column: usize,
        start: i64,
        end: i64,
    ) -> Result<Vec<(i64, Histogram)>, Damaged> {
        let mut out = Vec::new();
        if let Some(histograms) = self.histograms.get(&(column as u8)) {
            histograms.read(start, end, &mut out)?;
        }
        Ok(out)
    }

    /// Adds a histogram to a column.
    pub(crate) fn append_histogram(&mut self, column: usize, time: i64, histogram: &Histogram) -> Result<(), Damaged> {
        self.active |= 1 << column;
        self.histograms.entry(column as u8).or_default().add(time, histogram)
    }
}

/// A number, or the mark that ends a gauge. A counter ends by adding nothing.
fn is_there(value: f64, is_counter: bool) -> bool {
    !value.is_nan() || !is_counter && value.to_bits() == STALE.to_bits()
}

/// Makes room in steps of a quarter: doubling would hold twice the memory of the open chunks.
fn grow(buffer: &mut Vec<u8>, wanted: usize) {
    if buffer.capacity() - buffer.len() < wanted {
        buffer.reserve_exact(wanted.max(buffer.len() / 4));
    }
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
