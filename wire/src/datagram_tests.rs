//! Forgery: whatever is changed, taken from elsewhere or turned around is refused.

use weir_sample::Timestamp;

use crate::{
    Ack, AgentId, DatagramKind, Epoch, FleetKey, HEADER_BYTES, Header, Hints, MAX_DATAGRAM_BYTES, Refusal, SessionKeys,
    TAG_BYTES, open, seal,
};

const AGENT: AgentId = AgentId([7; 16]);

fn fleet_key() -> FleetKey {
    FleetKey { id: 3, secret: [9; 32] }
}

fn keys() -> SessionKeys {
    SessionKeys::new(&fleet_key().session(1, AGENT, 2_000_000_000))
}

fn header() -> Header {
    Header {
        kind: DatagramKind::Batch,
        ack_wanted: true,
        dictionary: 1,
        key_id: 3,
        tenant: 1,
        expires: 2_000_000_000,
        agent: AGENT,
        epoch: Epoch(0x1234_5678_9ABC),
        seq: 42,
    }
}

fn sealed() -> Vec<u8> {
    let mut out = Vec::new();
    seal(&header(), b"a batch of samples", &keys(), &mut out);
    out
}

#[test]
fn what_was_sealed_opens() {
    let mut datagram = sealed();
    assert_eq!(Header::decode(&datagram), Ok(header()));
    assert_eq!(open(&mut datagram, &keys()).unwrap(), b"a batch of samples");
}

#[test]
fn every_flipped_bit_is_refused() {
    for bit in 0..sealed().len() * 8 {
        let mut datagram = sealed();
        datagram[bit / 8] ^= 1 << (bit % 8);
        // A receiver derives the keys from the header it sees, so a changed header meets other keys as well.
        let opened = Header::decode(&datagram).and_then(|seen| {
            let session = FleetKey { id: seen.key_id, ..fleet_key() }.session(seen.tenant, seen.agent, seen.expires);
            open(&mut datagram, &SessionKeys::new(&session)).map(|payload| payload.to_vec())
        });
        assert!(opened.is_err(), "bit {bit} was not missed");
    }
}

#[test]
fn a_resend_repeats_the_same_bytes() {
    assert_eq!(sealed(), sealed());
}

#[test]
fn other_keys_do_not_open() {
    let check = |session: crate::Session| {
        assert_eq!(open(&mut sealed(), &SessionKeys::new(&session)), Err(Refusal::Tag));
    };
    check(fleet_key().session(2, AGENT, 2_000_000_000));
    check(fleet_key().session(1, AgentId([8; 16]), 2_000_000_000));
    check(fleet_key().session(1, AGENT, 2_000_000_001));
    check(FleetKey { id: 3, secret: [8; 32] }.session(1, AGENT, 2_000_000_000));
}

#[test]
fn malformed_headers_are_named() {
    let check = |change: fn(&mut Vec<u8>), expected: Refusal| {
        let mut datagram = sealed();
        change(&mut datagram);
        assert_eq!(Header::decode(&datagram), Err(expected));
    };
    check(|d| d.truncate(HEADER_BYTES + 15), Refusal::TooShort);
    check(|d| d.clear(), Refusal::TooShort);
    check(|d| d.resize(MAX_DATAGRAM_BYTES + 1, 0), Refusal::TooLong);
    check(|d| d[0] = b'X', Refusal::Magic);
    check(|d| d[2] = 2, Refusal::Version);
}

#[test]
fn the_shortest_and_the_longest_datagram_are_read() {
    for bytes in [HEADER_BYTES + TAG_BYTES, MAX_DATAGRAM_BYTES] {
        let mut datagram = sealed();
        datagram.resize(bytes, 0);
        assert_eq!(Header::decode(&datagram), Ok(header()), "{bytes}");
    }
    // Frames of streams have a limit of their own.
    let mut frame = sealed();
    frame.resize(MAX_DATAGRAM_BYTES + 1, 0);
    assert_eq!(Header::decode_any_length(&frame), Ok(header()));
}

#[test]
fn acks_and_batches_do_not_pass_for_each_other() {
    let ack = Ack {
        epoch: Epoch(5),
        seqs: vec![9, 3, 4],
        hints: Hints { drain: true, slow: false },
        server_time: Timestamp(1_700),
    };
    let mut bytes = Vec::new();
    ack.seal(&header(), [0xFF; 12], &keys(), &mut bytes);
    assert_eq!(Ack::open(&mut bytes.clone(), &keys()).map(|(_, ack)| ack), Ok(ack));
    assert_eq!(open(&mut bytes.clone(), &keys()), Err(Refusal::Tag));
    let mut batch = sealed();
    assert_eq!(Ack::open(&mut batch, &keys()), Err(Refusal::Direction));
    // Even with the direction bit turned, the keys differ.
    batch[3] ^= 0x80;
    assert_eq!(Ack::open(&mut batch, &keys()), Err(Refusal::Tag));
}

#[test]
fn an_ack_is_no_larger_than_promised_and_may_be_as_large() {
    let largest = (1 << 48) - 1;
    // Each step from one number to the next is as long as can be.
    for seqs in [vec![largest], vec![largest, largest - 1], vec![largest, largest - 1, largest - 2]] {
        let count = seqs.len();
        let ack = Ack { epoch: Epoch(largest), seqs, hints: Hints::default(), server_time: Timestamp((1 << 49) - 1) };
        let mut bytes = Vec::new();
        ack.seal(&header(), [0; 12], &keys(), &mut bytes);
        assert_eq!(bytes.len(), Ack::max_bytes(count));
        assert_eq!(Ack::open(&mut bytes, &keys()).map(|(_, ack)| ack), Ok(ack));
    }
}
