//! Remote write 2.0: as 1.0, and the answer says how much was written.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use weir_formats::remote_write::{SECOND, SecondEntry, SecondRequest, Unpacked, read_histogram};
use weir_formats::{Measured, Point};

use super::door::{Door, Sender, tenant_of};
use super::gather::Gathered;
use super::reason::Reason;
use super::refused::Refused;
use crate::clock::now;

/// What of a request was written.
#[derive(Clone, Copy, Default)]
pub(super) struct Written {
    samples: u64,
    histograms: u64,
    exemplars: u64,
}

/// Whether a content type is of a version of remote write; `None` for another protocol's.
pub(super) fn is_second(content_type: &str) -> Option<bool> {
    let mut parts = content_type.split(';').map(str::trim);
    if parts.next()? != "application/x-protobuf" {
        return None;
    }
    let mut messages = parts.filter_map(|part| part.strip_prefix("proto="));
    match messages.next().map(|message| message.trim_matches('"')) {
        None | Some("prometheus.writerequest") => Some(false),
        Some(message) if message.eq_ignore_ascii_case(SECOND) => Some(true),
        Some(_) => None,
    }
}

/// Makes the samples of a request durable. What was written of it stands in `written`, also where a part was not.
pub(super) fn store(door: &Door, sender: &Sender, unpacked: &Unpacked, written: &mut Written) -> Result<(), Refused> {
    let request = SecondRequest::read(unpacked)?;
    let (mut gathered, mut taken, mut told) = (door.gathered(sender), Written::default(), BTreeMap::new());
    request.entries(|entry| {
        told.extend(entry.told());
        take(entry, &mut gathered, &mut taken)
    })?;
    let (left_out, odd_exemplars) = (std::mem::take(&mut gathered.left_out), gathered.odd_exemplars);
    door.store(sender, gathered)?;
    *written = taken;
    door.tell(tenant_of(sender), told, now())?;
    // The answer says how many were written; samples are not refused for them.
    door.counters.refuse(Reason::Exemplar, odd_exemplars);
    left_out.told(&door.counters).map_err(Refused::Part)
}

fn take(entry: &SecondEntry<'_>, gathered: &mut Gathered, taken: &mut Written) -> Result<(), Refused> {
    if entry.is_unreadable {
        gathered.left_out.add(Reason::Unreadable, 1);
        return Ok(());
    }
    let labels: Vec<_> = entry.labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let of = |time, value| Point { name: entry.name.into(), labels: labels.clone(), kind: entry.kind(), time, value };
    for &(time, value) in &entry.samples {
        taken.samples += u64::from(gathered.take(&[of(time, Measured::Float(value))])?);
    }
    for message in &entry.histograms {
        match read_histogram(message) {
            Ok((time, Some(histogram))) => {
                let value = Measured::Histogram(Box::new(histogram));
                taken.histograms += u64::from(gathered.take(&[of(time, value)])?);
            }
            Ok((_, None)) => gathered.left_out.add(Reason::Histogram, 1),
            Err(_) => gathered.left_out.add(Reason::Unreadable, 1),
        }
    }
    gathered.odd_exemplars += entry.odd_exemplars;
    for exemplar in &entry.exemplars {
        let series = of(0, Measured::Float(0.0));
        taken.exemplars += u64::from(gathered.take_exemplar(&series, exemplar)?);
    }
    Ok(())
}

impl Written {
    /// The answer with what was written, as 2.0 has it.
    pub(super) fn told(self, response: Response) -> Response {
        let counts = [
            ("x-prometheus-remote-write-samples-written", self.samples),
            ("x-prometheus-remote-write-histograms-written", self.histograms),
            ("x-prometheus-remote-write-exemplars-written", self.exemplars),
        ];
        let headers = counts
            .into_iter()
            .map(|(name, count)| (axum::http::HeaderName::from_static(name), axum::http::HeaderValue::from(count)));
        (headers.collect::<HeaderMap>(), response).into_response()
    }
}
