//! One HTTP request and what its answer means.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use weir_alert::routing::channel::Client;

use super::causes::without_address;
use super::clients::Clients;
use super::secrets::reveal;
use crate::core::Outcome;
use crate::message::{HttpRequest, Source};

/// So much of an answer is read; it is only told, not understood.
const LONGEST_ANSWER: usize = 2_048;

pub(super) async fn send(clients: &Clients, request: HttpRequest) -> Outcome {
    let (codes, timeout) = (request.codes.clone(), request.timeout);
    let built = match build(clients, request) {
        Ok(built) => built,
        Err(why) => return Outcome::Failed { after: None, why },
    };
    let response = match built.timeout(timeout).send().await {
        Ok(response) => response,
        Err(error) => return Outcome::Failed { after: None, why: without_address(error) },
    };
    let status = response.status().as_u16();
    if codes.is_success(status) {
        return Outcome::Told;
    }
    let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()).and_then(seconds);
    let why = format!("answered {status}: {}", answer(response).await);
    if codes.is_retry(status) { Outcome::Failed { after, why } } else { Outcome::Refused(why) }
}

fn build(clients: &Clients, request: HttpRequest) -> Result<RequestBuilder, String> {
    let method =
        Method::from_bytes(request.method.as_bytes()).map_err(|_| format!("no method {:?}", request.method))?;
    let url = reveal(&request.url)?;
    let url = reqwest::Url::parse(url.reveal()).map_err(|error| format!("the url is none: {error}"))?;
    let mut built = clients.by(&request.client)?.request(method, url);
    for (name, value) in &request.headers {
        built = built.header(name, value.reveal());
    }
    built = with_identity(built, &request.client)?;
    let body = match &request.body_secret {
        None => request.body,
        Some(source) => {
            let secret = serde_json::Value::from(reveal(source)?.reveal()).to_string();
            let mark = serde_json::Value::from(HttpRequest::SECRET_MARK).to_string();
            String::from_utf8_lossy(&request.body).replacen(&mark, &secret, 1).into_bytes()
        }
    };
    Ok(built.body(body))
}

fn with_identity(mut built: RequestBuilder, client: &Client) -> Result<RequestBuilder, String> {
    let source = |text: &weir_alert::routing::Secret, file: &Option<String>| {
        reveal(&file.clone().map_or_else(|| Source::Text(text.clone()), Source::File))
    };
    if let Some(basic) = &client.basic_auth {
        built = built.basic_auth(&basic.username, Some(source(&basic.password, &basic.password_file)?.reveal()));
    }
    if let Some(other) = &client.authorization {
        let credentials = source(&other.credentials, &other.credentials_file)?;
        built = built.header("Authorization", format!("{} {}", other.kind, credentials.reveal()));
    }
    for (name, values) in &client.http_headers {
        for value in &values.values {
            built = built.header(name, value);
        }
        for secret in &values.secrets {
            built = built.header(name, secret.reveal());
        }
        for file in &values.files {
            built = built.header(name, reveal(&Source::File(file.clone()))?.reveal());
        }
    }
    Ok(built)
}

async fn answer(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() >= LONGEST_ANSWER {
            break;
        }
    }
    bytes.truncate(LONGEST_ANSWER);
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

/// `Retry-After` in seconds; a date is not honoured, our own pause stands then.
fn seconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_secs)
}
