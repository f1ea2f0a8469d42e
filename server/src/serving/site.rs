//! Who may ask: a browser on this host carries requests of any page to any address, so where no token is asked for, the
//! names that a request has tell whether a person means this server.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::Response;

use super::counters::Foreign;
use crate::api::auth::refusal;

/// What a listener is known as.
#[derive(Clone, Debug, Default)]
pub(crate) struct Site {
    /// Whether a request must be for a host that is known.
    pub is_checked: bool,
    /// This host's own name, and those of `listen.hosts`.
    pub names: Vec<String>,
    /// Origins whose pages may ask.
    pub origins: Vec<String>,
}

/// Queries come as forms, as Prometheus takes them; they change nothing.
const FORMS: [&str; 5] = ["/api/v1/query", "/api/v1/query_range", "/api/v1/series", "/api/v1/labels", "/api/v1/export"];

/// Writes that senders of other systems call text or a form. A page that may send those unasked is known by what its browser says.
const TEXTS: [&str; 3] = ["/write", "/api/v2/write", "/query"];

/// The same, by how a path begins: pushes of short jobs.
const TEXTS_BELOW: &str = "/metrics/job";

/// Types that a page may send to another site without asking it first.
const SIMPLE: [&str; 3] = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"];

impl Site {
    /// One with these names and this host's own; checked where no tokens are asked for.
    pub(crate) fn new(is_checked: bool, hosts: &[String], origins: &[String]) -> Self {
        let own = crate::host::name();
        let names = hosts.iter().map(String::as_str).chain([own.as_str()]);
        let origins = origins.iter().map(|origin| origin.trim_end_matches('/').to_owned()).collect();
        Self { is_checked, origins, names: names.map(plain).filter(|name| !name.is_empty()).collect() }
    }

    /// The refusal of a request that a foreign page may have sent to this address.
    pub(super) fn refuses<B>(&self, request: &Request<B>, local: Option<IpAddr>) -> Option<(Foreign, Response)> {
        let host = host(request);
        if let Some(host) = host.as_deref().filter(|_| self.is_checked)
            && !self.is_known(host, local)
        {
            let text = format!("this server is not known as {host:?}: put the name into listen.hosts");
            return Some((Foreign::Host, refusal(StatusCode::FORBIDDEN, "host", &text)));
        }
        if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
            return None;
        }
        if let Some(origin) = text(request.headers(), header::ORIGIN)
            && !self.is_own_origin(&origin, host.as_deref())
        {
            let text = format!("a page of {origin:?} sends this: put the name into listen.hosts if it is yours");
            return Some((Foreign::Origin, refusal(StatusCode::FORBIDDEN, "origin", &text)));
        }
        let content_type = text(request.headers(), header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        let content_type = content_type.split(';').next().unwrap_or_default().trim();
        let path = request.uri().path();
        let is_text = TEXTS.contains(&path) || path.starts_with(TEXTS_BELOW);
        let is_open = FORMS.contains(&path) || is_text && !is_of_foreign_page(request.headers());
        if SIMPLE.contains(&content_type) && !is_open {
            let text =
                format!("a write has another Content-Type than {content_type}: see the documentation of the API");
            return Some((Foreign::ContentType, refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", &text)));
        }
        None
    }

    fn is_known(&self, host: &str, local: Option<IpAddr>) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = plain(authority.host());
        match name.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => {
                let address = address.to_canonical();
                address.is_loopback() || local.is_some_and(|local| local.to_canonical() == address) || self.has(&name)
            }
            Err(_) => name == "localhost" || name.ends_with(".localhost") || self.has(&name),
        }
    }

    /// A page's origin is this server's where it has the name and port that the request is for, or a name of the list.
    fn is_own_origin(&self, origin: &str, host: Option<&str>) -> bool {
        if self.origins.iter().any(|known| known.eq_ignore_ascii_case(origin)) {
            return true;
        }
        let Some((scheme, authority)) = origin.split_once("://") else { return false };
        let port = if scheme == "https" { ":443" } else { ":80" };
        let same = |host: &str| plain(host).trim_end_matches(port) == plain(authority).trim_end_matches(port);
        let listed = |authority: Authority| self.has(&plain(authority.host()));
        host.is_some_and(same) || authority.parse().is_ok_and(listed)
    }

    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }
}

/// What a browser says of whose page sends; other programs say nothing.
fn is_of_foreign_page(headers: &HeaderMap) -> bool {
    text(headers, HeaderName::from_static("sec-fetch-site")).is_some_and(|site| site != "same-origin" && site != "none")
}

/// The host that a request is for; clients older than HTTP/1.1, which no browser is, may name none.
fn host<B>(request: &Request<B>) -> Option<String> {
    let authority = request.uri().authority().map(ToString::to_string);
    authority.or_else(|| text(request.headers(), header::HOST))
}

/// A header that is no text is none that is known.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Names are compared in small letters, without the dot that may end them.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(is_checked: bool, method: &str, path: &str, headers: &[(&str, &str)]) -> Option<Foreign> {
        let site = Site { is_checked, names: vec!["weir.example".into()], origins: vec!["https://g.example".into()] };
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let local = Some("192.0.2.7".parse().unwrap());
        site.refuses(&request.body(()).unwrap(), local).map(|(reason, _)| reason)
    }

    #[test]
    fn a_foreign_host_is_refused_where_no_tokens_are_asked_for() {
        let check = |host: &str, ok: bool| {
            let expected = (!ok).then_some(Foreign::Host);
            assert_eq!(refused(true, "GET", "/metrics", &[("host", host)]), expected, "{host}");
            assert_eq!(refused(false, "GET", "/metrics", &[("host", host)]), None);
        };
        for known in ["localhost:8641", "LOCALHOST", "a.localhost", "127.0.0.1:8641", "127.9.9.9", "[::1]:8641"] {
            check(known, true);
        }
        for known in ["192.0.2.7:8641", "[::ffff:192.0.2.7]", "weir.example", "WEIR.example.:8641"] {
            check(known, true);
        }
        for foreign in ["evil.example", "192.0.2.8", "localhost.evil.example", "weir.example.evil", "", "a b", "[::2]"]
        {
            check(foreign, false);
        }
        assert_eq!(refused(true, "GET", "/", &[]), None);
        let absolute = "http://evil.example/metrics";
        assert_eq!(refused(true, "GET", absolute, &[("host", "localhost")]), Some(Foreign::Host));
    }

    #[test]
    fn what_another_sites_page_sends_is_refused() {
        let check = |path: &str, origin: &str, expected: Option<Foreign>| {
            let headers = [("host", "localhost:8641"), ("origin", origin)];
            assert_eq!(refused(true, "POST", path, &headers), expected, "{path} {origin}");
        };
        check("/api/v1/query", "http://localhost:8641", None);
        check("/api/v1/query", "https://weir.example", None);
        check("/api/v1/query", "https://g.example", None);
        check("/api/v1/query", "http://g.example", Some(Foreign::Origin));
        for foreign in ["http://localhost:3000", "http://evil.example", "null", "http://localhost", ""] {
            check("/api/v1/query", foreign, Some(Foreign::Origin));
            check("/api/v1/write", foreign, Some(Foreign::Origin));
        }
        let proxied = [("host", "weir.example"), ("origin", "https://weir.example:443")];
        assert_eq!(refused(false, "POST", "/api/v1/query", &proxied), None);
        assert_eq!(refused(true, "GET", "/", &[("host", "localhost"), ("origin", "http://evil.example")]), None);
    }

    #[test]
    fn writes_have_a_type_that_a_page_must_ask_for() {
        let check = |path: &str, content_type: &str, expected: Option<Foreign>| {
            let headers = [("host", "localhost"), ("content-type", content_type)];
            assert_eq!(refused(false, "POST", path, &headers), expected, "{path} {content_type}");
        };
        for simple in ["text/plain", "Text/Plain; charset=utf-8", "application/x-www-form-urlencoded"] {
            check("/api/v1/write", simple, Some(Foreign::ContentType));
            check("/v1/session", simple, Some(Foreign::ContentType));
            check("/api/v1/query", simple, None);
        }
        for text in ["/write", "/api/v2/write", "/metrics/job/a"] {
            check(text, "text/plain", None);
            let headers = [("host", "localhost"), ("content-type", "text/plain"), ("sec-fetch-site", "cross-site")];
            assert_eq!(refused(false, "POST", text, &headers), Some(Foreign::ContentType));
        }
        check("/api/v1/write", "application/x-protobuf", None);
        check("/v1/session", "application/json", None);
    }
}
