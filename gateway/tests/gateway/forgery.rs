//! Forgery over real sockets: whatever is not what an agent sealed for gateways is refused, counted, and not answered.

use weir_wire::{Ack, AgentId, HEADER_BYTES, Hints, MAX_DATAGRAM_BYTES, Refusal, TAG_BYTES};

use crate::site::{AGENT, Agent, EPOCH, Site, eventually, now, payload};

/// All that was refused, whatever the reason.
fn refused(site: &Site) -> f64 {
    Refusal::ALL.iter().map(|refusal| site.refused(refusal.reason())).sum()
}

/// Sends them a few at a time, so that no buffer overflows, and waits until all are refused.
fn assert_all_refused(site: &Site, agent: &Agent, forgeries: impl Iterator<Item = Vec<u8>>) {
    let mut expected = refused(site);
    for (sent, forgery) in forgeries.enumerate() {
        agent.send(&forgery);
        expected += 1.0;
        if sent % 64 == 63 {
            eventually(|| refused(site) == expected, "a refusal for each");
        }
    }
    eventually(|| refused(site) == expected, "a refusal for each");
}

#[test]
fn every_flipped_bit_of_a_datagram_is_refused() {
    let site = Site::new();
    let agent = site.agent();
    let good = agent.sealed(1);
    let flipped = |bit: usize| {
        let mut datagram = good.clone();
        datagram[bit / 8] ^= 1 << (bit % 8);
        datagram
    };
    assert_all_refused(&site, &agent, (0..good.len() * 8).map(flipped));
    agent.assert_nothing_came_before(2);
    assert_eq!(site.queued(), [2]);
}

#[test]
fn every_cut_of_a_datagram_is_refused() {
    let site = Site::new();
    let agent = site.agent();
    let good = agent.sealed(1);
    assert_all_refused(&site, &agent, (0..good.len()).map(|length| good[..length].to_vec()));
    assert_eq!(site.refused("too_short"), (HEADER_BYTES + TAG_BYTES) as f64);
    agent.assert_nothing_came_before(2);
}

#[test]
fn an_ack_sent_back_is_refused_by_its_direction_whoever_sealed_it() {
    let site = Site::new();
    let agent = site.agent();
    agent.send(&agent.sealed(1));
    let mut ack = [0; MAX_DATAGRAM_BYTES];
    let length = agent.socket.recv(&mut ack).unwrap();
    agent.send(&ack[..length]);
    site.wait_for_refused("direction", 1.0);
    // With the direction's bit turned, the key of batches does not open it.
    ack[3] ^= 0x80;
    agent.send(&ack[..length]);
    site.wait_for_refused("tag", 1.0);
    let mut forged = Vec::new();
    let claims = Ack { epoch: EPOCH, seqs: vec![1, 2, 3], hints: Hints::default(), server_time: now() };
    claims.seal(&agent.header(1), [9; 12], &agent.keys, &mut forged);
    agent.send(&forged);
    site.wait_for_refused("direction", 2.0);
    agent.assert_nothing_came_before(2);
    assert_eq!(site.queued(), [1, 2]);
}

#[test]
fn an_agent_cannot_speak_for_another_whatever_it_puts_in_the_header() {
    let site = Site::new();
    let agent = site.agent();
    let key = site.access.keys.signing(now()).unwrap();
    let other = AgentId([8; 16]);
    let thief = Agent::new(key.session(5, other, agent.session.expires), site.running.batch_address());
    let as_another = |header| thief.sealed_as(&header, &payload(1));
    let header = thief.header(1);
    let forgeries = [
        as_another(weir_wire::Header { agent: AGENT, ..header }),
        as_another(weir_wire::Header { tenant: 6, ..header }),
        as_another(weir_wire::Header { expires: header.expires + 1, ..header }),
        as_another(weir_wire::Header { key_id: header.key_id + 1, ..header }),
    ];
    assert_all_refused(&site, &thief, forgeries.into_iter());
    assert_eq!((site.refused("tag"), site.refused("unknown_key")), (3.0, 1.0));
    agent.assert_nothing_came_before(2);
    assert_eq!(site.queued(), [2]);
}
