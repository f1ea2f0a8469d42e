//! Datagrams: whatever arrives on the batch port of a gateway, or at an agent.

use weir_sample::Timestamp;
use weir_wire::{
    Ack, AgentId, DatagramKind, Epoch, FleetKey, HEADER_BYTES, Header, Hints, SessionKeys, TAG_BYTES, open, seal,
};

fn keys() -> SessionKeys {
    SessionKeys::new(&FleetKey { id: 1, secret: [9; 32] }.session(2, AgentId([3; 16]), 4))
}

fn header(kind: DatagramKind) -> Header {
    Header {
        kind,
        ack_wanted: true,
        dictionary: 1,
        key_id: 1,
        tenant: 2,
        expires: 4,
        agent: AgentId([3; 16]),
        epoch: Epoch(5),
        seq: 6,
    }
}

/// The bytes as a datagram, and the bytes as what a holder of the key has sealed.
pub fn run(data: &[u8]) {
    thread_local!(static KEYS: SessionKeys = keys());
    KEYS.with(|keys| {
        arrive(data, keys);
        sealed_ack(data, keys);
    });
}

fn arrive(data: &[u8], keys: &SessionKeys) {
    let header = Header::decode_any_length(data);
    assert_eq!(header.is_ok() && data.len() <= weir_wire::MAX_DATAGRAM_BYTES, Header::decode(data).is_ok());
    let _ = Ack::open(&mut data.to_vec(), keys);
    let mut bytes = data.to_vec();
    let Ok(header) = header else { return };
    let Ok(payload) = open(&mut bytes, keys) else { return };
    assert_eq!(payload.len(), data.len() - HEADER_BYTES - TAG_BYTES);
    if header.kind == DatagramKind::Batch {
        let mut again = Vec::new();
        seal(&header, payload, keys, &mut again);
        assert_eq!(again, data, "only what was sealed opens");
    }
}

fn sealed_ack(data: &[u8], keys: &SessionKeys) {
    let mut bytes = Vec::new();
    seal(&header(DatagramKind::Ack), data, keys, &mut bytes);
    if let Ok((_, ack)) = Ack::open(&mut bytes, keys) {
        assert!(ack.seqs.len() < data.len(), "no more numbers than bytes");
    }
}

/// A batch, an ack, and the content of an ack.
pub fn seeds() -> Vec<Vec<u8>> {
    let (keys, mut batch, mut sealed) = (keys(), Vec::new(), Vec::new());
    seal(&header(DatagramKind::Batch), b"what agents send", &keys, &mut batch);
    let ack = Ack { epoch: Epoch(5), seqs: vec![6, 7, 900], hints: Hints::default(), server_time: Timestamp(1 << 40) };
    ack.seal(&header(DatagramKind::Batch), [1; 12], &keys, &mut sealed);
    let content = vec![1, 0x80, 0x80, 0x80, 0x80, 0x10, 5, 6, 1, 0xFD, 6];
    vec![batch, sealed, content]
}
