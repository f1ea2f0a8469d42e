//! Samples as a Parquet file: a row each, with a column per label.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use weir_sample::Series;

/// Rows that are gathered before they are written.
const GROUP: usize = 512 * 1024;

/// Columns ahead of the labels. A label of the same name gets a prefix.
const OWN: [&str; 3] = ["metric", "timestamp", "value"];

/// Writes series one after another.
pub(super) struct Table<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    labels: Vec<String>,
    /// Series of the rows, and how many each has.
    series: Vec<(Series, usize)>,
    times: Vec<i64>,
    values: Vec<f64>,
}

impl<W: Write + Send> Table<W> {
    /// A table with these labels, which must be all that any series has.
    pub(super) fn create(out: W, labels: Vec<String>) -> Result<Self> {
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = SerializedFileWriter::new(out, schema(&labels)?, Arc::new(properties))?;
        Ok(Self { writer, labels, series: Vec::new(), times: Vec::new(), values: Vec::new() })
    }

    /// Adds the samples of a series.
    pub(super) fn push(&mut self, series: &Series, mut times: &[i64], mut values: &[f64]) -> Result<()> {
        while !times.is_empty() {
            let (now, later) = times.split_at(times.len().min(GROUP - self.times.len()));
            let (values_now, values_later) = values.split_at(now.len());
            self.series.push((series.clone(), now.len()));
            self.times.extend_from_slice(now);
            self.values.extend_from_slice(values_now);
            if self.times.len() == GROUP {
                self.write_group()?;
            }
            (times, values) = (later, values_later);
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        let names = self.series.iter().map(|(series, rows)| (Some(series.name()), *rows));
        write_texts(&mut group, names, false)?;
        write_column::<Int64Type, W>(&mut group, &self.times, None)?;
        write_column::<DoubleType, W>(&mut group, &self.values, None)?;
        for label in &self.labels {
            let values = self.series.iter().map(|(series, rows)| (series.label(label), *rows));
            write_texts(&mut group, values, true)?;
        }
        group.close()?;
        self.series.clear();
        self.times.clear();
        self.values.clear();
        Ok(())
    }

    /// Writes what is left and ends the file.
    pub(super) fn finish(mut self) -> Result<W> {
        if !self.times.is_empty() {
            self.write_group()?;
        }
        self.writer.into_inner().context("ending the file")
    }
}

fn schema(labels: &[String]) -> Result<TypePtr> {
    let column = |name: &str, physical, repetition, logical| -> Result<TypePtr> {
        let builder = Type::primitive_type_builder(name, physical);
        Ok(Arc::new(builder.with_repetition(repetition).with_logical_type(logical).build()?))
    };
    let time = LogicalType::timestamp(true, TimeUnit::MILLIS);
    let mut columns = vec![
        column(OWN[0], Physical::BYTE_ARRAY, Repetition::REQUIRED, Some(LogicalType::String))?,
        column(OWN[1], Physical::INT64, Repetition::REQUIRED, Some(time))?,
        column(OWN[2], Physical::DOUBLE, Repetition::REQUIRED, None)?,
    ];
    for label in labels {
        let prefix = if OWN.contains(&label.as_str()) { "label_" } else { "" };
        let name = format!("{prefix}{label}");
        columns.push(column(&name, Physical::BYTE_ARRAY, Repetition::OPTIONAL, Some(LogicalType::String))?);
    }
    Ok(Arc::new(Type::group_type_builder("samples").with_fields(columns).build()?))
}

/// Writes a column of texts, each for some rows.
fn write_texts<'t, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    texts: impl Iterator<Item = (Option<&'t str>, usize)>,
    optional: bool,
) -> Result<()> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    for (text, rows) in texts {
        levels.resize(levels.len() + rows, i16::from(text.is_some()));
        if let Some(text) = text {
            values.resize(values.len() + rows, ByteArray::from(text));
        }
    }
    write_column::<ByteArrayType, W>(group, &values, optional.then_some(&levels))
}

fn write_column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    levels: Option<&Vec<i16>>,
) -> Result<()> {
    let mut column = group.next_column()?.context("the file has fewer columns than its schema")?;
    column.typed::<T>().write_batch(values, levels.map(Vec::as_slice), None)?;
    column.close()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    #[test]
    fn rows_come_back_with_their_labels() {
        let labels = ["host", "value"].map(str::to_owned).to_vec();
        let mut table = Table::create(Vec::new(), labels).unwrap();
        let a = Series::new("x", [("host", "a")]);
        let b = Series::new("y", [("host", "b"), ("value", "odd")]);
        table.push(&a, &[1, 2], &[0.5, f64::NAN]).unwrap();
        let many: Vec<i64> = (0..GROUP as i64).collect();
        table.push(&b, &many, &vec![7.0; GROUP]).unwrap();
        let bytes = table.finish().unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!(reader.num_row_groups(), 2);
        let names: Vec<String> = reader
            .metadata()
            .file_metadata()
            .schema()
            .get_fields()
            .iter()
            .map(|field| field.name().to_owned())
            .collect();
        assert_eq!(names, ["metric", "timestamp", "value", "host", "label_value"]);
        let mut rows = reader.get_row_iter(None).unwrap().map(Result::unwrap);
        let first = rows.next().unwrap();
        assert_eq!((first.get_string(0).unwrap().as_str(), first.get_timestamp_millis(1).unwrap()), ("x", 1));
        assert_eq!((first.get_double(2).unwrap(), first.get_string(3).unwrap().as_str()), (0.5, "a"));
        assert!(first.get_string(4).is_err(), "a label that the series does not have is null");
        assert!(rows.next().unwrap().get_double(2).unwrap().is_nan());
        let last = rows.last().unwrap();
        assert_eq!(last.get_timestamp_millis(1).unwrap(), GROUP as i64 - 1);
        assert_eq!((last.get_string(0).unwrap().as_str(), last.get_string(4).unwrap().as_str()), ("y", "odd"));
    }
}
