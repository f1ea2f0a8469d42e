//! Each other collector is asked, again and again, whether it lives. An address that answers as this very run is this one's.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, Uri};
use serde::Deserialize;
use tokio::sync::watch;
use weir_fetch::{Ask, Client, ClientSettings, Connection, Room};

use super::fleet::{Fleet, Membership};
use super::view::{PROBE_EVERY, View, tell};

/// What a collector says of itself at `/api/v1/member`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Said {
    instance: String,
    /// It ends, and its targets are for others to take.
    leaving: bool,
}

/// One address, and what is known of who is there.
#[derive(Default)]
struct Peer {
    connection: Option<Connection>,
    said: Option<Said>,
    /// Questions without an answer since the last one.
    silent: u32,
}

const PATIENCE: Duration = Duration::from_secs(1);
/// A collector that did not answer so often is no member any more. One that is started anew at once stays one.
const MOST_SILENT: u32 = 2;
const ANSWER_BYTES: usize = 4 << 10;

/// Looks at the others, for ever, and tells whenever there is a difference.
pub(super) async fn watch_peers(fleet: Fleet, view: watch::Sender<Option<View>>) {
    let (mut peers, mut names) = (BTreeMap::<String, Peer>::new(), BTreeSet::new());
    let client = match Client::new(&ClientSettings::default()) {
        Ok(client) => Arc::new(client),
        Err(fault) => return tracing::error!(fault, "other collectors cannot be asked"),
    };
    let mut me = fleet.advertised.clone();
    loop {
        let mut fault = None;
        match addresses(&fleet.membership).await {
            Ok(found) => names = found,
            // Who was there is still asked.
            Err(told) => fault = Some(told),
        }
        peers.retain(|name, _| names.contains(name));
        let asked = names.iter().map(|name| (name.clone(), peers.remove(name).unwrap_or_default()));
        let asked: Vec<_> = asked.map(|(name, peer)| tokio::spawn(ask(client.clone(), name, peer))).collect();
        for task in asked {
            if let Ok((name, peer)) = task.await {
                peers.insert(name, peer);
            }
        }
        let told = seen(&fleet, &peers, &mut me, fault);
        tell(&view, told);
        tokio::time::sleep(PROBE_EVERY).await;
    }
}

async fn addresses(membership: &Membership) -> Result<BTreeSet<String>, String> {
    match membership {
        Membership::Alone | Membership::Redis(_) => Ok(BTreeSet::new()),
        Membership::Peers(list) => Ok(list.iter().cloned().collect()),
        Membership::Name(name) => {
            let found = tokio::time::timeout(PATIENCE * 5, tokio::net::lookup_host(name)).await;
            let found = found.map_err(|_| format!("{name} is not resolved within {:?}", PATIENCE * 5))?;
            Ok(found.map_err(|error| format!("{name}: {error}"))?.map(|address| address.to_string()).collect())
        }
    }
}

async fn ask(client: Arc<Client>, name: String, mut peer: Peer) -> (String, Peer) {
    match tokio::time::timeout(PATIENCE, member(&client, &name, &mut peer.connection)).await {
        Ok(Some(said)) => (peer.said, peer.silent) = (Some(said), 0),
        _ => {
            (peer.connection, peer.silent) = (None, peer.silent.saturating_add(1));
            if peer.silent >= MOST_SILENT {
                peer.said = None;
            }
        }
    }
    (name, peer)
}

async fn member(client: &Client, name: &str, connection: &mut Option<Connection>) -> Option<Said> {
    let uri: Uri = format!("http://{name}/api/v1/member").parse().ok()?;
    let room = Room::of(0);
    let ask = Ask { method: Method::GET, uri, headers: &[], body: Bytes::new(), limit: ANSWER_BYTES, room: &room };
    let answer = client.ask(connection, ask).await.ok()?;
    serde_json::from_slice(&answer.body).ok()
}

/// The view that the answers give. Several addresses of one collector are one member, by the first of them.
fn seen(fleet: &Fleet, peers: &BTreeMap<String, Peer>, me: &mut Option<String>, fault: Option<String>) -> View {
    let (mut live, mut known) = (Vec::new(), HashMap::new());
    for (name, said) in peers.iter().filter_map(|(name, peer)| Some((name, peer.said.as_ref()?))) {
        if said.instance == fleet.instance && fleet.advertised.is_none() {
            me.get_or_insert_with(|| name.clone());
        }
        if !said.leaving && known.insert(&said.instance, ()).is_none() && said.instance != fleet.instance {
            live.push(name.clone());
        }
    }
    let missing = "none of the addresses of collectors is this one's, so that others do not count on it and its targets are asked \
                   twice: does the list have the address of its --listen, as others reach it (or --advertise)?";
    let fault = fault.or_else(|| me.is_none().then(|| missing.to_owned()));
    let me = me.clone().unwrap_or_else(|| fleet.instance.clone());
    live.push(me.clone());
    live.sort();
    live.dedup();
    View { me, live, fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet() -> Fleet {
        Fleet { membership: Membership::Alone, advertised: None, replicas: 1, instance: "own".into() }
    }

    fn check(answers: &[(&str, &str, bool)], me: &str, live: &[&str], is_fault: bool) {
        let peer = |&(name, instance, leaving): &(&str, &str, bool)| {
            let said = (!instance.is_empty()).then(|| Said { instance: instance.into(), leaving });
            (name.to_owned(), Peer { said, ..Peer::default() })
        };
        let view = seen(&fleet(), &answers.iter().map(peer).collect(), &mut None, None);
        let found: Vec<_> = view.live.iter().map(String::as_str).collect();
        assert_eq!((view.me.as_str(), &*found, view.fault.is_some()), (me, live, is_fault), "{answers:?}");
    }

    #[test]
    fn members_are_who_answers_and_does_not_leave_and_always_this_one() {
        check(&[("a:1", "own", false), ("b:1", "x", false), ("c:1", "", false)], "a:1", &["a:1", "b:1"], false);
        check(&[("a:1", "own", true), ("b:1", "x", true)], "a:1", &["a:1"], false);
        check(&[("b:1", "x", false)], "own", &["b:1", "own"], true);
    }

    #[test]
    fn one_collector_with_two_addresses_is_one_member() {
        check(&[("a:1", "x", false), ("b:1", "own", false), ("c:1", "x", false)], "b:1", &["a:1", "b:1"], false);
        check(&[("a:1", "own", false), ("b:1", "own", false)], "a:1", &["a:1"], false);
    }
}
