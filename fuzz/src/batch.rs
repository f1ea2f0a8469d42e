//! Batches: what an agent's key holder can make a gateway and a sink unpack.

use weir_sample::{Distinct, Histogram, Kind, Series, Timestamp, Value, Window};
use weir_wire::{Batch, Decoder, Encoder, Totals, Values, decode};

/// Unpacks by both ways; what a decoder takes, an encoder can write, and the decoder takes that for the same.
pub fn run(data: &[u8]) {
    thread_local!(static DECODER: std::cell::RefCell<Decoder> = Decoder::new().into());
    let kinds = DECODER.with_borrow_mut(|decoder| by_position(data, decoder));
    let Ok(batch) = decode(data) else { return };
    assert_eq!(kinds, Some(batch.points.iter().map(|(_, value)| value.kind()).collect()));
    if batch.window.end().millis() < 0 || !is_ordered(&batch) {
        return;
    }
    let (payloads, left_out) = Encoder::new().encode(&batch, usize::MAX);
    assert_eq!((payloads.len(), left_out), (1, 0));
    let again = decode(&payloads[0]).expect("just encoded");
    assert_eq!((again.window, again.totals), (batch.window, batch.totals));
    assert_eq!(plain(&again), plain(&batch));
}

fn by_position(data: &[u8], decoder: &mut Decoder) -> Option<Vec<Kind>> {
    let head = decoder.head(data).ok()?;
    let layout = decoder.layout(&head).ok()?;
    assert_eq!((layout.id, layout.kinds.len()), (head.layout_id, layout.series.len()));
    for series in &layout.series {
        assert_eq!(Series::from_key(series.key()).as_ref(), Some(series), "only canonical keys come out");
    }
    let mut values = Values::default();
    // A receiver may hold the kinds of another layout with the same id, if a sender finds one.
    let _ = decoder.values(&head, &[Kind::Gauge; 7], &mut values);
    decoder.values(&head, &layout.kinds, &mut values).ok()?;
    assert_eq!(values.floats.len(), layout.kinds.len());
    Some(layout.kinds)
}

fn is_ordered(batch: &Batch) -> bool {
    batch.points.is_sorted_by(|a, b| a.0 < b.0)
}

/// Floats by their bits: NaN is like itself here.
fn plain(batch: &Batch) -> Vec<(Series, Result<u64, String>)> {
    let value = |value: &Value| match value {
        Value::Counter(number) | Value::Gauge(number) => Ok(number.to_bits()),
        other => Err(format!("{other:?}")),
    };
    batch.points.iter().map(|(series, point)| (series.clone(), value(point))).collect()
}

/// Batches with every kind of value, packed and plain.
pub fn seeds() -> Vec<Vec<u8>> {
    let series = |name: &str, route: &str| Series::new(name, [("host", "web-1"), ("route", route)]);
    let mut histogram = Histogram::new();
    (1..50).for_each(|n| histogram.insert_weighted(f64::from(n * n), 1.0));
    let mut set = Distinct::new();
    (0..300u32).for_each(|member| set.insert(&member.to_le_bytes()));
    let all = vec![
        (series("requests_total", "/"), Value::Counter(12.0)),
        (series("requests_total", "/login"), Value::Counter(7.5)),
        (series("memory_bytes", ""), Value::Gauge(8_589_934_592.0)),
        (series("latency_seconds", "/"), Value::Distribution(Box::new(histogram))),
        (series("users", "/"), Value::Set(Box::new(set))),
    ];
    let batch = |points: &[(Series, Value)]| Batch {
        window: Window::ending(Timestamp(1_800_000_000_000), 10_000),
        totals: Totals { sealed_batches: 3, ..Totals::default() },
        points: points.to_vec(),
    };
    let mut encoder = Encoder::new();
    let mut payloads: Vec<Vec<u8>> =
        (0..=all.len()).flat_map(|end| encoder.encode(&batch(&all[..end]), usize::MAX).0).collect();
    payloads.extend(all.iter().flat_map(|point| encoder.encode(&batch(std::slice::from_ref(point)), usize::MAX).0));
    let plain: Vec<Vec<u8>> = (1..=all.len()).map(|end| unpacked(&mut encoder, &batch(&all[..end]))).collect();
    payloads.extend(plain);
    payloads
}

/// A batch with its sections stored plain, so that mutations reach what stands in them.
fn unpacked(encoder: &mut Encoder, batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, batch.window.end().millis() as u64);
    varint(&mut out, 10_000);
    out.extend(batch.totals.encode());
    let [keys, values] = encoder.plain_sections(batch);
    varint(&mut out, keys.len() as u64 + 1);
    out.push(0);
    out.extend(keys);
    out.push(0);
    out.extend(values);
    out
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
