//! `POST /v1/session`: an agent shows its token and takes the key for its datagrams. See docs/session.md.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use weir_identity::{Claims, Identity, SessionAnswer, SessionError, SessionRequest, TokenError};
use weir_queue::{Lane, Log, Record, RecordKind};
use weir_sample::Timestamp;
use weir_sink::Grant;
use weir_wire::{AgentId, Epoch};

use super::auth::{Refused, bearer, refusal};
use crate::clock::now;

/// What the connections of a listener are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// TLS, or plain HTTP that never leaves this host: a key may travel on it.
    Private,
    /// Plain HTTP that others may read.
    Open,
}

#[derive(Clone)]
struct SessionRoute {
    identity: Arc<Identity>,
    queue: Option<Arc<Log>>,
    channel: Channel,
}

/// The route, for a listener whose connections are `channel`. What tokens grant goes into `queue`.
pub(crate) fn routes<S>(identity: Arc<Identity>, queue: Option<Arc<Log>>, channel: Channel) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let route = post(session).layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    Router::new().route("/v1/session", route).with_state(SessionRoute { identity, queue, channel })
}

async fn session(State(route): State<SessionRoute>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(tokens) = &route.identity.tokens else {
        return refusal(StatusCode::NOT_FOUND, "no_token_keys", NO_TOKEN_KEYS);
    };
    if route.channel == Channel::Open {
        return refusal(StatusCode::FORBIDDEN, "not_private", NOT_PRIVATE);
    }
    let now = now();
    let token = bearer(&headers).ok_or(Refused::NoToken);
    let claims = match token.and_then(|token| tokens.verify(token, now).map_err(Refused::Token)) {
        Ok(claims) => claims,
        Err(refused) => return refused.into_response(),
    };
    let agent = match agent(&body) {
        Ok(agent) => agent,
        Err(problem) => return refusal(StatusCode::BAD_REQUEST, "request", &problem),
    };
    match route.identity.sessions.grant(&claims, agent, now) {
        Ok(session) => {
            if let Err(problem) = tell(route.queue.clone(), &claims, agent, now).await {
                return refusal(StatusCode::SERVICE_UNAVAILABLE, "grant", &problem);
            }
            let answer = SessionAnswer::new(&session, &claims, now);
            ([(header::CACHE_CONTROL, "no-store")], axum::Json(answer)).into_response()
        }
        Err(SessionError::Token(error)) => Refused::Token(error).into_response(),
        Err(error) => refusal(status(&error), error.reason(), &error.to_string()),
    }
}

/// Makes known to the sink what the token allows, before the first batch can come by its key.
async fn tell(queue: Option<Arc<Log>>, claims: &Claims, agent: AgentId, now: Timestamp) -> Result<(), String> {
    let max_series = claims.max_series.map(|most| usize::try_from(most).unwrap_or(usize::MAX));
    let labels = claims.labels.iter().map(|(label, value)| (label.clone(), value.clone())).collect();
    let (grant, tenant) = (Grant { max_series, labels }, claims.tenant);
    // A job's id is new, so there is no earlier grant to take back.
    if agent.is_job() && grant == Grant::default() {
        return Ok(());
    }
    let Some(queue) = queue else {
        return if grant == Grant::default() { Ok(()) } else { Err(NO_QUEUE.into()) };
    };
    let append = move || {
        let payload = grant.encode();
        let (lane, epoch, seq, received) = (Lane::Critical, Epoch(0), 0, now);
        let record = Record { kind: RecordKind::Grant, lane, tenant, agent, epoch, seq, received, payload: &payload };
        queue.append(&[record]).and_then(|position| queue.wait_durable(position))
    };
    let outcome = tokio::task::spawn_blocking(append).await.map_err(|error| error.to_string())?;
    outcome.map_err(|error| format!("what the token grants cannot be kept: {error}"))
}

fn agent(body: &[u8]) -> Result<AgentId, String> {
    let request: SessionRequest = serde_json::from_slice(body).map_err(|error| format!("{SHAPE}: {error}"))?;
    request.agent.parse().map_err(|_| format!("{SHAPE}: not a UUID"))
}

fn status(error: &SessionError) -> StatusCode {
    match error {
        SessionError::Token(TokenError::Scope(_))
        | SessionError::OtherAgent
        | SessionError::NotDerived
        | SessionError::Denied => StatusCode::FORBIDDEN,
        SessionError::Token(_) => StatusCode::UNAUTHORIZED,
        SessionError::NoKey => StatusCode::SERVICE_UNAVAILABLE,
    }
}

const MAX_BODY_BYTES: usize = 4 * 1024;
const SHAPE: &str = "the body must be {\"agent\": UUID}";
const NO_TOKEN_KEYS: &str =
    "this server has no token keys, so it gives no sessions: name keys in its configuration, or give the agent --keys";
const NO_QUEUE: &str =
    "this process does not write to the queue, so it cannot keep what the token grants: ask a gateway";
const NOT_PRIVATE: &str = "session keys are given over TLS only";

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use weir_identity::{Claims, IdentityConfig, Scope, issue};
    use weir_queue::{Checkpoint, LogConfig, Reader};

    use super::*;
    use crate::api::testing::{Issuer, ask, serve};

    const AGENT: &str = "11111111-1111-4111-8111-111111111111";
    /// The tenant of all tokens here.
    const TENANT: u32 = 9;
    const DENIED: &str = "22222222-2222-4222-8222-222222222222";

    /// The id that a token given to "web" makes of [`AGENT`].
    fn agent_id() -> String {
        AGENT.parse::<AgentId>().unwrap().for_token(TENANT, "web").to_string()
    }

    impl Issuer {
        fn identity(&self, with_tokens: bool) -> Arc<Identity> {
            let path = |name: &str| self.folder.path().join(name);
            std::fs::write(path("denied"), DENIED).unwrap();
            let config = IdentityConfig {
                fleet_keys: path("fleet.keys"),
                denied_agents: Some(path("denied")),
                token_keys: if with_tokens { vec![path("ops.secret")] } else { Vec::new() },
                session_lifetime: std::time::Duration::from_secs(600),
            };
            Arc::new(Identity::open(config, now()).unwrap())
        }

        fn token(&self, subject: &str, scope: Scope, lives_s: i64) -> String {
            let claims = Claims {
                subject: subject.into(),
                tenant: TENANT,
                scopes: vec![scope],
                not_before: None,
                expires: u64::try_from(now().millis() / 1_000 + lives_s).unwrap(),
                max_series: Some(70),
                labels: Default::default(),
            };
            format!("Bearer {}", issue(&claims, &self.key).unwrap())
        }
    }

    #[test]
    fn a_token_buys_the_key_that_gateways_derive() {
        let issuer = Issuer::new();
        let identity = issuer.identity(true);
        let root = issuer.folder.path().join("queue");
        let log = Arc::new(Log::open(&root, "gateway", LogConfig::default()).unwrap());
        let server = serve(routes(Arc::clone(&identity), Some(log), Channel::Private));
        let token = issuer.token("web", Scope::Ingest, 3_600);
        let body = json!({ "agent": agent_id() }).to_string();
        let (status, text) = ask(&server, "POST", "/v1/session", Some(&token), &body);
        assert_eq!(status, 200, "{text}");
        let answer: SessionAnswer = serde_json::from_str(&text).unwrap();
        assert_eq!((answer.tenant, answer.agent, answer.max_series), (TENANT, agent_id(), Some(70)));
        let lives_s = i64::from(answer.expires) - now().millis() / 1_000;
        assert!((590..=600).contains(&lives_s), "{lives_s}");
        let fleet_key = identity.fleet.key(answer.key_id).unwrap();
        let derived = fleet_key.session(TENANT, agent_id().parse().unwrap(), answer.expires);
        assert_eq!(weir_wire::key_from_hex(&answer.key), Some(derived.key));
        let mut told = 0;
        let mut reader = Reader::open(&root, "test", &Checkpoint::default()).unwrap();
        let polled = reader.poll(usize::MAX, |record, _| {
            let grant = Grant { max_series: Some(70), labels: Vec::new() };
            assert_eq!((record.tenant, record.agent.to_string()), (TENANT, agent_id()));
            assert_eq!(record.payload, grant.encode());
            told += 1;
        });
        polled.unwrap();
        assert_eq!(told, 1, "the sink hears what the token allows");
    }

    #[test]
    fn refusals_say_why() {
        let issuer = Issuer::new();
        let server = serve(routes(issuer.identity(true), None, Channel::Private));
        let good = issuer.token("web", Scope::Ingest, 3_600);
        let check = |token: Option<&str>, body: &str, status: u16, reason: &str| {
            let (seen, text) = ask(&server, "POST", "/v1/session", token, body);
            let answer: Value = serde_json::from_str(&text).unwrap();
            assert_eq!((seen, answer["reason"].as_str()), (status, Some(reason)), "{text}");
            assert_eq!(answer["status"], "error");
        };
        let body = json!({ "agent": agent_id() }).to_string();
        check(None, &body, 401, "no_token");
        check(Some(&issuer.token("web", Scope::Ingest, -5)), &body, 401, "expired");
        check(Some(&issuer.token("web", Scope::Read, 60)), &body, 403, "scope");
        check(Some(&issuer.token(DENIED, Scope::Ingest, 60)), &body, 403, "other_agent");
        check(Some(&issuer.token("db", Scope::Ingest, 60)), &body, 403, "other_agent");
        check(Some(&good), &json!({ "agent": AGENT }).to_string(), 403, "other_agent");
        check(Some(&good), &json!({ "agent": DENIED }).to_string(), 403, "denied");
        check(Some(&good), &body, 503, "grant");
        check(Some(&good), "", 400, "request");
        check(Some(&good), &json!({ "agent": "web-1" }).to_string(), 400, "request");
        check(Some(&good), &json!({ "agent": AGENT, "tenant": 1 }).to_string(), 400, "request");
        let (status, _) = ask(&server, "POST", "/v1/session", Some(&good), &"x".repeat(5_000));
        assert_eq!(status, 413);
    }

    #[test]
    fn keys_travel_on_private_channels_only_and_need_token_keys() {
        let issuer = Issuer::new();
        let token = issuer.token("web", Scope::Ingest, 60);
        let body = json!({ "agent": agent_id() }).to_string();
        let check = |with_tokens, channel, status, reason: &str| {
            let server = serve(routes(issuer.identity(with_tokens), None, channel));
            let (seen, text) = ask(&server, "POST", "/v1/session", Some(&token), &body);
            assert!(seen == status && text.contains(reason), "{seen} {text}");
        };
        check(true, Channel::Open, 403, "not_private");
        check(false, Channel::Private, 404, "no_token_keys");
    }
}
