//! Columns to series. Names and values are checked once each, and keys put together from them without another look.
//!
//! This runs for every layout that an agent brings anew, so what is read lies side by side in a few vectors, and a
//! series costs the one allocation that holds its key.

use std::ops::Range;

use weir_sample::{Kind, Series, is_name};

use super::{MAX_KEY_BYTES, MAX_LABELS, MAX_SERIES};
use crate::DecodeError;
use crate::bytes::Input;

/// Separate labels from each other, and names from values, in a series' key.
const LABEL: char = '\u{1}';
const VALUE: char = '\u{2}';

/// Reads a plain key section.
pub(in crate::batch) fn read(plain: &[u8]) -> Result<(Vec<Series>, Vec<Kind>), DecodeError> {
    let mut input = Input(plain);
    let common = read_common(&mut input)?;
    let mut keys = Keys::default();
    keys.read_shapes(&mut input, &common)?;
    let runs = keys.read_runs(&mut input)?;
    let (values, tables) = read_tables(&mut input, keys.labels.len())?;
    keys.read_places(&mut input, &tables)?;
    if !input.0.is_empty() {
        return Err(DecodeError::Malformed("key section"));
    }
    keys.unfold(&runs, &values)
}

/// Everything but the label values.
#[derive(Default)]
struct Keys<'a> {
    shapes: Vec<Shape>,
    /// The columns of all shapes, one shape after the other.
    columns: Vec<Column>,
    /// What stands between the values of a key, for all shapes.
    text: String,
    /// Which value, for all columns.
    places: Vec<u32>,
    /// Label names that have a table, in order of appearance.
    labels: Vec<&'a str>,
}

/// A kind, a name and label names.
struct Shape {
    kind: Kind,
    text: Range<usize>,
    columns: Range<usize>,
    /// Series of this shape, and how many of them were put together.
    length: usize,
    done: usize,
}

/// One own label of a shape.
struct Column {
    table: usize,
    /// Where the text before its value ends.
    text_end: usize,
    /// Where its places begin.
    places_from: usize,
}

impl<'a> Keys<'a> {
    fn read_shapes(&mut self, input: &mut Input<'a>, common: &[(&'a str, &'a str)]) -> Result<(), DecodeError> {
        let count = bounded(input.count()?)?;
        self.shapes.reserve_exact(count);
        for _ in 0..count {
            let kind = Kind::from_u8(input.byte()?).ok_or(DecodeError::Malformed("kind"))?;
            let (text, columns) = (self.text.len(), self.columns.len());
            self.text.push_str(legal(input.text()?)?);
            self.read_labels(input, common)?;
            let (text, columns) = (text..self.text.len(), columns..self.columns.len());
            self.shapes.push(Shape { kind, text, columns, length: 0, done: 0 });
        }
        Ok(())
    }

    /// Puts a shape's own labels between the common ones, in order of their names.
    fn read_labels(&mut self, input: &mut Input<'a>, common: &[(&'a str, &'a str)]) -> Result<(), DecodeError> {
        let (mut common, mut previous) = (common.iter().peekable(), "");
        for _ in 0..input.count()? {
            let own = legal(input.text()?)?;
            while let Some((label, value)) = common.next_if(|(other, _)| *other < own) {
                self.put_label(label);
                self.text.push_str(value);
            }
            if own <= previous || common.peek().is_some_and(|(other, _)| *other == own) {
                return Err(DecodeError::Malformed("label order"));
            }
            previous = own;
            self.put_label(own);
            let table = self.table(own)?;
            self.columns.push(Column { table, text_end: self.text.len(), places_from: 0 });
        }
        for (label, value) in common {
            self.put_label(label);
            self.text.push_str(value);
        }
        // Common labels stand in every shape, so a few bytes could make many.
        if self.text.len() > MAX_KEY_BYTES { Err(DecodeError::TooLarge) } else { Ok(()) }
    }

    fn put_label(&mut self, label: &str) {
        self.text.push(LABEL);
        self.text.push_str(label);
        self.text.push(VALUE);
    }

    fn table(&mut self, label: &'a str) -> Result<usize, DecodeError> {
        let at = self.labels.iter().position(|other| *other == label).unwrap_or(self.labels.len());
        if at == MAX_LABELS {
            return Err(DecodeError::TooLarge);
        }
        if at == self.labels.len() {
            self.labels.push(label);
        }
        Ok(at)
    }

    /// Shape and length of each run; adds the lengths up in the shapes.
    fn read_runs(&mut self, input: &mut Input<'_>) -> Result<Vec<(usize, usize)>, DecodeError> {
        let count = bounded(input.count()?)?;
        let (mut runs, mut at, mut total) = (Vec::with_capacity(count), 0i64, 0u64);
        for _ in 0..count {
            at = at.wrapping_add(input.zigzag()?);
            let shape = usize::try_from(at).ok().filter(|at| *at < self.shapes.len());
            runs.push((shape.ok_or(DecodeError::Malformed("shape"))?, 0));
        }
        for (shape, length) in &mut runs {
            let announced = input.varint()?;
            let within = |total: &u64| *total <= MAX_SERIES as u64;
            total = total.checked_add(announced).filter(within).ok_or(DecodeError::TooLarge)?;
            *length = announced as usize;
            self.shapes[*shape].length += *length;
        }
        Ok(runs)
    }

    fn read_places(&mut self, input: &mut Input<'_>, tables: &[Range<usize>]) -> Result<(), DecodeError> {
        // A place takes a byte at least.
        self.places.reserve_exact(input.0.len());
        for shape in &self.shapes {
            for column in &mut self.columns[shape.columns.clone()] {
                let (table, mut place) = (&tables[column.table], 0i64);
                column.places_from = self.places.len();
                for _ in 0..shape.length {
                    place = place.wrapping_add(input.zigzag()?);
                    if !(0..table.len() as i64).contains(&place) {
                        return Err(DecodeError::Malformed("place of a value"));
                    }
                    self.places.push((table.start + place as usize) as u32);
                }
            }
        }
        Ok(())
    }

    fn unfold(&mut self, runs: &[(usize, usize)], values: &[&str]) -> Result<(Vec<Series>, Vec<Kind>), DecodeError> {
        let count = runs.iter().map(|(_, length)| length).sum();
        let (mut series, mut kinds, mut budget) = (Vec::with_capacity(count), Vec::with_capacity(count), MAX_KEY_BYTES);
        for &(at, length) in runs {
            for _ in 0..length {
                let shape = &self.shapes[at];
                let key = self.key(shape, values, budget)?;
                budget -= key.len();
                series.push(Series::from_checked_key(key));
                kinds.push(shape.kind);
                self.shapes[at].done += 1;
            }
        }
        Ok((series, kinds))
    }

    /// The key of the next series of this shape.
    fn key(&self, shape: &Shape, values: &[&str], budget: usize) -> Result<String, DecodeError> {
        let columns = &self.columns[shape.columns.clone()];
        let value = |column: &Column| values[self.places[column.places_from + shape.done] as usize];
        let length = shape.text.len() + columns.iter().map(|column| value(column).len()).sum::<usize>();
        if length > budget {
            return Err(DecodeError::TooLarge);
        }
        // Exactly what is needed: a key that is boxed must not move.
        let (mut key, mut from) = (String::with_capacity(length), shape.text.start);
        for column in columns {
            key.push_str(&self.text[from..column.text_end]);
            key.push_str(value(column));
            from = column.text_end;
        }
        key.push_str(&self.text[from..shape.text.end]);
        Ok(key)
    }
}

fn read_common<'a>(input: &mut Input<'a>) -> Result<Vec<(&'a str, &'a str)>, DecodeError> {
    let mut common: Vec<(&str, &str)> = Vec::new();
    for _ in 0..input.count()? {
        let (label, value) = (legal(input.text()?)?, legal_value(input.text()?)?);
        if common.last().is_some_and(|(previous, _)| *previous >= label) {
            return Err(DecodeError::Malformed("label order"));
        }
        common.push((label, value));
    }
    Ok(common)
}

/// The values of all labels, and which of them are whose.
fn read_tables<'a>(input: &mut Input<'a>, labels: usize) -> Result<(Vec<&'a str>, Vec<Range<usize>>), DecodeError> {
    let (mut values, mut tables) = (Vec::new(), Vec::with_capacity(labels));
    for _ in 0..labels {
        let count = input.count()?;
        let from = values.len();
        for _ in 0..count {
            values.push(legal_value(input.text()?)?);
        }
        tables.push(from..values.len());
    }
    Ok((values, tables))
}

/// What stands for at least one series each cannot be more than there may be series.
fn bounded(count: usize) -> Result<usize, DecodeError> {
    if count > MAX_SERIES { Err(DecodeError::TooLarge) } else { Ok(count) }
}

fn legal(name: &str) -> Result<&str, DecodeError> {
    if is_name(name) { Ok(name) } else { Err(DecodeError::Malformed("name")) }
}

fn legal_value(value: &str) -> Result<&str, DecodeError> {
    let legal = !value.is_empty() && !value.bytes().any(|byte| byte == LABEL as u8 || byte == VALUE as u8);
    if legal { Ok(value) } else { Err(DecodeError::Malformed("label value")) }
}
