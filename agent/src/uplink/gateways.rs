//! Where gateways are: names are resolved again and again, and every agent ranks the addresses in its own order.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use weir_discovery::{Server, Servers, rank};
use weir_wire::AgentId;

use crate::lookup::lookup;

/// An address and the name that its certificate must bear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gateway {
    pub address: SocketAddr,
    pub name: String,
}

/// The gateways as this agent ranks them.
#[derive(Debug)]
pub(crate) struct Gateways {
    servers: Servers,
    agent: AgentId,
    ranked: Vec<Gateway>,
    /// How often another one was asked for.
    moves: usize,
    resolved: Option<Instant>,
}

/// Names are resolved again after this long, so that gateways may come and go under a name.
const FRESH: Duration = Duration::from_secs(30);

impl Gateways {
    pub(crate) fn new(servers: Servers, agent: AgentId) -> Self {
        Self { servers, agent, ranked: Vec::new(), moves: 0, resolved: None }
    }

    /// The gateway to use now; `None` while no name resolves.
    pub(crate) async fn current(&mut self, now: Instant) -> Option<Gateway> {
        if self.resolved.is_none_or(|then| now.saturating_duration_since(then) >= FRESH) {
            self.resolved = Some(now);
            self.resolve().await;
        }
        self.ranked.get(self.moves % self.ranked.len().max(1)).cloned()
    }

    /// Turns to the next one from now on.
    pub(crate) fn move_on(&mut self) {
        self.moves += 1;
    }

    /// What does not resolve now keeps its addresses of before.
    async fn resolve(&mut self) {
        let mut found = Vec::new();
        for Server { host, port } in &self.servers.0 {
            match lookup(host, *port).await {
                Ok(addresses) => {
                    found.extend(addresses.into_iter().map(|address| Gateway { address, name: host.clone() }))
                }
                Err(error) => tracing::warn!(host, %error, "the gateway's name does not resolve"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn another_one_is_used_after_a_move() {
        let mut gateways = Gateways::new("127.0.0.1:1,127.0.0.1:2".parse().unwrap(), AgentId([1; 16]));
        let now = Instant::now();
        let first = gateways.current(now).await.unwrap();
        gateways.move_on();
        assert_ne!(gateways.current(now).await.unwrap(), first);
        gateways.move_on();
        assert_eq!(gateways.current(now).await.unwrap(), first);
    }
}
