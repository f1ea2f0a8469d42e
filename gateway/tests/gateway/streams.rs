//! Batches by TLS.

use std::{fs, path::Path, sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::TcpStream;
use weir_gateway::{Drained, GatewayConfig, StreamConfig};
use weir_identity::{Claims, Scope, SigningKey, TokenKeys, create_secret_file, issue};
use weir_link::{Alpn, ClientFiles, ClientStream, ClientTls, FrameStream, ServerFiles, ServerTls};
use weir_queue::LogConfig;
use weir_wire::{Ack, AgentId};

use crate::site::{AGENT, Agent, Site, config, eventually, now, payload, payload_at, value};

/// A site that takes streams, with its certificates and, if wanted, a key for tokens.
struct Tls {
    site: Site,
    certificates: tempfile::TempDir,
}

impl Tls {
    fn new(tokens: bool, change: impl FnOnce(&mut StreamConfig)) -> Self {
        Self::with(config(), LogConfig::default(), tokens, change)
    }

    /// One that is at its memory bound, so that it sheds whatever comes.
    fn full(tokens: bool) -> Self {
        let bound = GatewayConfig { memory_bytes: 1 << 20, ..config() };
        let tls = Self::with(bound, LogConfig::default(), tokens, |_| {});
        eventually(|| !tls.site.running.ready(), "the bound is seen");
        tls
    }

    fn with(config: GatewayConfig, log: LogConfig, tokens: bool, change: impl FnOnce(&mut StreamConfig)) -> Self {
        let certificates = tempfile::tempdir().unwrap();
        let folder = certificates.path();
        write_certificates(folder);
        let tokens = tokens.then(|| {
            create_secret_file(&folder.join("token.secret"), &"s".repeat(40)).unwrap();
            Arc::new(TokenKeys::watch(vec![folder.join("token.secret")]).unwrap())
        });
        let files = ServerFiles {
            certificates: folder.join("localhost.pem"),
            key: folder.join("localhost.key"),
            client_authorities: Some(folder.join("ca.pem")),
        };
        let mut streams = StreamConfig::new(Arc::new(ServerTls::load(files).unwrap()));
        change(&mut streams);
        let config = GatewayConfig { streams: Some(streams), ..config };
        let site = Site::with_tokens(config, log, tokens);
        Self { site, certificates }
    }

    async fn connect(&self, certified: bool) -> FrameStream<ClientStream> {
        let folder = self.certificates.path();
        let identity = certified.then(|| (folder.join("agent.pem"), folder.join("agent.key")));
        let files = ClientFiles { authorities: folder.join("ca.pem"), identity };
        let client = ClientTls::load(&files, Alpn::Batches).unwrap();
        let stream = TcpStream::connect(self.site.running.batch_address()).await.unwrap();
        FrameStream::new(client.connect(stream, "localhost").await.unwrap(), 64 << 10)
    }

    fn token(&self, tenant: u32, scope: Scope) -> String {
        let key = SigningKey::read(&self.certificates.path().join("token.secret")).unwrap();
        let expires = (now().millis() / 1_000) as u64 + 60;
        let claims = Claims {
            subject: "web".into(),
            tenant,
            scopes: vec![scope],
            not_before: None,
            expires,
            max_series: None,
            labels: Default::default(),
        };
        issue(&claims, &key).unwrap()
    }
}

fn write_certificates(folder: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    fs::write(folder.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    let authority = Issuer::new(params, key);
    for name in ["localhost", "agent"] {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        weir_files::replace(&folder.join(format!("{name}.key")), key.serialize_pem().as_bytes(), 0o600).unwrap();
    }
}

/// Numbers acked on the stream until there are `count`; `None` if the gateway closes it before.
async fn acked(stream: &mut FrameStream<ClientStream>, agent: &Agent, count: usize) -> Option<Vec<u64>> {
    let mut seqs = Vec::new();
    while seqs.len() < count {
        while let Some(frame) = stream.pop().unwrap() {
            seqs.extend(Ack::open(frame, &agent.keys).unwrap().1.seqs);
        }
        if seqs.len() < count && !stream.fill().await.unwrap_or(false) {
            return None;
        }
    }
    seqs.sort_unstable();
    Some(seqs)
}

/// The next ack on the stream.
async fn ack(stream: &mut FrameStream<ClientStream>, agent: &Agent) -> Ack {
    loop {
        if let Some(frame) = stream.pop().unwrap() {
            return Ack::open(frame, &agent.keys).unwrap().1;
        }
        assert!(stream.fill().await.unwrap(), "closed before an ack");
    }
}

async fn is_closed(stream: &mut FrameStream<ClientStream>) -> bool {
    !stream.fill().await.unwrap_or(false)
}

#[tokio::test]
async fn batches_are_acked_on_the_stream_when_they_are_in_the_log() {
    let tls = Tls::new(true, |_| {});
    let agent = tls.site.agent();
    let mut stream = tls.connect(false).await;
    stream.put(tls.token(5, Scope::Ingest).as_bytes());
    (0..300).for_each(|seq| stream.put(&agent.sealed(seq)));
    stream.flush().await.unwrap();
    assert_eq!(acked(&mut stream, &agent, 300).await.unwrap(), (0..300).collect::<Vec<_>>());
    assert_eq!(tls.site.queued(), (0..300).collect::<Vec<_>>());
    assert_eq!(tls.site.reading("weir_gateway_open_streams"), 1.0);
    assert_eq!(tls.site.reading("weir_gateway_frames_total"), 301.0);
}

#[tokio::test]
async fn a_certificate_is_as_good_as_a_token_and_neither_is_not() {
    let tls = Tls::new(true, |_| {});
    let agent = tls.site.agent();
    let mut certified = tls.connect(true).await;
    certified.put(&agent.sealed(1));
    certified.flush().await.unwrap();
    assert_eq!(acked(&mut certified, &agent, 1).await.unwrap(), [1]);
    let first_frames = [
        agent.sealed(2),
        b"no token".to_vec(),
        b"\xFF\xFE".to_vec(),
        Vec::new(),
        tls.token(5, Scope::Read).into_bytes(),
    ];
    for (at, first) in first_frames.iter().enumerate() {
        let mut stream = tls.connect(false).await;
        stream.put(first);
        stream.put(&agent.sealed(2));
        stream.flush().await.unwrap();
        assert!(is_closed(&mut stream).await);
        tls.site.wait_for_refused("stream_token", at as f64 + 1.0);
    }
    assert_eq!(tls.site.queued(), [1]);
}

#[tokio::test]
async fn a_token_opens_its_own_tenant_only() {
    let tls = Tls::new(true, |_| {});
    let agent = tls.site.agent();
    let mut stream = tls.connect(false).await;
    stream.put(tls.token(6, Scope::Ingest).as_bytes());
    stream.put(&agent.sealed(1));
    stream.flush().await.unwrap();
    assert!(is_closed(&mut stream).await);
    tls.site.wait_for_refused("stream_tenant", 1.0);
    assert_eq!(tls.site.queued(), Vec::<u64>::new());
}

#[tokio::test]
async fn a_token_opens_its_own_tenant_only_even_where_there_is_no_room_or_no_time() {
    let tls = Tls::full(true);
    let agent = tls.site.agent();
    let ahead = payload_at(1, now().plus(Duration::from_secs(3600)));
    for (payload, closed) in [(payload(1), 1.0), (ahead, 2.0)] {
        let mut stream = tls.connect(false).await;
        stream.put(tls.token(6, Scope::Ingest).as_bytes());
        stream.put(&agent.sealed_as(&agent.header(1), &payload));
        stream.flush().await.unwrap();
        assert!(is_closed(&mut stream).await, "and nothing is told");
        tls.site.wait_for_refused("stream_tenant", closed);
    }
    assert_eq!(value(&tls.site.running.readings(), "weir_gateway_shed_batches_total", "normal"), 0.0);
    assert_eq!(tls.site.refused("clock_ahead"), 0.0);
}

#[tokio::test]
async fn a_stream_is_told_what_datagrams_are_told() {
    let tls = Tls::full(false);
    let agent = tls.site.agent();
    let mut stream = tls.connect(false).await;
    stream.put(&agent.sealed(1));
    stream.flush().await.unwrap();
    let shed = ack(&mut stream, &agent).await;
    assert!(shed.seqs.is_empty() && shed.hints.slow && !shed.hints.drain, "{shed:?}");
    assert_eq!(value(&tls.site.running.readings(), "weir_gateway_shed_batches_total", "normal"), 1.0);
    tls.site.running.begin_drain();
    stream.put(&agent.sealed_as(&agent.header(2), &payload_at(2, now().plus(Duration::from_secs(3600)))));
    stream.flush().await.unwrap();
    let told = ack(&mut stream, &agent).await;
    assert!(told.seqs.is_empty() && told.hints.slow && told.hints.drain, "{told:?}");
    assert_eq!(tls.site.refused("clock_ahead"), 1.0);
}

#[tokio::test]
async fn each_agent_of_a_stream_gets_acks_of_its_own() {
    let tls = Tls::new(false, |_| {});
    let expires = (now().millis() / 1_000) as u32 + 600;
    let key = tls.site.access.keys.signing(now()).unwrap();
    let agents = [AGENT, AgentId([8; 16])]
        .map(|agent| Agent::new(key.session(5, agent, expires), tls.site.running.batch_address()));
    let mut stream = tls.connect(false).await;
    for seq in 0..4 {
        stream.put(&agents[seq % 2].sealed(seq as u64));
    }
    stream.flush().await.unwrap();
    let mut acked = [Vec::new(), Vec::new()];
    let all = async {
        while acked.concat().len() < 4 {
            while let Some(frame) = stream.pop().unwrap() {
                let whose =
                    agents.iter().position(|agent| Ack::open(&mut frame.to_vec(), &agent.keys).is_ok()).unwrap();
                acked[whose].extend(Ack::open(frame, &agents[whose].keys).unwrap().1.seqs);
            }
            if acked.concat().len() < 4 {
                assert!(stream.fill().await.unwrap());
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all).await.unwrap();
    assert_eq!(acked, [[0, 2], [1, 3]]);
}

#[tokio::test]
async fn forged_frames_are_counted_and_not_answered() {
    let tls = Tls::new(false, |_| {});
    let agent = tls.site.agent();
    let mut stream = tls.connect(false).await;
    let mut forged = agent.sealed(1);
    *forged.last_mut().unwrap() ^= 1;
    stream.put(&forged);
    stream.put(&agent.sealed_as(&agent.header(2), &payload_at(2, now().plus(Duration::from_secs(3600)))));
    stream.put(&agent.sealed(3));
    stream.flush().await.unwrap();
    assert_eq!(acked(&mut stream, &agent, 1).await.unwrap(), [3]);
    assert_eq!((tls.site.refused("tag"), tls.site.refused("clock_ahead")), (1.0, 1.0));
    assert_eq!(tls.site.queued(), [3]);
}

#[tokio::test]
async fn the_slow_the_large_and_the_many_are_cut_off() {
    let tls = Tls::new(true, |config| {
        config.patience = Duration::from_millis(100);
        config.max_frame_bytes = 1_000;
        config.max_connections = 1;
    });
    let mut silent = tls.connect(false).await;
    assert!(is_closed(&mut silent).await, "no token within its time");
    tls.site.wait_for_refused("stream_slow", 1.0);
    eventually(|| tls.site.reading("weir_gateway_open_streams") == 0.0, "its place is free");

    let mut large = tls.connect(true).await;
    large.put(&[0; 1_001]);
    large.flush().await.unwrap();
    assert!(is_closed(&mut large).await);
    tls.site.wait_for_refused("stream_frame", 1.0);
    eventually(|| tls.site.reading("weir_gateway_open_streams") == 0.0, "its place is free");

    let _first = tls.connect(true).await;
    let mut raw = TcpStream::connect(tls.site.running.batch_address()).await.unwrap();
    let mut byte = [0];
    assert!(!matches!(tokio::io::AsyncReadExt::read(&mut raw, &mut byte).await, Ok(1..)));
    tls.site.wait_for_refused("stream_limit", 1.0);
}

#[tokio::test]
async fn bytes_that_drip_do_not_buy_time() {
    let tls = Tls::new(true, |config| config.patience = Duration::from_millis(200));
    let agent = tls.site.agent();
    let mut stream = tls.connect(true).await;
    stream.put(&agent.sealed(1));
    stream.flush().await.unwrap();
    assert_eq!(acked(&mut stream, &agent, 1).await.unwrap(), [1]);
    let frame = [&[0, 0, 3, 232], [0; 1_000].as_slice()].concat();
    let drip = async {
        let (_, mut writer) = tokio::io::split(stream.into_inner());
        for byte in frame {
            if tokio::io::AsyncWriteExt::write_all(&mut writer, &[byte]).await.is_err() {
                return;
            }
            let _ = tokio::io::AsyncWriteExt::flush(&mut writer).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let cut = async {
        while tls.site.refused("stream_slow") == 0.0 {
            tokio::time::sleep(Duration::from_millis(5)).await
        }
    };
    tokio::select! {
        () = drip => panic!("the whole frame dripped in"),
        () = cut => {}
    }
}

#[tokio::test]
async fn who_has_said_all_still_gets_his_acks() {
    let hours = LogConfig { commit_delay: Duration::from_secs(3600), ..LogConfig::default() };
    let tls = Tls::with(config(), hours, false, |_| {});
    let agent = tls.site.agent();
    let mut stream = tls.connect(false).await;
    stream.put(&agent.sealed(1));
    stream.flush().await.unwrap();
    stream.close().await.unwrap();
    eventually(|| tls.site.reading("weir_gateway_batches_total") == 1.0, "the batch waits for the disk");
    tls.site.log.flush().unwrap();
    assert_eq!(acked(&mut stream, &agent, 1).await.unwrap(), [1]);
}

#[tokio::test]
async fn a_drain_answers_streams_before_it_closes_them() {
    let tls = Tls::new(false, |_| {});
    let agent = tls.site.agent();
    let mut stream = tls.connect(false).await;
    (0..50).for_each(|seq| stream.put(&agent.sealed(seq)));
    stream.flush().await.unwrap();
    tls.site.running.begin_drain();
    let drained = std::thread::scope(|scope| scope.spawn(|| tls.site.running.drain()).join().unwrap());
    assert_eq!(drained, Drained::Quiet);
    assert_eq!(acked(&mut stream, &agent, 50).await.unwrap(), (0..50).collect::<Vec<_>>());
    assert!(is_closed(&mut stream).await);
}

#[tokio::test]
async fn a_certificate_does_not_help_a_denied_agent() {
    let tls = Tls::new(true, |_| {});
    let agent = tls.site.agent();
    fs::write(tls.site.folder.path().join("denied"), AGENT.to_string()).unwrap();
    tls.site.access.denied.reload().unwrap();
    let mut stream = tls.connect(true).await;
    stream.put(&agent.sealed(1));
    stream.flush().await.unwrap();
    tls.site.wait_for_refused("denied", 1.0);
}
