//! Where gateways are: names are resolved again and again, and every agent ranks the addresses in its own order.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::{Duration, Instant};

use serde::Deserialize;
pub(crate) use weir_link::Server;
use weir_wire::AgentId;
use xxhash_rust::xxh3::xxh3_64;

use crate::resolver;

/// One or more of them: a text with commas between, or a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Listed")]
pub(crate) struct Servers(pub Vec<Server>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Listed {
    One(String),
    Many(Vec<String>),
}

impl FromStr for Servers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl TryFrom<Listed> for Servers {
    type Error = String;

    fn try_from(listed: Listed) -> Result<Self, String> {
        match listed {
            Listed::One(text) => text.parse(),
            Listed::Many(texts) if texts.is_empty() => Err("an empty list: name at least one gateway".into()),
            Listed::Many(texts) => texts.iter().map(|text| text.parse()).collect::<Result<_, _>>().map(Self),
        }
    }
}

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Server { host, port }) in self.0.iter().enumerate() {
            write!(f, "{}{host}:{port}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

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
            match resolver::lookup(host, *port).await {
                Ok(addresses) => {
                    found.extend(addresses.into_iter().map(|address| Gateway { address, name: host.clone() }))
                }
                Err(error) => tracing::warn!(host, %error, "the gateway's name does not resolve"),
            }
        }
        if !found.is_empty() {
            let before = self.ranked.first().cloned();
            self.ranked = ranked(found, self.agent);
            if self.ranked.first() != before.as_ref() {
                self.moves = 0;
            }
        }
    }
}

/// Rendezvous hashing: each agent has an order of its own, and a gateway that goes or comes moves only its own agents.
fn ranked(mut gateways: Vec<Gateway>, agent: AgentId) -> Vec<Gateway> {
    let weight = |gateway: &Gateway| {
        let key = format!("{agent} {}", gateway.address);
        std::cmp::Reverse(xxh3_64(key.as_bytes()))
    };
    gateways.sort_by_cached_key(weight);
    gateways.dedup_by(|a, b| a.address == b.address);
    gateways
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateways(count: u16) -> Vec<Gateway> {
        let gateway = |at: u16| Gateway { address: ([10, 0, 0, at as u8], 8640).into(), name: "gw".into() };
        (0..count).map(gateway).collect()
    }

    #[test]
    fn agents_spread_and_only_those_of_a_gone_gateway_move() {
        let agent = |at: u16| AgentId([at as u8, (at >> 8) as u8, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
        let mut shares = [0; 4];
        for at in 0..400 {
            let (all, fewer) = (ranked(gateways(4), agent(at)), ranked(gateways(3), agent(at)));
            let first = all[0].address;
            shares[usize::from(match first.ip() {
                std::net::IpAddr::V4(ip) => ip.octets()[3],
                std::net::IpAddr::V6(_) => 0,
            })] += 1;
            if fewer.contains(&all[0]) {
                assert_eq!(fewer[0], all[0]);
            }
        }
        assert!(shares.iter().all(|share| (60..140).contains(share)), "{shares:?}");
    }

    #[test]
    fn lists_are_read_in_both_forms() {
        let both: Servers = "a.example:1, [::1]:2".parse().unwrap();
        assert_eq!(both.to_string(), "a.example:1,::1:2");
        assert_eq!(toml::from_str::<Told>("server = [\"a.example:1\", \"[::1]:2\"]").unwrap().server, both);
        assert!("a.example".parse::<Servers>().is_err() && ":1".parse::<Servers>().is_err());
        assert!(toml::from_str::<Told>("server = []").is_err());
    }

    #[derive(Deserialize)]
    struct Told {
        server: Servers,
    }

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
