//! Names of DNS, asked again and again: services (SRV) with their hosts and ports, or addresses.

use std::io::Result;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use weir_discovery::dns::{Answer, Record, Resolver};

use super::said::Teller;
use crate::config::{DnsKind, DnsSource, Group};
use crate::relabel::LabelSet;

const REFRESH: Duration = Duration::from_secs(30);

pub(super) async fn follow(source: DnsSource, teller: Teller) {
    let mut known = vec![Vec::new(); source.names.len()];
    loop {
        let text = |path| std::fs::read_to_string(path).unwrap_or_default();
        let resolver = Resolver::new(&text("/etc/hosts"), &text("/etc/resolv.conf"));
        let fault = look(&resolver, &source, &mut known).await;
        teller.found_in_part(known.concat(), fault);
        tokio::time::sleep(source.refresh_interval.map_or(REFRESH, |span| span.0)).await;
    }
}

/// Asks for all names; one without an answer keeps what it had.
async fn look(resolver: &Resolver, source: &DnsSource, known: &mut [Vec<Group>]) -> Option<String> {
    let mut faults = Vec::new();
    for (name, known) in source.names.iter().zip(known) {
        match resolved(resolver, source, name).await {
            Ok(groups) => *known = groups,
            Err(error) => faults.push(format!("{name}: {error}; its targets of before stay")),
        }
    }
    (!faults.is_empty()).then(|| faults.join("; "))
}

async fn resolved(resolver: &Resolver, source: &DnsSource, name: &str) -> Result<Vec<Group>> {
    let record = match source.kind {
        DnsKind::Srv => Record::Service,
        DnsKind::A => Record::V4,
        DnsKind::Aaaa => Record::V6,
    };
    let is_kind = |address: &IpAddr| address.is_ipv4() == (record == Record::V4);
    let here: Vec<_> = resolver.known(name).into_iter().filter(is_kind).collect();
    if record != Record::Service && !here.is_empty() {
        return Ok(groups(name, source, Answer::Addresses(here)));
    }
    for candidate in resolver.candidates(name) {
        let found = groups(name, source, ask(resolver, &candidate, record).await?);
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// A group for each record, as Prometheus labels it.
fn groups(name: &str, source: &DnsSource, answer: Answer) -> Vec<Group> {
    let mut labels = LabelSet::from([("__meta_dns_name".to_owned(), name.to_owned())]);
    match answer {
        Answer::Services(services) => {
            let of = |(host, port): (String, u16)| {
                labels.insert("__meta_dns_srv_record_target".into(), format!("{host}."));
                labels.insert("__meta_dns_srv_record_port".into(), port.to_string());
                Group { targets: vec![format!("{host}:{port}")], labels: labels.clone() }
            };
            services.into_iter().map(of).collect()
        }
        Answer::Addresses(addresses) => {
            let port = source.port.unwrap_or_default();
            let of =
                |address| Group { targets: vec![SocketAddr::new(address, port).to_string()], labels: labels.clone() };
            addresses.into_iter().map(of).collect()
        }
        Answer::Truncated | Answer::Failed => Vec::new(),
    }
}

async fn ask(resolver: &Resolver, name: &str, record: Record) -> Result<Answer> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let [a, b, ..] =
        xxhash_rust::xxh3::xxh3_64(format!("{name}\0{now:?}\0{}", std::process::id()).as_bytes()).to_le_bytes();
    weir_fetch::ask_names(resolver, [a, b], name, record).await
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::*;

    /// Answers each question with one service, until it is told to be silent.
    async fn name_server() -> (SocketAddr, tokio::task::JoinHandle<()>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let mut bytes = [0; 512];
            loop {
                let (size, peer) = socket.recv_from(&mut bytes).await.unwrap();
                let mut answer = bytes[..size].to_vec();
                (answer[2], answer[3], answer[7]) = (0x81, 0x80, 1);
                let is_service = bytes[size - 3] == 33;
                let data: &[u8] = if is_service { b"\0\x01\0\x02\x1f\x90\x02db\xc0\x16" } else { &[10, 0, 0, 7] };
                answer.extend([0xc0, 12, 0, bytes[size - 3], 0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
                answer.extend(data);
                socket.send_to(&answer, peer).await.unwrap();
            }
        });
        (address, serving)
    }

    fn source(kind: DnsKind) -> DnsSource {
        DnsSource { names: vec!["_met._tcp.example.org.".into()], kind, port: Some(9), refresh_interval: None }
    }

    #[tokio::test]
    async fn services_and_addresses_become_targets_and_stay_when_nobody_answers() {
        let (server, serving) = name_server().await;
        let resolver = Resolver::new("", "").with_servers(vec![server]);
        let mut known = vec![Vec::new()];
        assert_eq!(look(&resolver, &source(DnsKind::Srv), &mut known).await, None);
        let [group] = &known[0][..] else { panic!("{known:?}") };
        assert_eq!(group.targets, ["db.example.org:8080"]);
        assert_eq!(group.labels["__meta_dns_srv_record_target"], "db.example.org.");
        assert_eq!(look(&resolver, &source(DnsKind::A), &mut known).await, None);
        assert_eq!(known[0][0].targets, ["10.0.0.7:9"]);
        serving.abort();
        let _ = serving.await;
        let fault = look(&resolver, &source(DnsKind::A), &mut known).await.unwrap();
        assert!(fault.contains("_met._tcp") && fault.contains("stay"), "{fault}");
        assert_eq!(known[0][0].targets, ["10.0.0.7:9"]);
    }
}
