//! Names to addresses by `/etc/hosts` and DNS: a static binary cannot load the C library's ways, and needs no thread.

mod message;

use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use message::{Answer, Record, answer, question};

/// The addresses of a host, those of IPv4 first.
pub(crate) async fn lookup(host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    let text = |path| std::fs::read_to_string(path).unwrap_or_default();
    let resolver = Resolver::new(&text("/etc/hosts"), &text("/etc/resolv.conf"));
    let addresses = resolver.addresses(host).await?;
    Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
}

/// What this host's files say about names.
struct Resolver {
    hosts: Vec<(IpAddr, Vec<String>)>,
    servers: Vec<SocketAddr>,
    search: Vec<String>,
    ndots: usize,
}

const PATIENCE: Duration = Duration::from_secs(2);
const ROUNDS: usize = 2;
const MAX_SERVERS: usize = 3;

impl Resolver {
    fn new(hosts: &str, settings: &str) -> Self {
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
                    this.servers.extend(address.map(|address| SocketAddr::new(address, 53)));
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
            this.servers.push(SocketAddr::from(([127, 0, 0, 1], 53)));
        }
        this
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>> {
        if let Ok(address) = host.trim_matches(['[', ']']).parse() {
            return Ok(vec![address]);
        }
        let lower = host.to_ascii_lowercase();
        let here = self.hosts.iter().filter(|(_, names)| names.contains(&lower)).map(|(address, _)| *address);
        let mut found: Vec<IpAddr> = here.collect();
        if found.is_empty() {
            for name in self.candidates(&lower) {
                found = self.ask_for_both(&name).await?;
                if !found.is_empty() {
                    break;
                }
            }
        }
        match found.is_empty() {
            true => Err(Error::new(ErrorKind::NotFound, "no such name, or it has no address")),
            false => Ok(found),
        }
    }

    /// The name as it is and with each domain of the search list: as it is first if it has dots enough.
    fn candidates(&self, name: &str) -> Vec<String> {
        if name.ends_with('.') {
            return vec![name.to_owned()];
        }
        let mut names: Vec<String> = self.search.iter().map(|domain| format!("{name}.{domain}")).collect();
        let at = if name.matches('.').count() >= self.ndots { 0 } else { names.len() };
        names.insert(at, name.to_owned());
        names
    }

    async fn ask_for_both(&self, name: &str) -> Result<Vec<IpAddr>> {
        let (v4, v6) = tokio::join!(self.ask(name, Record::V4), self.ask(name, Record::V6));
        // One kind is enough: some servers never answer the other.
        match (v4, v6) {
            (Ok(mut v4), v6) => {
                v4.extend(v6.unwrap_or_default());
                Ok(v4)
            }
            (Err(_), Ok(v6)) if !v6.is_empty() => Ok(v6),
            (Err(error), _) => Err(error),
        }
    }

    /// Asks one server after the other, twice.
    async fn ask(&self, name: &str, record: Record) -> Result<Vec<IpAddr>> {
        let [a, b] = crate::state::random().map_err(Error::other)?;
        let Some(question) = question(u16::from_be_bytes([a, b]), name, record) else {
            return Err(Error::new(ErrorKind::InvalidInput, "this cannot be a name"));
        };
        let mut last = Error::new(ErrorKind::TimedOut, "no name server answers");
        for server in self.servers.iter().cycle().take(ROUNDS * self.servers.len()) {
            match timeout(PATIENCE, ask_one(*server, &question)).await {
                Ok(Ok(Answer::Addresses(found))) => return Ok(found),
                Ok(Ok(_)) => last = Error::other(format!("name server {server} could not answer")),
                Ok(Err(error)) => last = error,
                Err(_) => {}
            }
        }
        Err(last)
    }
}

async fn ask_one(server: SocketAddr, asked: &[u8]) -> Result<Answer> {
    let any: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    // The kernel then passes on only what this server sends to this port.
    socket.connect(server).await?;
    socket.send(asked).await?;
    let mut bytes = [0; 1_500];
    loop {
        let size = socket.recv(&mut bytes).await?;
        match answer(asked, &bytes[..size]) {
            Some(Answer::Truncated) => return ask_by_stream(server, asked).await,
            Some(answer) => return Ok(answer),
            // Not an answer to this question; the right one may be on its way.
            None => {}
        }
    }
}

async fn ask_by_stream(server: SocketAddr, asked: &[u8]) -> Result<Answer> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(&[&(asked.len() as u16).to_be_bytes(), asked].concat()).await?;
    let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut bytes).await?;
    answer(asked, &bytes).ok_or_else(|| Error::new(ErrorKind::InvalidData, "a name server's answer is not right"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::tests::answer_to;

    fn resolver(settings: &str) -> Resolver {
        Resolver::new("127.0.0.1 localhost # here\n10.1.1.1 DB db.internal\n", settings)
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    /// A name server that knows one name, and answers by stream if the name is long.
    async fn serve(known: &'static str, address: IpAddr) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = socket.local_addr().unwrap();
        let listener = tokio::net::TcpListener::bind(server).await.unwrap();
        let reply = move |asked: &[u8], flags| {
            let question = question(u16::from_be_bytes([asked[0], asked[1]]), known, Record::V4).unwrap();
            let found = if asked == question { vec![address] } else { Vec::new() };
            answer_to(asked, flags, &found)
        };
        tokio::spawn(async move {
            let mut bytes = [0; 512];
            loop {
                let (size, peer) = socket.recv_from(&mut bytes).await.unwrap();
                let flags = if known.len() > 20 { 0x0200 } else { 0 };
                socket.send_to(b"rubbish", peer).await.unwrap();
                socket.send_to(&reply(&bytes[..size], flags), peer).await.unwrap();
            }
        });
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = vec![0; usize::from(stream.read_u16().await.unwrap())];
                stream.read_exact(&mut asked).await.unwrap();
                let answer = reply(&asked, 0);
                stream.write_u16(answer.len() as u16).await.unwrap();
                stream.write_all(&answer).await.unwrap();
            }
        });
        server
    }

    #[test]
    fn names_are_found_in_files_and_by_servers() {
        run(async {
            let check = async |resolver: &Resolver, host: &str, expected: Option<&str>| {
                let found = resolver.addresses(host).await.ok().map(|found| found[0].to_string());
                assert_eq!(found.as_deref(), expected, "{host}");
            };
            let mut resolver = resolver("search example.org\nnameserver 127.0.0.1\n");
            resolver.servers = vec![serve("gw.example.org", [10, 0, 0, 1].into()).await];
            check(&resolver, "10.9.9.9", Some("10.9.9.9")).await;
            check(&resolver, "[::1]", Some("::1")).await;
            check(&resolver, "db", Some("10.1.1.1")).await;
            check(&resolver, "gw.example.org", Some("10.0.0.1")).await;
            check(&resolver, "gw", Some("10.0.0.1")).await;
            check(&resolver, "GW", Some("10.0.0.1")).await;
            check(&resolver, "gw.", None).await;
            check(&resolver, "a..b", None).await;
            resolver.servers = vec![serve("a-very-long-name.example.org", [10, 0, 0, 2].into()).await];
            check(&resolver, "a-very-long-name", Some("10.0.0.2")).await;
        });
    }

    #[test]
    fn settings_are_read_as_the_c_library_reads_them() {
        let check = |settings: &str, name: &str, expected: &[&str]| {
            assert_eq!(resolver(settings).candidates(name), expected, "{settings}");
        };
        check("search a b", "x", &["x.a", "x.b", "x"]);
        check("search a", "x.y", &["x.y", "x.y.a"]);
        check("search a\noptions timeout:1 ndots:3", "x.y", &["x.y.a", "x.y"]);
        check("", "x", &["x"]);
        assert_eq!(resolver("nameserver ::1\nnameserver bad").servers, ["[::1]:53".parse().unwrap()]);
        assert_eq!(resolver("").servers, ["127.0.0.1:53".parse().unwrap()]);
    }
}
