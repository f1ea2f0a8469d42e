//! A target that a test serves, and families of metrics in protobuf for it to answer with.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

/// What is answered: a content type and a body.
pub type Page = (&'static str, Vec<u8>);

/// Answers each request by its path and its head, which is in small letters, for ever.
pub fn serve(answer: impl Fn(&str, &str) -> Page + Send + Sync + 'static) -> SocketAddr {
    listen(answer, false)
}

/// The same by connections that stay open.
pub fn serve_keeping(answer: impl Fn(&str, &str) -> Page + Send + Sync + 'static) -> SocketAddr {
    listen(answer, true)
}

fn listen(answer: impl Fn(&str, &str) -> Page + Send + Sync + 'static, keeps: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, answer) = (listener.local_addr().unwrap(), Arc::new(answer));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || while respond(&mut stream, &*answer, keeps).is_ok_and(|is_open| is_open) {});
        }
    });
    address
}

/// Answers one request; whether another may follow.
fn respond(stream: &mut TcpStream, answer: &dyn Fn(&str, &str) -> Page, keeps: bool) -> std::io::Result<bool> {
    let (mut request, mut piece) = (Vec::new(), [0; 4_096]);
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece)? {
            0 => return Ok(false),
            read => request.extend_from_slice(&piece[..read]),
        }
    }
    let head = String::from_utf8_lossy(&request).to_lowercase();
    let (kind, body) = answer(head.split(' ').nth(1).unwrap_or_default(), &head);
    let (length, end) = (body.len(), if keeps { "" } else { "connection: close\r\n" });
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{end}\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)?;
    Ok(keeps)
}

/// The content type of [`family`]'s bytes.
pub const FAMILIES: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Types of families, by their numbers.
pub const COUNTER: u64 = 0;
/// See [`COUNTER`].
pub const GAUGE: u64 = 1;
/// See [`COUNTER`].
pub const HISTOGRAM: u64 = 4;

/// A family of one metric without labels; `value` is the message of its type.
pub fn family(name: &str, help: &str, unit: &str, kind: u64, value: &[u8]) -> Vec<u8> {
    let place = match kind {
        COUNTER => 3,
        GAUGE => 2,
        _ => 7,
    };
    let texts = [field(1, name.as_bytes()), field(2, help.as_bytes()), field(5, unit.as_bytes())];
    let inside = [texts.concat(), number(3, kind), field(4, &field(place, value))].concat();
    [varint(inside.len() as u64), inside].concat()
}

/// A native histogram of schema 3 with these counts in its buckets 1, 2, …; and a classic bucket for each of `classic`.
pub fn histogram(counts: &[u64], sum: f64, classic: &[(f64, u64)]) -> Vec<u8> {
    let (total, mut before) = (counts.iter().sum::<u64>(), 0);
    let deltas = counts.iter().flat_map(|count| {
        let by = *count as i64 - std::mem::replace(&mut before, *count as i64);
        varint((by << 1 ^ by >> 63) as u64)
    });
    let deltas: Vec<u8> = deltas.collect();
    let mut out = [number(1, total), double(2, sum)].concat();
    for (bound, count) in classic {
        out.extend(field(3, &[number(1, *count), double(2, *bound)].concat()));
    }
    let span = [number(1, 2), number(2, counts.len() as u64)].concat();
    out.extend([number(5, 6), double(6, 1e-9), field(12, &span), field(13, &deltas)].concat());
    out
}

/// A field of bytes.
pub fn field(place: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(place << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A field of a number.
pub fn number(place: u64, value: u64) -> Vec<u8> {
    [varint(place << 3), varint(value)].concat()
}

/// A field of a double.
pub fn double(place: u64, value: f64) -> Vec<u8> {
    [varint(place << 3 | 1), value.to_le_bytes().to_vec()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}
