//! Remote write 2.0 as a sender sees it.

use super::*;

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    varint(&mut out, bytes.len() as u64);
    out.extend_from_slice(bytes);
    out
}

fn sample(millis: i64, value: f64) -> Vec<u8> {
    let mut sample = [&[9][..], &value.to_le_bytes(), &[16]].concat();
    varint(&mut sample, millis as u64);
    field(2, &sample)
}

/// Three observations, each above 1 and at most 2.
fn histogram(millis: i64) -> Vec<u8> {
    let mut histogram = [&[8, 3, 25][..], &4.5_f64.to_le_bytes(), &[32, 0]].concat();
    histogram.extend([field(11, &[8, 2, 16, 1]), field(12, &[6])].concat());
    histogram.push(120);
    varint(&mut histogram, millis as u64);
    field(3, &histogram)
}

/// Status, text and counts of what was written.
fn send(server: &Server, symbols: &[&str], series: &[Vec<u8>]) -> (u16, String, [String; 3]) {
    let symbols = symbols.iter().map(|symbol| field(4, symbol.as_bytes()));
    let body: Vec<u8> = symbols.chain(series.iter().map(|series| field(5, series))).flatten().collect();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(format!("http://{}/api/v1/write", server.address));
    let request = request.header("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request");
    let mut answer = request.send(&snap::raw::Encoder::new().compress_vec(&body).unwrap()[..]).unwrap();
    let written = ["samples", "histograms", "exemplars"].map(|what| {
        let header = answer.headers().get(format!("x-prometheus-remote-write-{what}-written"));
        header.map_or("-", |count| count.to_str().unwrap()).to_owned()
    });
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap(), written)
}

const SYMBOLS: [&str; 6] = ["", "__name__", "x", "job", "a", "h"];

#[test]
fn what_is_written_is_told_and_stored() {
    let (server, now) = (Server::start(None), now().millis());
    let one = [field(1, &[1, 2, 3, 4]), sample(now - 1, 1.0), sample(now, 2.0), field(4, &[]), field(5, &[8, 1])];
    let other = [field(1, &[1, 5]), histogram(now)];
    let (status, _, written) = send(&server, &SYMBOLS, &[one.concat(), other.concat()]);
    assert_eq!((status, written), (204, ["2", "1", "0"].map(String::from)));
    assert_eq!(server.stored("x"), [("x{job=\"a\"}".into(), vec![now - 1, now], vec![1.0, 2.0])]);
    let counters = &server.counters.remote_write;
    assert_eq!((counters.taken(), counters.refused(Reason::Exemplar)), (3, 1));
}

#[test]
fn a_part_that_cannot_be_kept_is_told_beside_what_was_written() {
    let (server, now) = (Server::start(None), now().millis());
    let good = [field(1, &[1, 2]), sample(now, 1.0), sample(0, 1.0), sample(now, 1.0), sample(now, 2.0)];
    let nameless = [field(1, &[3, 4]), sample(now, 1.0)];
    let (status, text, written) = send(&server, &SYMBOLS, &[good.concat(), nameless.concat()]);
    assert_eq!((status, written), (400, ["2", "0", "0"].map(String::from)), "{text}");
    for part in ["1 samples are older", "1 samples have no metric name", "1 samples have another value"] {
        assert!(text.contains(part), "{text}");
    }
    let broken = [field(1, &[1, 200, 1]), sample(now, 1.0)];
    let (status, text, written) =
        send(&server, &SYMBOLS, &[[field(1, &[1, 5]), sample(now, 1.0)].concat(), broken.concat()]);
    assert!(status == 400 && text.contains("1 are of series that cannot be read"), "{text}");
    assert_eq!((written, server.stored("h").len()), (["1", "0", "0"].map(String::from), 1));
}

#[test]
fn a_symbol_that_is_no_text_costs_the_series_that_use_it() {
    let (server, now) = (Server::start(None), now().millis());
    let symbols = [&b""[..], b"__name__", b"good", b"b\xffd", b"k6.a"].map(|symbol| field(4, symbol));
    let series = |references: &[u8]| field(5, &[field(1, references), sample(now, 1.0)].concat());
    let body = [symbols.concat(), series(&[1, 2]), series(&[1, 3]), series(&[1, 2, 4, 3]), series(&[1, 4])].concat();
    let packed = snap::raw::Encoder::new().compress_vec(&body).unwrap();
    let (status, text) = server.post("", "application/x-protobuf;proto=io.prometheus.write.v2.Request", &packed);
    assert!(status == 400 && text.contains("2 are of series that cannot be read"), "{text}");
    assert_eq!((server.stored("good").len(), server.stored(r#"{"k6.a"}"#).len()), (1, 1));
}
