//! Columns to series. Names and values are checked once each, and keys put together from them without another look.

use std::borrow::Cow;

use weir_sample::{Kind, Series, legal_label_name, legal_metric_name};

use super::{MAX_KEY_BYTES, MAX_LABELS, MAX_SERIES};
use crate::DecodeError;
use crate::bytes::Input;

/// Separate labels from each other, and names from values, in a series' key.
const LABEL: char = '\u{1}';
const VALUE: char = '\u{2}';

/// Reads a plain key section.
pub(in crate::batch) fn take(plain: &[u8]) -> Result<(Vec<Series>, Vec<Kind>), DecodeError> {
    let mut input = Input(plain);
    let common = take_common(&mut input)?;
    let mut labels = Vec::new();
    let mut shapes = Vec::new();
    for _ in 0..bounded(input.count()?)? {
        shapes.push(Shape::take(&mut input, &common, &mut labels)?);
    }
    let runs = take_runs(&mut input, &mut shapes)?;
    let tables = labels.iter().map(|_| take_values(&mut input)).collect::<Result<Vec<_>, _>>()?;
    for shape in &mut shapes {
        shape.take_columns(&mut input, &tables)?;
    }
    if !input.0.is_empty() {
        return Err(DecodeError::Malformed("key section"));
    }
    unfold(&runs, &mut shapes, &tables)
}

/// A kind, a name and label names, and how keys of it are put together.
struct Shape {
    kind: Kind,
    /// The name, the labels before the first own one, and so on: `pieces[i]` stands before column `i`, the last after all.
    pieces: Vec<String>,
    /// Per own label: its table, and the place in it for each series.
    columns: Vec<(usize, Vec<u32>)>,
    /// Bytes of all pieces.
    fixed_bytes: usize,
    /// Series of this shape, and how many of them were put together.
    length: usize,
    done: usize,
}

impl Shape {
    fn take<'a>(
        input: &mut Input<'a>,
        common: &[(&'a str, &'a str)],
        labels: &mut Vec<&'a str>,
    ) -> Result<Self, DecodeError> {
        let kind = Kind::from_u8(input.byte()?).ok_or(DecodeError::Malformed("kind"))?;
        let name = legal(input.text()?, legal_metric_name)?;
        let mut shape =
            Self { kind, pieces: vec![name.to_owned()], columns: Vec::new(), fixed_bytes: 0, length: 0, done: 0 };
        let (mut common, mut previous) = (common.iter().peekable(), "");
        for _ in 0..input.count()? {
            let own = legal(input.text()?, legal_label_name)?;
            while let Some(other) = common.next_if(|(other, _)| *other < own) {
                shape.fixed(other);
            }
            if own <= previous || common.peek().is_some_and(|(other, _)| *other == own) {
                return Err(DecodeError::Malformed("label order"));
            }
            previous = own;
            let table = labels.iter().position(|label| *label == own).unwrap_or(labels.len());
            if table == labels.len() {
                labels.push(own);
            }
            if table == MAX_LABELS {
                return Err(DecodeError::TooLarge);
            }
            shape.own(own, table);
        }
        common.for_each(|other| shape.fixed(other));
        shape.fixed_bytes = shape.pieces.iter().map(String::len).sum();
        Ok(shape)
    }

    fn fixed(&mut self, (label, value): &(&str, &str)) {
        let piece = self.last_piece();
        piece.push(LABEL);
        piece.push_str(label);
        piece.push(VALUE);
        piece.push_str(value);
    }

    fn own(&mut self, label: &str, table: usize) {
        let piece = self.last_piece();
        piece.push(LABEL);
        piece.push_str(label);
        piece.push(VALUE);
        self.pieces.push(String::new());
        self.columns.push((table, Vec::new()));
    }

    fn last_piece(&mut self) -> &mut String {
        self.pieces.last_mut().expect("pieces start with the name and only grow")
    }

    fn take_columns(&mut self, input: &mut Input<'_>, tables: &[Vec<&str>]) -> Result<(), DecodeError> {
        for (table, places) in &mut self.columns {
            let values = tables[*table].len() as i64;
            let mut place = 0i64;
            places.reserve_exact(self.length.min(input.0.len()));
            for _ in 0..self.length {
                place = place.wrapping_add(input.zigzag()?);
                if !(0..values).contains(&place) {
                    return Err(DecodeError::Malformed("place of a value"));
                }
                places.push(place as u32);
            }
        }
        Ok(())
    }

    /// The key of the next series of this shape.
    fn next_key(&mut self, tables: &[Vec<&str>]) -> String {
        let value = |(table, places): &(usize, Vec<u32>)| tables[*table][places[self.done] as usize];
        let own: usize = self.columns.iter().map(|column| value(column).len()).sum();
        // Exactly what is needed: a key that is boxed must not move.
        let mut key = String::with_capacity(self.fixed_bytes + own);
        for (piece, column) in self.pieces.iter().zip(&self.columns) {
            key.push_str(piece);
            key.push_str(value(column));
        }
        key.push_str(&self.pieces[self.columns.len()]);
        self.done += 1;
        key
    }
}

fn take_common<'a>(input: &mut Input<'a>) -> Result<Vec<(&'a str, &'a str)>, DecodeError> {
    let mut common: Vec<(&str, &str)> = Vec::new();
    for _ in 0..input.count()? {
        let (label, value) = (legal(input.text()?, legal_label_name)?, legal_value(input.text()?)?);
        if common.last().is_some_and(|(previous, _)| *previous >= label) {
            return Err(DecodeError::Malformed("label order"));
        }
        common.push((label, value));
    }
    Ok(common)
}

/// Shape and length of each run; adds the lengths up in the shapes.
fn take_runs(input: &mut Input<'_>, shapes: &mut [Shape]) -> Result<Vec<(usize, usize)>, DecodeError> {
    let (mut runs, mut at, mut total) = (Vec::new(), 0i64, 0u64);
    for _ in 0..bounded(input.count()?)? {
        at = at.wrapping_add(input.zigzag()?);
        let shape = usize::try_from(at).ok().filter(|at| *at < shapes.len());
        runs.push((shape.ok_or(DecodeError::Malformed("shape"))?, 0));
    }
    for (shape, length) in &mut runs {
        let announced = input.varint()?;
        total =
            total.checked_add(announced).filter(|total| *total <= MAX_SERIES as u64).ok_or(DecodeError::TooLarge)?;
        *length = announced as usize;
        shapes[*shape].length += *length;
    }
    Ok(runs)
}

fn take_values<'a>(input: &mut Input<'a>) -> Result<Vec<&'a str>, DecodeError> {
    let count = input.count()?;
    let mut values = Vec::with_capacity(count.min(MAX_SERIES));
    for _ in 0..count {
        values.push(legal_value(input.text()?)?);
    }
    Ok(values)
}

fn unfold(
    runs: &[(usize, usize)],
    shapes: &mut [Shape],
    tables: &[Vec<&str>],
) -> Result<(Vec<Series>, Vec<Kind>), DecodeError> {
    let count = runs.iter().map(|(_, length)| length).sum();
    let (mut series, mut kinds, mut budget) = (Vec::with_capacity(count), Vec::with_capacity(count), MAX_KEY_BYTES);
    for &(shape, length) in runs {
        let shape = &mut shapes[shape];
        for _ in 0..length {
            let key = shape.next_key(tables);
            budget = budget.checked_sub(key.len()).ok_or(DecodeError::TooLarge)?;
            series.push(Series::from_checked_key(key));
            kinds.push(shape.kind);
        }
    }
    Ok((series, kinds))
}

/// What stands for at least one series each cannot be more than there may be series.
fn bounded(count: usize) -> Result<usize, DecodeError> {
    if count > MAX_SERIES { Err(DecodeError::TooLarge) } else { Ok(count) }
}

fn legal(name: &str, mend: fn(&str) -> Cow<'_, str>) -> Result<&str, DecodeError> {
    if matches!(mend(name), Cow::Borrowed(_)) { Ok(name) } else { Err(DecodeError::Malformed("name")) }
}

fn legal_value(value: &str) -> Result<&str, DecodeError> {
    let legal = !value.is_empty() && !value.bytes().any(|byte| byte == LABEL as u8 || byte == VALUE as u8);
    if legal { Ok(value) } else { Err(DecodeError::Malformed("label value")) }
}
