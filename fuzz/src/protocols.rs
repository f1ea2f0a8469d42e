//! What other systems' senders bring: the first byte of an input says by which protocol.

use weir_formats::otlp::Told;
use weir_formats::remote_write::{Refused, SecondRequest, Unpacked, read_histogram};
use weir_formats::{Measured, Point, graphite, influx, otlp, push};
use weir_sample::Histogram;

/// Every reader answers or refuses, and what native histograms say can be kept.
pub fn run(data: &[u8]) {
    let Some((protocol, data)) = data.split_first() else { return };
    match protocol % 6 {
        0 => otlp_request(data),
        1 => otlp::from_json(data, 1 << 20).into_iter().for_each(|request| otlp_request(&request)),
        2 => lines_of_influxdb(data),
        3 => _ = graphite::read(data, 0),
        4 => pushed(data),
        _ => second(data),
    }
}

fn otlp_request(data: &[u8]) {
    let translation = otlp::Translation { promoted: vec!["a".to_owned()], ..otlp::Translation::default() };
    let _ = otlp::read(data, &translation, |told| match told {
        Told::Point(points) => points.iter().for_each(kept),
        Told::Resource(point) => kept(&point),
        Told::Exemplar(Some((point, _))) => kept(&point),
        Told::Exemplar(None) | Told::Described(..) | Told::LeftOut(_) => {}
    });
}

fn lines_of_influxdb(data: &[u8]) {
    let mut last = 0;
    for (number, line) in influx::lines(data) {
        assert!(number > last, "lines are counted");
        last = number;
        if let Ok(line) = influx::read(line) {
            line.points(influx::Precision::Seconds, 0, "db").0.iter().for_each(kept);
        }
    }
}

fn pushed(data: &[u8]) {
    let half = data.split_at(data.len() / 2);
    let grouping = std::str::from_utf8(half.0).ok().and_then(|path| push::grouping(path).ok()).unwrap_or_default();
    for is_protobuf in [false, true] {
        let _ = push::read(half.1, is_protobuf, &grouping, 0, |point| kept(&point));
    }
}

fn second(data: &[u8]) {
    let Ok(unpacked) = Unpacked::read(data) else { return };
    let Ok(request) = SecondRequest::read(&unpacked) else { return };
    let _ = request.entries(|entry| {
        entry.histograms.iter().for_each(|message| _ = read_histogram(message));
        Ok::<_, Refused>(())
    });
}

fn kept(point: &Point<'_>) {
    if let Measured::Histogram(histogram) | Measured::Window { histogram, .. } = &point.value {
        let mut bytes = Vec::new();
        histogram.encode(&mut bytes);
        let mut rest = &bytes[..];
        assert!(Histogram::decode(&mut rest).is_some() && rest.is_empty(), "{histogram:?}");
    }
}

/// One of each.
pub fn seeds() -> Vec<Vec<u8>> {
    let json = br#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":1}]}}}]},"scopeMetrics":[{"metrics":[{"name":"a","sum":{"aggregationTemporality":1,"isMonotonic":true,"dataPoints":[{"timeUnixNano":"9","asInt":1}]}},{"name":"e","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"count":3,"scale":9,"positive":{"offset":-1,"bucketCounts":[1,2]}}]}}]}]}]}"#;
    let request = otlp::from_json(json, 1 << 20).expect("it is one");
    // Ten bytes as they are, by snappy.
    let second = [&[10, 9 << 2][..], &[0x22, 0, 0x2a, 6, 0x0a, 2, 0, 0, 0x22, 0]].concat();
    let seeds: [&[u8]; 6] = [
        &request,
        json,
        b"a\\ b,c=d e=1,f=2i,g=\"h\\\"\",i=t 7\na b=1",
        b"a.b;c=d 0.5 1700000000",
        b"job@base64/L2E/zone/b%20c a{b=\"c\"} 1\n# TYPE d counter\nd 2",
        &second,
    ];
    (0..).zip(seeds).map(|(protocol, seed)| [&[protocol][..], seed].concat()).collect()
}
