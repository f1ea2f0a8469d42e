//! Addresses of a host: asks the name servers that discovery names. A static binary cannot load the C library's ways, and
//! needs no thread.

use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, SocketAddr};

use weir_discovery::dns::{Answer, Record, Resolver};

/// The addresses of a host, those of IPv4 first.
pub(crate) async fn lookup(host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    let text = |path| std::fs::read_to_string(path).unwrap_or_default();
    let resolver = Resolver::new(&text("/etc/hosts"), &text("/etc/resolv.conf"));
    let addresses = resolve(&resolver, host).await?;
    Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
}

async fn resolve(resolver: &Resolver, host: &str) -> Result<Vec<IpAddr>> {
    let known = resolver.known(host);
    if !known.is_empty() {
        return Ok(known);
    }
    for name in resolver.candidates(host) {
        let found = ask_for_both(resolver, &name).await?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Err(Error::new(ErrorKind::NotFound, "no such name, or it has no address"))
}

async fn ask_for_both(resolver: &Resolver, name: &str) -> Result<Vec<IpAddr>> {
    let (v4, v6) = tokio::join!(ask(resolver, name, Record::V4), ask(resolver, name, Record::V6));
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

async fn ask(resolver: &Resolver, name: &str, record: Record) -> Result<Vec<IpAddr>> {
    let id = crate::state::random().map_err(Error::other)?;
    match weir_fetch::ask_names(resolver, id, name, record).await? {
        Answer::Addresses(found) => Ok(found),
        _ => Err(Error::other("a name server answers with something else than addresses")),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UdpSocket;
    use weir_discovery::dns::Question;

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    /// The answer to a question: one address, or none.
    fn answer_to(asked: &[u8], flags: u16, address: Option<[u8; 4]>) -> Vec<u8> {
        let mut message = asked.to_vec();
        message[2..4].copy_from_slice(&(0x8000 | flags).to_be_bytes());
        if let Some(address) = address {
            message[7] = 1;
            // The question's name, an address of IPv4 of the internet, for a minute, four bytes.
            message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            message.extend(address);
        }
        message
    }

    /// A name server that knows one name, and answers by stream if the name is long.
    async fn serve(known: &'static str, address: [u8; 4]) -> SocketAddr {
        // A port that is free for datagrams may be taken for streams.
        let (socket, server, listener) = loop {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let server = socket.local_addr().unwrap();
            if let Ok(listener) = tokio::net::TcpListener::bind(server).await {
                break (socket, server, listener);
            }
        };
        let reply = move |asked: &[u8], flags| {
            let question = Question::new([asked[0], asked[1]], known, Record::V4).unwrap();
            answer_to(asked, flags, (asked == question.bytes()).then_some(address))
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
            let resolver = |server| {
                let resolver = Resolver::new("10.1.1.1 db\n", "search example.org\nnameserver 127.0.0.1\n");
                resolver.with_servers(vec![server])
            };
            let check = async |resolver: &Resolver, host: &str, expected: Option<&str>| {
                let found = resolve(resolver, host).await.ok().map(|found| found[0].to_string());
                assert_eq!(found.as_deref(), expected, "{host}");
            };
            let short = resolver(serve("gw.example.org", [10, 0, 0, 1]).await);
            check(&short, "10.9.9.9", Some("10.9.9.9")).await;
            check(&short, "[::1]", Some("::1")).await;
            check(&short, "db", Some("10.1.1.1")).await;
            check(&short, "gw.example.org", Some("10.0.0.1")).await;
            check(&short, "gw", Some("10.0.0.1")).await;
            check(&short, "GW", Some("10.0.0.1")).await;
            check(&short, "gw.", None).await;
            check(&short, "a..b", None).await;
            let long = resolver(serve("a-very-long-name.example.org", [10, 0, 0, 2]).await);
            check(&long, "a-very-long-name", Some("10.0.0.2")).await;
        });
    }
}
