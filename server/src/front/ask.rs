//! One question to one copy. The answer is passed on as it comes.

use std::io::Read;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, header};
use futures_util::Stream;
use tokio::sync::mpsc;

/// What somebody asks.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Chunks,
}

/// Why a copy gave none.
pub(super) struct Failure {
    pub(super) reason: String,
    /// Whether another may be asked the same: it changes nothing, or was refused before it could.
    pub(super) repeatable: bool,
}

/// What is passed on of a question, and of an answer: nothing that is about one connection.
const ASKED: [header::HeaderName; 5] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::ACCEPT,
    header::COOKIE,
    header::HeaderName::from_static("weir-forwarded"),
];
const ANSWERED: [header::HeaderName; 4] =
    [header::CONTENT_TYPE, header::WWW_AUTHENTICATE, header::RETRY_AFTER, header::CACHE_CONTROL];

/// Read from a copy at once, and read ahead of a slow asker.
const CHUNK: usize = 64 << 10;
const AHEAD: usize = 16;

/// Asks, and waits for the head of the answer. Its body comes on a thread of its own.
pub(super) fn ask(agent: &ureq::Agent, url: &str, question: &Question) -> Result<Answer, Failure> {
    let mut request =
        ureq::http::Request::builder().method(question.method.clone()).uri(format!("{url}{}", question.path));
    for (name, value) in question.headers.iter().filter(|(name, _)| ASKED.contains(name)) {
        request = request.header(name, value);
    }
    let request = request.body(&question.body[..]);
    let request = request.map_err(|error| Failure { reason: error.to_string(), repeatable: false })?;
    let response = agent.run(request).map_err(|error| {
        let refused = matches!(&error, ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused);
        Failure { reason: error.to_string(), repeatable: refused || question.changes_nothing() }
    })?;
    let (head, mut body) = response.into_parts();
    if matches!(head.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY) {
        let reason = body.read_to_string().unwrap_or_default();
        return Err(Failure { reason: format!("{} {}", head.status.as_u16(), reason.trim()), repeatable: true });
    }
    let mut headers = HeaderMap::new();
    for (name, value) in head.headers.iter().filter(|(name, _)| ANSWERED.contains(name)) {
        headers.append(name, value.clone());
    }
    let (sender, chunks) = mpsc::channel(AHEAD);
    let reading = std::thread::Builder::new().name("front-body".into()).spawn(move || {
        pass_on(body.into_reader(), &sender);
    });
    reading.map_err(|error| Failure { reason: error.to_string(), repeatable: true })?;
    Ok(Answer { status: head.status, headers, body: Chunks(chunks) })
}

fn pass_on(mut body: impl Read, sender: &mpsc::Sender<std::io::Result<Bytes>>) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match body.read(&mut chunk) {
            Ok(0) => return,
            Ok(read) => Ok(Bytes::copy_from_slice(&chunk[..read])),
            Err(error) => Err(error),
        };
        let ends = read.is_err();
        // Whoever asked may have gone.
        if sender.blocking_send(read).is_err() || ends {
            return;
        }
    }
}

impl Question {
    /// Questions over samples, by GET or as a form.
    fn changes_nothing(&self) -> bool {
        let asks = ["/api/v1/query", "/api/v1/labels", "/api/v1/label/", "/api/v1/series"];
        self.method == Method::GET || self.method == Method::POST && asks.iter().any(|asks| self.path.starts_with(asks))
    }
}

/// The body of an answer.
pub(super) struct Chunks(mpsc::Receiver<std::io::Result<Bytes>>);

impl Stream for Chunks {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}
