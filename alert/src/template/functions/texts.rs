//! Functions on texts.

use std::net::IpAddr;

use crate::pattern::pattern;

use super::super::value::Value;
use super::super::world::World;
use super::arguments::{text_of, wrong_count};
use super::go::escape_query;
use super::json::json;

pub(super) const NAMES: &[&str] = &[
    "title",
    "toUpper",
    "toLower",
    "trimSpace",
    "join",
    "match",
    "reReplaceAll",
    "safeHtml",
    "safeUrl",
    "stringSlice",
    "stripPort",
    "stripDomain",
    "urlUnescape",
    "urlQueryEscape",
    "toJson",
    "pathPrefix",
    "externalURL",
    "graphLink",
    "tableLink",
];

pub(super) fn call(name: &str, arguments: &[Value], world: &World<'_>) -> Result<Value, String> {
    match (name, arguments) {
        ("pathPrefix", []) => return Ok(Value::text(path(world.external_url))),
        ("externalURL", []) => return Ok(Value::text(world.external_url)),
        ("join", [between, Value::List(values)]) => {
            let texts: Vec<&str> = values.iter().map(text_of).collect::<Result<_, _>>()?;
            return Ok(Value::text(texts.join(text_of(between)?)));
        }
        ("stringSlice", values) => {
            values.iter().try_for_each(|value| text_of(value).map(drop))?;
            return Ok(Value::List(values.iter().cloned().collect()));
        }
        ("toJson", [value]) => return Ok(Value::text(json(value))),
        _ => {}
    }
    let texts: Vec<&str> = arguments.iter().map(text_of).collect::<Result<_, _>>()?;
    let text = match (name, texts.as_slice()) {
        ("match", [wanted, text]) => return Ok(Value::Bool(pattern(wanted)?.is_match(text))),
        ("safeHtml", [text]) => return Ok(Value::Html((*text).into())),
        ("reReplaceAll", [wanted, with, text]) => pattern(wanted)?.replace_all(text, *with).into_owned(),
        ("title", [text]) => title(text),
        ("toUpper", [text]) => text.to_uppercase(),
        ("toLower", [text]) => text.to_lowercase(),
        ("trimSpace", [text]) => text.trim().to_owned(),
        ("safeUrl", [text]) => (*text).to_owned(),
        ("stripPort", [text]) => host_and_port(text).map_or(*text, |(host, _)| host).to_owned(),
        ("stripDomain", [text]) => without_domain(text),
        ("urlUnescape", [text]) => unescape(text)?,
        ("urlQueryEscape", [text]) => escape_query(text),
        ("graphLink", [expression]) => link(expression, 0),
        ("tableLink", [expression]) => link(expression, 1),
        _ => return Err(wrong_count(name)),
    };
    Ok(Value::text(text))
}

/// Where Prometheus shows an expression, as a graph or a table.
fn link(expression: &str, tab: u8) -> String {
    format!("/graph?g0.expr={}&g0.tab={tab}", escape_query(expression))
}

fn path(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    url[after_scheme..].find('/').map_or("", |at| &url[after_scheme + at..])
}

/// The first letter of each word made large.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.push(c)
        } else {
            out.extend(c.to_uppercase())
        }
        inside = c.is_alphanumeric() || c == '_' || c == '\'';
    }
    out
}

/// `host:port` and `[host]:port`; nothing else is split.
fn host_and_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    if let Some(host) = host.strip_prefix('[') {
        return host.strip_suffix(']').filter(|host| !host.contains(['[', ']'])).map(|host| (host, port));
    }
    (!host.contains([':', '[', ']']) && !port.contains(']')).then_some((host, port))
}

fn without_domain(text: &str) -> String {
    let (host, port) = host_and_port(text).unwrap_or((text, ""));
    if host.parse::<IpAddr>().is_ok() {
        return text.to_owned();
    }
    let host = host.split('.').next().unwrap_or(host);
    if port.is_empty() { host.to_owned() } else { format!("{host}:{port}") }
}

/// Go's `url.QueryUnescape`.
fn unescape(text: &str) -> Result<String, String> {
    let (mut out, mut bytes) = (Vec::new(), text.bytes());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits: Vec<u8> = bytes.by_ref().take(2).collect();
                let value = std::str::from_utf8(&digits)
                    .ok()
                    .filter(|d| d.len() == 2)
                    .and_then(|d| u8::from_str_radix(d, 16).ok());
                value.ok_or_else(|| format!("invalid URL escape in {text:?}"))?
            }
            byte => byte,
        });
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}
