//! Requests that are right, over a limit or broken.

use super::super::{Label, MetricMetadata, Sample, TimeSeries, WriteRequest};
use super::*;

fn packed(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}

fn refused(compressed: &[u8]) -> String {
    let unpacked = match Unpacked::read(compressed) {
        Ok(unpacked) => unpacked,
        Err(refused) => return refused.to_string(),
    };
    walk(&unpacked).err().map(|refused| refused.to_string()).unwrap_or_default()
}

/// Reads all of a request; returns how many series it has.
fn walk(unpacked: &Unpacked) -> Result<usize, Refused> {
    let (mut entries, mut entry, mut count) = (Request::read(unpacked)?.entries(), Entry::default(), 0);
    while entries.read(&mut entry)? {
        if entry.is_unreadable {
            return Err(Refused::Protobuf("a series"));
        }
        entry.labels.iter().try_for_each(|bytes| read_label(bytes).map(drop))?;
        count += 1;
    }
    Ok(count)
}

fn one(labels: &[(&str, &str)]) -> WriteRequest {
    let labels = labels.iter().map(|(name, value)| Label { name: (*name).into(), value: (*value).into() }).collect();
    let samples = vec![Sample { value: 0.5, timestamp: 7 }, Sample { value: -1.0, timestamp: -8 }];
    let timeseries = vec![TimeSeries { labels, samples, histograms: vec![vec![1]] }];
    WriteRequest { timeseries, metadata: Vec::new() }
}

#[test]
fn what_is_no_request_is_refused() {
    let check = |compressed: &[u8], expected: &str| {
        let seen = refused(compressed);
        assert!(seen.contains(expected), "{seen}");
    };
    check(b"\xff\xff\xff\xff\xff\xff", "not snappy-compressed");
    check(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0], "more than 25165824 bytes unpacked");
    check(&packed(b"up 1 2"), "no remote-write request");
    check(&packed(&[0x0a, 9, 0x0a, 2, 0x0a, 9]), "cut off");
    check(&packed(&[0x0a, 4, 0x0a, 2, 0x0a, 9]), "cut off");
    check(&packed(&[0x0a, 5, 0x0a, 3, 0x0a, 1, 0xff]), "not UTF-8");
    check(&packed(&[0x0a, 4, 0x12, 2, 0x08, 1]), "a series");
    let whole = one(&[("__name__", "x")]).write();
    assert_eq!(refused(&whole), "");
}

#[test]
fn many_messages_of_no_size_are_over_a_limit() {
    let check = |message: &[u8], times: u64, expected: &str| {
        let bytes = message.repeat(times as usize);
        assert!(refused(&packed(&bytes)).contains(expected), "{}", refused(&packed(&bytes)));
        assert_eq!(refused(&packed(&bytes[message.len()..])), "");
    };
    check(&[0x0a, 0], MOST_SERIES + 1, "more than 100000 series");
    check(&[0x1a, 0], MOST_METADATA + 1, "more than 100000 entries of metadata");
    let samples = [&[0x0a, 200, 1][..], &[0x12, 0].repeat(100)].concat();
    check(&samples, MOST_SAMPLES / 100 + 1, "more than 250000 samples");
}

#[test]
fn a_series_is_read_where_it_lies() {
    let labels = [("b", "2"), ("__name__", "x"), ("a", ""), ("a", "1")];
    let unpacked = Unpacked::read(&one(&labels).write()).unwrap();
    let (mut entries, mut entry) = (Request::read(&unpacked).unwrap().entries(), Entry::default());
    assert!(entries.read(&mut entry).unwrap());
    assert_eq!(entry.labels.iter().map(|bytes| read_label(bytes).unwrap()).collect::<Vec<_>>(), labels);
    assert_eq!((&*entry.samples, &*entry.histograms), (&[(7, 0.5), (-8, -1.0)][..], &[&[1][..]][..]));
    assert!(!entries.read(&mut entry).unwrap());
}

#[test]
fn the_kind_is_what_the_metadata_say_or_the_name() {
    let metadata = vec![MetricMetadata {
        kind: 2,
        metric_family_name: "seats_total".into(),
        help: "Free seats.".into(),
        unit: "seats".into(),
    }];
    let unpacked = Unpacked::read(&WriteRequest { timeseries: Vec::new(), metadata }.write()).unwrap();
    let request = Request::read(&unpacked).unwrap();
    assert_eq!((request.kind_of("seats_total"), request.kind_of("jobs_total")), (Kind::Gauge, Kind::Counter));
    assert_eq!(request.kind_of("temperature"), Kind::Gauge);
    let told: Vec<_> = request
        .told()
        .map(|(name, told)| format!("{name} {} [{}] {}", told.kind.word(), told.unit, told.help))
        .collect();
    assert_eq!(told, ["seats_total gauge [seats] Free seats."]);
}
