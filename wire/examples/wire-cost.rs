//! What a batch costs on the wire and on the CPU.
//!
//!     cargo run --release -p weir-wire --example wire-cost

mod host_batch;

use std::hint::black_box;
use std::time::Instant;

use host_batch::Fleet;
use weir_wire::{
    AgentId, DatagramKind, Decoder, Encoder, Epoch, FleetKey, HEADER_BYTES, Header, SessionKeys, TAG_BYTES, Values,
    open, seal,
};

/// IPv4 and UDP headers.
const NETWORK_BYTES: usize = 28;
const ROUNDS: u32 = 500;
/// The quickest of so many: what other processes do to the machine only ever adds.
const TRIES: u32 = 60;

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn main() {
    // Another seed than the dictionary was trained with: hosts it has not seen.
    let mut fleet = Fleet::new(77);
    let mut encoder = Encoder::new();
    for host in [4, 9, 14] {
        let batches: Vec<_> = (0..50).map(|window| fleet.batch(host + 1_000, window)).collect();
        let points = batches[0].points.len();
        let payloads: Vec<Vec<u8>> = batches.iter().flat_map(|batch| encoder.encode(batch, 1_142).0).collect();
        let bytes: usize =
            payloads.iter().map(|payload| payload.len() + HEADER_BYTES + TAG_BYTES + NETWORK_BYTES).sum();
        let per_sample = bytes as f64 / (points * batches.len()) as f64;
        println!(
            "{points} samples a batch: {} datagrams, {per_sample:.2} bytes per sample all-in",
            payloads.len() / batches.len()
        );
    }

    let batch = fleet.batch(9, 3);
    let samples = batch.points.len() as f64;
    let payload = encoder.encode(&batch, 1_142).0.remove(0);
    let session = FleetKey { id: 1, secret: [7; 32] }.session(0, AgentId([1; 16]), u32::MAX);
    let keys = SessionKeys::new(&session);
    let header = Header {
        kind: DatagramKind::Batch,
        ack_wanted: true,
        dictionary: weir_wire::DICTIONARY_ID,
        key_id: 1,
        tenant: 0,
        expires: u32::MAX,
        agent: session.agent,
        epoch: Epoch(1),
        seq: 1,
    };
    let (mut sealed, mut decoder, mut values) = (Vec::new(), Decoder::new(), Values::default());
    seal(&header, &payload, &keys, &mut sealed);
    let head = decoder.head(&payload).expect("just encoded");
    let layout = decoder.layout(&head).expect("just encoded");
    let report = |name: &str, mut work: Box<dyn FnMut() + '_>| {
        let tries = (0..TRIES).map(|_| {
            let started = Instant::now();
            (0..ROUNDS).for_each(|_| work());
            started.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
        });
        let nanos = tries.fold(f64::INFINITY, f64::min);
        println!("{name:28} {nanos:8.0} ns a datagram {:8.1} ns a sample", nanos / samples);
    };
    report("encode", Box::new(|| drop(black_box(encoder.encode(&batch, 1_142)))));
    report("seal", Box::new(|| seal(&header, &payload, &keys, black_box(&mut Vec::with_capacity(1_200)))));
    report(
        "derive and prepare a key",
        Box::new(|| {
            black_box(SessionKeys::new(&session));
        }),
    );
    let mut buffer = sealed.clone();
    report(
        "open",
        Box::new(|| {
            buffer.copy_from_slice(&sealed);
            black_box(open(&mut buffer, &keys)).expect("just sealed");
        }),
    );
    report(
        "refuse a forged one",
        Box::new(|| {
            buffer.copy_from_slice(&sealed);
            buffer[60] ^= 1;
            black_box(open(&mut buffer, &keys)).expect_err("forged");
        }),
    );
    report(
        "read values, layout known",
        Box::new(|| {
            let head = decoder.head(&payload).expect("just encoded");
            decoder.values(&head, &layout.kinds, black_box(&mut values)).expect("just encoded");
        }),
    );
    let mut decoder = Decoder::new();
    report(
        "read layout",
        Box::new(|| {
            let head = decoder.head(&payload).expect("just encoded");
            drop(black_box(decoder.layout(&head)));
        }),
    );
}
