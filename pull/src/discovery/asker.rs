//! Questions to a place by HTTP: one after the other, or one whose answer goes on for as long as something happens there.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use hyper::{Method, Uri};
use serde_json::Value;

use super::said::Teller;
use weir_fetch::ClientSettings;
use weir_fetch::{Ask, Client, Connection, Failure, Room, Stream};

/// Asks one server.
pub(super) struct Asker {
    client: Client,
    connection: Option<Connection>,
    /// Sent with each question.
    headers: Vec<(HeaderName, String)>,
    room: Room,
}

/// A list of 100,000 targets with labels has some 30 MB.
const MOST_ANSWER: usize = 256 << 20;
/// Bytes of one thing that happened.
pub(super) const MOST_EVENT: usize = 8 << 20;
const PATIENCE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Asker {
    pub(super) fn new(settings: &ClientSettings, headers: Vec<(HeaderName, String)>) -> Result<Self, String> {
        let client = Client::new(settings)?;
        Ok(Self { client, connection: None, headers, room: Room::of(MOST_ANSWER) })
    }

    /// The answer in JSON.
    pub(super) async fn json(&mut self, uri: &str) -> Result<Value, String> {
        self.json_within(uri, PATIENCE).await.map(|(_, value)| value)
    }

    /// The same, with a header of the answer beside it, from a server that may take its time.
    pub(super) async fn json_within(
        &mut self,
        uri: &str,
        patience: Duration,
    ) -> Result<(weir_fetch::Answer, Value), String> {
        self.asked(Method::GET, uri, Bytes::new(), patience).await
    }

    /// The answer in JSON to a question in JSON.
    pub(super) async fn post(&mut self, uri: &str, body: &Value) -> Result<Value, String> {
        self.asked(Method::POST, uri, body.to_string().into(), PATIENCE).await.map(|(_, value)| value)
    }

    async fn asked(
        &mut self,
        method: Method,
        uri: &str,
        body: Bytes,
        patience: Duration,
    ) -> Result<(weir_fetch::Answer, Value), String> {
        let told = |failure: &dyn std::fmt::Display| format!("{uri} {failure}");
        let (address, headers) = (address(uri)?, self.headers(&body));
        let ask = Ask { method, uri: address, headers: &headers, body, limit: MOST_ANSWER, room: &self.room };
        let asked = tokio::time::timeout(patience, self.client.ask(&mut self.connection, ask)).await;
        let answer = asked.unwrap_or(Err(Failure::Timeout(patience))).map_err(|failure| {
            self.connection = None;
            told(&failure)
        })?;
        let value = serde_json::from_slice(&answer.body);
        value.map(|value| (answer, value)).map_err(|error| told(&format!("answers with no JSON: {error}")))
    }

    /// An answer that goes on.
    pub(super) async fn watch(
        &self,
        method: Method,
        uri: &str,
        body: Option<&Value>,
    ) -> Result<(Connection, Stream), String> {
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let (address, headers) = (address(uri)?, self.headers(&body));
        let ask = Ask { method, uri: address, headers: &headers, body, limit: MOST_EVENT, room: &self.room };
        let opened = tokio::time::timeout(PATIENCE, self.client.open(ask)).await;
        opened.unwrap_or(Err(Failure::Timeout(PATIENCE))).map_err(|failure| format!("{uri} {failure}"))
    }

    pub(super) fn set_header(&mut self, name: HeaderName, text: String) {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, text));
    }

    fn headers(&self, body: &Bytes) -> Vec<(HeaderName, String)> {
        let mut headers = self.headers.clone();
        headers.push((ACCEPT, "application/json".into()));
        if !body.is_empty() {
            headers.push((CONTENT_TYPE, "application/json".into()));
        }
        headers
    }
}

fn address(uri: &str) -> Result<Uri, String> {
    uri.parse().map_err(|error| format!("{uri:?} is no address: {error}"))
}

/// Pauses that get longer with each failure in a row.
pub(super) struct Patience(Duration);

impl Patience {
    pub(super) fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    /// Tells a failure, and waits before the next attempt.
    pub(super) async fn failed(&mut self, teller: &Teller, fault: String) {
        teller.failed(format!("{fault}; its targets of before stay"));
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
    }

    pub(super) fn succeeded(&mut self) {
        self.0 = FIRST_PAUSE;
    }
}

/// A text as a part of an address.
pub(super) fn coded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
