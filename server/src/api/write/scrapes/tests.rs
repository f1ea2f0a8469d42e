//! Sealed or with a token, by HTTP, into a real queue.

use weir_identity::{Claims, IdentityConfig, issue};
use weir_queue::{Checkpoint, LogConfig, Reader};
use weir_sink::{Outcome, Scrape, ScrapeWriter};
use weir_wire::{AgentId, seal};

use super::*;
use crate::api::testing::{Issuer, serve};

const TARGET: AgentId = AgentId([5; 16]);
const COLLECTOR: AgentId = AgentId([6; 16]);
const TENANT: u32 = 9;

struct Bench {
    issuer: Issuer,
    identity: Arc<Identity>,
    server: std::net::SocketAddr,
}

impl Bench {
    fn new() -> Self {
        let issuer = Issuer::new();
        let path = |name: &str| issuer.folder.path().join(name);
        let config = IdentityConfig {
            fleet_keys: path("fleet.keys"),
            denied_agents: None,
            token_keys: vec![path("ops.secret")],
            session_lifetime: Duration::from_secs(600),
        };
        let identity = Arc::new(Identity::open(config, now()).unwrap());
        let log = Arc::new(Log::open(&path("queue"), "gateway", LogConfig::default()).unwrap());
        let server = serve(routes(log, Duration::from_secs(3_600), &AllCounters::default(), identity.clone()));
        Self { issuer, identity, server }
    }

    fn token(&self, scope: Scope, max_series: Option<u64>) -> String {
        let expires = u64::try_from(now().millis() / 1_000 + 60).unwrap();
        let (subject, labels) = ("collect".to_owned(), Default::default());
        let claims =
            Claims { subject, tenant: TENANT, scopes: vec![scope], not_before: None, expires, max_series, labels };
        issue(&claims, &self.issuer.key).unwrap()
    }

    fn sealed(&self, kind: DatagramKind, lives: i64, plain: &[u8]) -> Vec<u8> {
        let key = self.identity.fleet.signing(now()).unwrap();
        let session = key.session(TENANT, COLLECTOR, u32::try_from(now().millis() / 1_000 + lives).unwrap());
        let header = Header {
            kind,
            ack_wanted: false,
            dictionary: 0,
            key_id: session.key_id,
            tenant: TENANT,
            expires: session.expires,
            agent: COLLECTOR,
            epoch: Epoch(1),
            seq: 1,
        };
        let mut body = Vec::new();
        seal(&header, plain, &SessionKeys::new(&session), &mut body);
        body
    }

    fn post(&self, token: Option<&str>, body: &[u8]) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = agent.post(format!("http://{}/v1/scrapes", self.server));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut response = request.send(body).unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }

    /// Tenant, target and payload of what is durable.
    fn queued(&self) -> Vec<(u32, AgentId, Vec<u8>)> {
        let root = self.issuer.folder.path().join("queue");
        let (mut reader, mut found) = (Reader::open(&root, "test", &Checkpoint::default()).unwrap(), Vec::new());
        let each = |record: &Record<'_>, _| {
            assert_eq!(record.kind, RecordKind::Scrape);
            found.push((record.tenant, record.agent, record.payload.to_vec()));
        };
        reader.poll(usize::MAX, each).unwrap();
        found
    }
}

fn look(ago: i64) -> Vec<u8> {
    let time = Timestamp(now().millis() - ago * 1_000);
    ScrapeWriter::default().finish(Scrape { time, interval_ms: 15_000, outcome: Outcome::Seen }).unwrap()
}

#[test]
fn looks_with_a_token_or_a_seal_are_durable_once_answered() {
    let bench = Bench::new();
    let (first, second) = (look(1), look(2));
    let token = bench.token(Scope::Ingest, None);
    assert_eq!(bench.post(Some(&token), &envelope::written(&[(TARGET, first.clone())])).0, 204);
    let sealed = bench.sealed(DatagramKind::Scrapes, 60, &envelope::written(&[(TARGET, second.clone())]));
    assert_eq!(bench.post(None, &sealed).0, 204);
    assert_eq!(bench.queued(), [(TENANT, TARGET, first), (TENANT, TARGET, second)]);
}

#[test]
fn who_says_nothing_good_of_itself_brings_nothing() {
    let bench = Bench::new();
    let plain = envelope::written(&[(TARGET, look(1))]);
    let check = |token: Option<String>, body: &[u8], status: u16, reason: &str| {
        let (seen, text) = bench.post(token.as_deref(), body);
        assert!(seen == status && text.contains(reason), "{seen} {text}, not {status} {reason}");
    };
    let good = || Some(bench.token(Scope::Ingest, None));
    check(None, &plain, 401, "too_short");
    check(None, &[plain.as_slice(), &[0; 64]].concat(), 401, "magic");
    check(None, &bench.sealed(DatagramKind::Batch, 60, &plain), 401, "direction");
    check(None, &bench.sealed(DatagramKind::Scrapes, -1, &plain), 401, "expired");
    let mut forged = bench.sealed(DatagramKind::Scrapes, 60, &plain);
    *forged.last_mut().unwrap() ^= 1;
    check(None, &forged, 401, "tag");
    check(Some("a.b.c".into()), &plain, 401, "malformed");
    check(Some(bench.token(Scope::Read, None)), &plain, 403, "scope");
    check(Some(bench.token(Scope::Ingest, Some(10))), &plain, 403, "bound");
    check(good(), b"", 400, "malformed");
    check(good(), &plain[..plain.len() - 1], 400, "malformed");
    assert_eq!(bench.queued(), []);
}

#[test]
fn a_look_of_another_time_costs_itself_only() {
    let bench = Bench::new();
    let (good, old, ahead) = (look(1), look(7_200), look(-3_600));
    let body = envelope::written(&[(TARGET, old), (TARGET, good.clone()), (TARGET, ahead)]);
    let (status, text) = bench.post(Some(&bench.token(Scope::Ingest, None)), &body);
    assert!(status == 400 && text.contains("left_out"), "{status} {text}");
    assert_eq!(bench.queued(), [(TENANT, TARGET, good)]);
}
