//! Series to columns.

use std::collections::HashMap;

use weir_sample::{Kind, Series};

use super::MAX_LABELS;
use crate::bytes::{put_text, put_varint, put_zigzag};

/// Appends the plain key section of points that are sorted by their series. False, with nothing of use appended, if
/// they have more label names than one batch may have.
pub(in crate::batch) fn put<'a>(out: &mut Vec<u8>, points: impl Iterator<Item = (&'a Series, Kind)> + Clone) -> bool {
    let common = common_labels(points.clone().map(|(series, _)| series));
    put_varint(out, common.len() as u64);
    for (name, value) in &common {
        put_text(out, name);
        put_text(out, value);
    }
    let mut columns = Columns::default();
    points.for_each(|(series, kind)| columns.add(series, kind, &common));
    columns.put(out);
    columns.tables.len() <= MAX_LABELS
}

/// Labels with the same value in every series.
fn common_labels<'a>(mut series: impl Iterator<Item = &'a Series>) -> Vec<(&'a str, &'a str)> {
    let Some(first) = series.next() else { return Vec::new() };
    let mut common: Vec<_> = first.labels().collect();
    for other in series {
        common.retain(|(name, value)| other.label(name) == Some(value));
    }
    common
}

#[derive(Default)]
struct Columns<'a> {
    shapes: Vec<Shape<'a>>,
    by_key: HashMap<(Kind, &'a str, Vec<&'a str>), usize>,
    /// Shape and length.
    runs: Vec<(usize, u64)>,
    tables: Vec<Table<'a>>,
}

struct Shape<'a> {
    kind: Kind,
    name: &'a str,
    labels: Vec<&'a str>,
    /// Per label: its table, and the place in it for each series.
    columns: Vec<(usize, Vec<u64>)>,
}

struct Table<'a> {
    label: &'a str,
    values: Vec<&'a str>,
    places: HashMap<&'a str, u64>,
}

impl<'a> Columns<'a> {
    fn add(&mut self, series: &'a Series, kind: Kind, common: &[(&str, &str)]) {
        let own = series.labels().filter(|(name, _)| common.iter().all(|(other, _)| other != name));
        let (labels, values): (Vec<_>, Vec<_>) = own.unzip();
        let at = self.shape(kind, series.name(), labels);
        for ((table, places), value) in self.shapes[at].columns.iter_mut().zip(values) {
            places.push(self.tables[*table].place(value));
        }
        match self.runs.last_mut() {
            Some((shape, length)) if *shape == at => *length += 1,
            _ => self.runs.push((at, 1)),
        }
    }

    fn shape(&mut self, kind: Kind, name: &'a str, labels: Vec<&'a str>) -> usize {
        if let Some(at) = self.by_key.get(&(kind, name, labels.clone())) {
            return *at;
        }
        let columns = labels.iter().map(|label| (self.table(label), Vec::new())).collect();
        self.by_key.insert((kind, name, labels.clone()), self.shapes.len());
        self.shapes.push(Shape { kind, name, labels, columns });
        self.shapes.len() - 1
    }

    fn table(&mut self, label: &'a str) -> usize {
        self.tables.iter().position(|table| table.label == label).unwrap_or_else(|| {
            self.tables.push(Table { label, values: Vec::new(), places: HashMap::new() });
            self.tables.len() - 1
        })
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.shapes.len() as u64);
        for shape in &self.shapes {
            out.push(shape.kind as u8);
            put_text(out, shape.name);
            put_varint(out, shape.labels.len() as u64);
            shape.labels.iter().for_each(|label| put_text(out, label));
        }
        put_varint(out, self.runs.len() as u64);
        put_steps(out, self.runs.iter().map(|(shape, _)| *shape as u64));
        self.runs.iter().for_each(|(_, length)| put_varint(out, *length));
        for table in &self.tables {
            put_varint(out, table.values.len() as u64);
            table.values.iter().for_each(|value| put_text(out, value));
        }
        for (_, places) in self.shapes.iter().flat_map(|shape| &shape.columns) {
            put_steps(out, places.iter().copied());
        }
    }
}

impl<'a> Table<'a> {
    fn place(&mut self, value: &'a str) -> u64 {
        *self.places.entry(value).or_insert_with(|| {
            self.values.push(value);
            self.values.len() as u64 - 1
        })
    }
}

fn put_steps(out: &mut Vec<u8>, numbers: impl Iterator<Item = u64>) {
    let mut previous = 0;
    for number in numbers {
        put_zigzag(out, number as i64 - previous);
        previous = number as i64;
    }
}
