//! What `/etc/hosts` and `/etc/resolv.conf` say about names.

use std::net::{IpAddr, SocketAddr};

/// Known names, and whom to ask for others.
#[derive(Debug)]
pub struct Resolver {
    hosts: Vec<(IpAddr, Vec<String>)>,
    servers: Vec<SocketAddr>,
    search: Vec<String>,
    ndots: usize,
}

const DNS_PORT: u16 = 53;
const ROUNDS: usize = 2;
const MAX_SERVERS: usize = 3;

impl Resolver {
    /// Reads the texts of the two files.
    pub fn new(hosts: &str, settings: &str) -> Self {
        let host = |line: &str| {
            let mut words = line.split('#').next()?.split_ascii_whitespace();
            let address = words.next()?.parse().ok()?;
            Some((address, words.map(str::to_ascii_lowercase).collect()))
        };
        let mut this =
            Self { hosts: hosts.lines().filter_map(host).collect(), servers: Vec::new(), search: Vec::new(), ndots: 1 };
        for line in settings.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let address = words.next().and_then(|text| text.parse::<IpAddr>().ok());
                    this.servers.extend(address.map(|address| SocketAddr::new(address, DNS_PORT)));
                }
                Some("search" | "domain") => this.search = words.map(str::to_owned).collect(),
                Some("options") => {
                    let ndots = words.filter_map(|word| word.strip_prefix("ndots:")?.parse().ok()).next_back();
                    this.ndots = ndots.unwrap_or(this.ndots);
                }
                _ => {}
            }
        }
        this.servers.truncate(MAX_SERVERS);
        // As the C library has it: a name server on this host.
        if this.servers.is_empty() {
            this.servers.push(SocketAddr::from(([127, 0, 0, 1], DNS_PORT)));
        }
        this
    }

    /// The same, but for the name servers.
    #[must_use]
    pub fn with_servers(self, servers: Vec<SocketAddr>) -> Self {
        Self { servers, ..self }
    }

    /// The addresses of a host that nobody need be asked for: an address itself, or a name in `/etc/hosts`.
    pub fn known(&self, host: &str) -> Vec<IpAddr> {
        if let Ok(address) = host.trim_matches(['[', ']']).parse() {
            return vec![address];
        }
        let lower = host.to_ascii_lowercase();
        self.hosts.iter().filter(|(_, names)| names.contains(&lower)).map(|(address, _)| *address).collect()
    }

    /// The names to ask for, one after the other until one has an address: the host as it is and with each domain of the
    /// search list, as it is first if it has dots enough.
    pub fn candidates(&self, host: &str) -> Vec<String> {
        let host = host.to_ascii_lowercase();
        if host.ends_with('.') {
            return vec![host];
        }
        let mut names: Vec<String> = self.search.iter().map(|domain| format!("{host}.{domain}")).collect();
        let at = if host.matches('.').count() >= self.ndots { 0 } else { names.len() };
        names.insert(at, host);
        names
    }

    /// The name servers to ask, one after the other until one answers: all of them, twice.
    pub fn attempts(&self) -> impl Iterator<Item = SocketAddr> {
        self.servers.iter().copied().cycle().take(ROUNDS * self.servers.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver(settings: &str) -> Resolver {
        Resolver::new("127.0.0.1 localhost # here\n10.1.1.1 DB db.internal\n::1 localhost\n", settings)
    }

    #[test]
    fn addresses_and_names_of_the_hosts_file_are_known() {
        let check = |host: &str, expected: &[&str]| {
            let found: Vec<_> = resolver("").known(host).iter().map(IpAddr::to_string).collect();
            assert_eq!(found, expected, "{host}");
        };
        check("10.9.9.9", &["10.9.9.9"]);
        check("[::1]", &["::1"]);
        check("db", &["10.1.1.1"]);
        check("DB.internal", &["10.1.1.1"]);
        check("localhost", &["127.0.0.1", "::1"]);
        check("here", &[]);
        check("gw", &[]);
    }

    #[test]
    fn settings_are_read_as_the_c_library_reads_them() {
        let check = |settings: &str, name: &str, expected: &[&str]| {
            assert_eq!(resolver(settings).candidates(name), expected, "{settings}");
        };
        check("search a b", "x", &["x.a", "x.b", "x"]);
        check("search a", "X.y", &["x.y", "x.y.a"]);
        check("search a", "x.", &["x."]);
        check("search a\noptions timeout:1 ndots:3", "x.y", &["x.y.a", "x.y"]);
        check("", "x", &["x"]);
    }

    #[test]
    fn every_server_is_asked_twice_and_one_here_if_none_is_named() {
        let check = |settings: &str, expected: &[&str]| {
            let found: Vec<_> = resolver(settings).attempts().map(|server| server.to_string()).collect();
            assert_eq!(found, expected, "{settings}");
        };
        check("nameserver ::1\nnameserver bad", &["[::1]:53", "[::1]:53"]);
        check(
            "nameserver 10.0.0.1\nnameserver 10.0.0.2",
            &["10.0.0.1:53", "10.0.0.2:53", "10.0.0.1:53", "10.0.0.2:53"],
        );
        check("", &["127.0.0.1:53", "127.0.0.1:53"]);
    }
}
