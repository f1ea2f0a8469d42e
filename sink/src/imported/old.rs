//! Samples as older programs wrote them to the queue: batches of one instant. They are told anew and stored as any.

use weir_queue::Record;
use weir_sample::Kind;
use weir_wire::Values;

use super::form::SampleWriter;
use super::labels::Labels;
use crate::Error;
use crate::ingest::Ingest;

impl Ingest {
    /// Stores what such a record tells.
    pub(crate) fn old_samples(&mut self, record: &Record<'_>, payload: &[u8]) -> Result<(), Error> {
        let mut values = Values::default();
        let read = self.decoder.head(payload).and_then(|head| {
            let layout = self.decoder.layout(&head)?;
            self.decoder.values(&head, &layout.kinds, &mut values)?;
            Ok((head.window.end().millis(), layout))
        });
        let Ok((time, layout)) = read else { return self.refuse(record) };
        let (mut labels, mut writer, mut pairs, mut own) =
            (Labels::default(), SampleWriter::default(), Vec::new(), Vec::new());
        for ((series, kind), &value) in layout.series.iter().zip(&layout.kinds).zip(&values.floats) {
            let kind = if *kind == Kind::Counter { Kind::Counter } else { Kind::Gauge };
            pairs.clear();
            pairs.push(labels.metric(series.name().as_bytes(), series.name(), kind));
            pairs.extend(series.labels().map(|(name, value)| labels.label(&[], name, value)));
            if let Ok(kind) = labels.series(&pairs, &mut own) {
                writer.push(&labels, &own, kind, &[(time, value)]);
            }
        }
        writer.finish().iter().try_for_each(|payload| self.samples(record, payload))
    }
}
