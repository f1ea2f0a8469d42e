//! Where gateways are: names are resolved again and again, and every agent ranks the addresses in its own order.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use weir_discovery::{Server, Servers, rank};
use weir_wire::AgentId;

use crate::lookup::lookup;

/// An address and the name that its certificate must bear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gateway {
    pub address: SocketAddr,
    pub name: String,
}

/// A server, and the addresses under its name.
type LookedUp = (Server, std::io::Result<Vec<SocketAddr>>);

/// The gateways as this agent ranks them.
#[derive(Debug)]
pub(crate) struct Gateways {
    servers: Servers,
    agent: AgentId,
    ranked: Vec<Gateway>,
    /// How often another one was asked for.
    moves: usize,
    resolved: Option<Instant>,
    /// A look at the name servers, which takes long when they are away.
    lookup: Option<JoinHandle<Vec<LookedUp>>>,
    /// Names that did not resolve the last time.
    unresolved: HashSet<String>,
}

/// Names are resolved again after this long, so that gateways may come and go under a name; sooner while none resolves.
const FRESH: Duration = Duration::from_secs(30);
const FRESH_UNKNOWN: Duration = Duration::from_secs(5);

impl Gateways {
    pub(crate) fn new(servers: Servers, agent: AgentId) -> Self {
        let unresolved = HashSet::new();
        Self { servers, agent, ranked: Vec::new(), moves: 0, resolved: None, lookup: None, unresolved }
    }

    /// The gateway to use now; `None` while no name resolves, which is awaited for so long at most.
    pub(crate) async fn current(&mut self, now: Instant, patience: Duration) -> Option<Gateway> {
        let fresh = if self.ranked.is_empty() { FRESH_UNKNOWN } else { FRESH };
        if self.lookup.is_none() && self.resolved.is_none_or(|then| now.saturating_duration_since(then) >= fresh) {
            self.resolved = Some(now);
            self.lookup = Some(tokio::spawn(look_up(self.servers.clone())));
        }
        if let Some(lookup) = &mut self.lookup {
            let patience = if self.ranked.is_empty() { patience } else { Duration::ZERO };
            if let Ok(found) = tokio::time::timeout(patience, lookup).await {
                self.lookup = None;
                self.rank(found.unwrap_or_default());
            }
        }
        self.ranked.get(self.moves % self.ranked.len().max(1)).cloned()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ranked.len()
    }

    /// Turns to the next one from now on.
    pub(crate) fn move_on(&mut self) {
        self.moves += 1;
    }

    /// While nothing resolves, the addresses of before stay.
    fn rank(&mut self, looked_up: Vec<LookedUp>) {
        let mut found = Vec::new();
        for (Server { host, .. }, outcome) in looked_up {
            match outcome {
                Ok(addresses) => {
                    if self.unresolved.remove(&host) {
                        tracing::info!(host, "the gateway's name resolves again");
                    }
                    found.extend(addresses.into_iter().map(|address| Gateway { address, name: host.clone() }));
                }
                Err(error) => {
                    if self.unresolved.insert(host.clone()) {
                        tracing::warn!(host, %error, "the gateway's name does not resolve; it is asked for again");
                    }
                }
            }
        }
        if !found.is_empty() {
            let before = self.ranked.first().cloned();
            rank(&self.agent, &mut found, |gateway| gateway.address);
            self.ranked = found;
            if self.ranked.first() != before.as_ref() {
                self.moves = 0;
            }
        }
    }
}

async fn look_up(servers: Servers) -> Vec<LookedUp> {
    let mut found = Vec::with_capacity(servers.0.len());
    for server in servers.0 {
        let outcome = lookup(&server.host, server.port).await;
        found.push((server, outcome));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn another_one_is_used_after_a_move() {
        let mut gateways = Gateways::new("127.0.0.1:1,127.0.0.1:2".parse().unwrap(), AgentId([1; 16]));
        let now = Instant::now();
        let first = gateways.current(now, PATIENCE).await.unwrap();
        gateways.move_on();
        assert_ne!(gateways.current(now, PATIENCE).await.unwrap(), first);
        gateways.move_on();
        assert_eq!(gateways.current(now, PATIENCE).await.unwrap(), first);
    }
}
