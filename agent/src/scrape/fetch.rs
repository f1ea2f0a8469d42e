//! One GET, by HTTP/1.0 so that the answer is plain bytes until the connection closes.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use weir_discovery::Endpoint;
use weir_formats::delimited::MEDIA_TYPE;
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

/// Asks an endpoint, for native histograms too if they are wanted.
pub(super) async fn fetch(endpoint: &Endpoint, native: bool, timeout: Duration) -> Result<Answer, Failure> {
    match tokio::time::timeout(timeout, ask(endpoint, native)).await {
        Ok(answer) => answer,
        Err(_) => Err(Failure::Timeout),
    }
}

async fn ask(endpoint: &Endpoint, native: bool) -> Result<Answer, Failure> {
    let (instance, path) = (endpoint.instance(), &endpoint.path);
    let addresses = lookup(&endpoint.host, endpoint.port).await.map_err(Failure::Connection)?;
    let mut stream = connect(&addresses).await.map_err(Failure::Connection)?;
    let families = match native {
        true => format!("{MEDIA_TYPE};proto=io.prometheus.client.MetricFamily;encoding=delimited,"),
        false => String::new(),
    };
    let request = format!(
        "GET {path} HTTP/1.0\r\nhost: {instance}\r\nuser-agent: weir-agent/{}\r\naccept: {families}{TEXT}\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    stream.write_all(request.as_bytes()).await.map_err(Failure::Connection)?;
    let mut answer = Vec::new();
    let limit = MAX_BODY_BYTES as u64 + 1;
    stream.take(limit).read_to_end(&mut answer).await.map_err(Failure::Connection)?;
    if answer.len() > MAX_BODY_BYTES {
        return Err(Failure::TooLarge);
    }
    body(answer)
}

/// The first address that takes a connection: of `localhost` that may be either.
async fn connect(addresses: &[SocketAddr]) -> std::io::Result<TcpStream> {
    let mut last = std::io::ErrorKind::NotFound.into();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn body(mut answer: Vec<u8>) -> Result<Answer, Failure> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or(Failure::NotHttp)?;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.strip_prefix("http/1.").and_then(|rest| rest.get(2..5)?.parse::<u16>().ok());
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    match status {
        Some(200) => {}
        Some(status) => return Err(Failure::Status(status)),
        None => return Err(Failure::NotHttp),
    }
    // Neither is an answer to HTTP/1.0 without the request's leave.
    if header("transfer-encoding").is_some() || header("content-encoding").is_some_and(|coding| coding != "identity") {
        return Err(Failure::NotHttp);
    }
    let kind = header("content-type").unwrap_or_default().to_owned();

    answer.drain(..end + 4);
    if header("content-length")
        .and_then(|length| length.parse().ok())
        .is_some_and(|length: usize| answer.len() < length)
    {
        return Err(Failure::CutShort);
    }
    if kind.starts_with(MEDIA_TYPE) {
        return Ok(Answer::Families(answer));
    }
    let text = String::from_utf8(answer).map_err(|_| Failure::NotHttp)?;
    Ok(if is_page(&kind) {
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
    fn answers_are_a_body_or_a_reason() {
        let check = |answer: &str, expected: Result<&str, &str>| {
            let found = body(answer.as_bytes().to_vec());
            let expected = expected.map(|text| Answer::Text(text.into(), Form::Text));
            assert_eq!(found.map_err(|failure| failure.reason()), expected, "{answer:?}");
        };
        check("HTTP/1.1 200 OK\r\nA: b\r\n\r\na 1\n", Ok("a 1\n"));
        check("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\na 1", Ok("a 1"));
        check("HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\na 1", Err("cut_short"));
        check("HTTP/1.0 503 Busy\r\n\r\n", Err("status"));
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na 1", Err("not_http"));
        check("SSH-2.0-OpenSSH\r\n", Err("not_http"));
        check("", Err("not_http"));
    }

    #[test]
    fn the_form_is_what_the_endpoint_says() {
        let check = |kind: &str, expected| {
            let answer = format!("HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n\r\na 1");
            assert_eq!(body(answer.into_bytes()).unwrap(), expected, "{kind}");
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
    }
}
