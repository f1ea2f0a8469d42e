//! The form of a request: as it stands in most bodies, or in parts, as `curl -F` and some libraries send it.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::auth::refusal;

/// Parameters of a body, as `name=value&…`, percent-encoded.
pub(crate) struct Form(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let said = request.headers().get(header::CONTENT_TYPE).and_then(|said| said.to_str().ok());
        let boundary = said.and_then(boundary).map(str::to_owned);
        let body = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        let Some(boundary) = boundary else { return Ok(Self(body)) };
        let refused =
            |what: &str| refusal(StatusCode::BAD_REQUEST, "form", &format!("the form's parts cannot be read: {what}"));
        parts(&body, &boundary).map(|form| Self(form.into())).map_err(refused)
    }
}

/// What stands between the parts, if the type is that of such a form.
fn boundary(content_type: &str) -> Option<&str> {
    let mut parameters = content_type.split(';').map(str::trim);
    if !parameters.next()?.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then(|| value.trim_matches('"'))
    });
    // Without one nothing can be told apart, which the reader says.
    Some(boundary.unwrap_or_default())
}

/// The parts as a form in one piece (RFC 7578).
fn parts(body: &[u8], boundary: &str) -> Result<String, &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| "they are not UTF-8")?;
    if boundary.is_empty() {
        return Err("the content type has no boundary");
    }
    let (first, between) = (format!("--{boundary}"), format!("\r\n--{boundary}"));
    let mut rest =
        text.strip_prefix(&first).or_else(|| text.split_once(&between).map(|(_, rest)| rest)).ok_or("none begins")?;
    let mut form = String::new();
    while !rest.starts_with("--") {
        let (part, behind) = rest.split_once(&between).ok_or("the last one does not end")?;
        let (head, value) =
            part.strip_prefix("\r\n").and_then(|part| part.split_once("\r\n\r\n")).ok_or("one has no headers")?;
        let name = head.split("\r\n").find_map(name).ok_or("one has no name")?;
        form.push_str(&format!("{}{}={}", if form.is_empty() { "" } else { "&" }, encoded(name), encoded(value)));
        rest = behind;
    }
    Ok(form)
}

/// The name in `Content-Disposition: form-data; name="query"`.
fn name(header: &str) -> Option<&str> {
    let (field, said) = header.split_once(':')?;
    let said = said.trim().strip_prefix("form-data").filter(|_| field.eq_ignore_ascii_case("content-disposition"))?;
    said.split(';').find_map(|parameter| parameter.trim().strip_prefix("name=")).map(|name| name.trim_matches('"'))
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::query::Parameters;

    const BODY: &str = "--xY\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nup{a=\"é&b\"}\r\n+ 1\r\n\
        --xY\r\ncontent-type: text/plain\r\ncontent-disposition: form-data; name=match[]\r\n\r\n\r\n--xY--\r\n";

    #[test]
    fn parts_are_a_form() {
        let form = parts(BODY.as_bytes(), "xY").unwrap();
        let parameters = Parameters::of(None, form.as_bytes());
        assert_eq!((parameters.get("query"), parameters.get("match[]")), (Some("up{a=\"é&b\"}\r\n+ 1"), Some("")));
        let preamble = format!("for old readers\r\n{BODY}");
        assert_eq!(parts(preamble.as_bytes(), "xY").unwrap(), form);
        assert_eq!(parts(b"--xY--\r\n", "xY").unwrap(), "");
    }

    #[test]
    fn what_is_cut_short_or_no_form_is_refused() {
        let whole = BODY.trim_end().len() - 2;
        (0..whole)
            .filter(|at| BODY.is_char_boundary(*at))
            .for_each(|at| assert!(parts(&BODY.as_bytes()[..at], "xY").is_err(), "{at}"));
        assert!(parts(BODY.as_bytes(), "").is_err() && parts(BODY.as_bytes(), "other").is_err());
        assert!(parts(b"--x\r\n\r\nvalue\r\n--x--", "x").is_err());
    }

    #[test]
    fn a_boundary_is_said_by_the_content_type() {
        let check = |said: &str, expected: Option<&str>| assert_eq!(boundary(said), expected, "{said}");
        check("multipart/form-data; boundary=abc", Some("abc"));
        check("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"", Some("a b"));
        check("multipart/form-data", Some(""));
        check("application/x-www-form-urlencoded", None);
        check("multipart/mixed; boundary=a", None);
    }
}
