//! One GET, and what form the answer is in.

use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use hyper::{Method, Uri};
use weir_discovery::Endpoint;
use weir_fetch::{Ask, Client, ClientSettings, Room};
use weir_formats::delimited::{FULL_MEDIA_TYPE, MEDIA_TYPE};
use weir_formats::text::Form;

use super::failure::Failure;
use crate::lookup::lookup;

const MAX_BODY_BYTES: usize = 16 << 20;

/// What an endpoint says.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Text(String, Form),
    /// What is said to be something else. Some programs say so of metrics too.
    Page(String),
    /// In protobuf, the only form that has native histograms.
    Families(Vec<u8>),
}

/// Names are wanted as they are, in quotes where they must be, of whoever can write them so.
const TEXT: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.9,\
    text/plain;version=1.0.0;escaping=allow-utf-8;q=0.8,text/plain;version=0.0.4;q=0.7,*/*;q=0.1";

/// How the endpoints of a job are asked, and the room for all their answers.
pub(super) struct Fetch {
    client: Client,
    room: Room,
    accept: String,
    timeout: Duration,
}

impl Fetch {
    /// Asks for native histograms too if they are wanted; or what of the settings cannot be read.
    pub(super) fn new(settings: &ClientSettings, native: bool, timeout: Duration) -> Result<Self, String> {
        let families = match native {
            true => format!("{FULL_MEDIA_TYPE},"),
            false => String::new(),
        };
        let client = Client::new(settings)?.resolving(|host, port| Box::pin(lookup(host, port)));
        Ok(Self { client, room: Room::of(4 * MAX_BODY_BYTES), accept: families + TEXT, timeout })
    }

    /// Asks an endpoint. The connection is not kept: in a window's time most servers would have closed it.
    pub(super) async fn get(&self, endpoint: &Endpoint, patience: Duration) -> Result<Answer, Failure> {
        let url = endpoint.url();
        let ask = Ask {
            method: Method::GET,
            uri: url.parse::<Uri>().map_err(|_| weir_fetch::Failure::Address(url))?,
            headers: &[(ACCEPT, self.accept.clone()), (ACCEPT_ENCODING, "gzip".to_owned())],
            body: Bytes::new(),
            limit: MAX_BODY_BYTES,
            room: &self.room,
        };
        let timeout = self.timeout.min(patience);
        let answer = match tokio::time::timeout(timeout, self.client.ask(&mut None, ask)).await {
            Ok(answer) => answer?,
            Err(_) => return Err(weir_fetch::Failure::Timeout(timeout).into()),
        };
        form(&answer.header(CONTENT_TYPE).to_ascii_lowercase(), answer.body)
    }
}

fn form(kind: &str, body: Vec<u8>) -> Result<Answer, Failure> {
    if kind.starts_with(MEDIA_TYPE) {
        return Ok(Answer::Families(body));
    }
    let text = String::from_utf8(body).map_err(|_| Failure::NotText)?;
    Ok(if is_page(kind) {
        Answer::Page(text)
    } else if kind.starts_with("application/openmetrics-text") {
        Answer::Text(text, Form::OpenMetrics)
    } else {
        Answer::Text(text, Form::Text)
    })
}

/// Whether a content type is that of HTML, XML or JSON.
fn is_page(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim_end();
    kind.rsplit(['/', '+']).next().is_some_and(|kind| ["html", "xhtml", "xml", "json", "javascript"].contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_what_the_endpoint_says() {
        let check = |kind: &str, expected| {
            assert_eq!(form(&kind.to_ascii_lowercase(), b"a 1".to_vec()).unwrap(), expected, "{kind}");
        };
        for kind in ["text/plain; version=0.0.4", "text/plain", "application/octet-stream", ""] {
            check(kind, Answer::Text("a 1".into(), Form::Text));
        }
        check(
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Answer::Text("a 1".into(), Form::OpenMetrics),
        );
        for kind in
            ["text/html; charset=utf-8", "Application/JSON", "application/problem+json", "application/xhtml+xml ;q=1"]
        {
            check(kind, Answer::Page("a 1".into()));
        }
        assert_eq!(form("text/plain", vec![0xff]).unwrap_err().reason(), "not_http");
    }
}
