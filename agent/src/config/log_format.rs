//! What a line of an access log holds: a format in nginx' spelling, and reading a line by it.

use serde::Deserialize;

/// The parts of a line in order.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Format(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Literal(String),
    Field(Field),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Request,
    Method,
    Path,
    Status,
    Bytes,
    Seconds,
    Millis,
    Micros,
    /// What servers behind this one said, of which there may be several: `0.1, 0.2 : 0.3`. Read over.
    Upstream,
    /// A time with a zone behind a blank. Read over.
    LocalTime,
    /// Read over.
    Other,
}

/// What is counted of a request.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub status: u16,
    pub bytes: f64,
    pub seconds: Option<f64>,
}

const COMMON: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent";

impl Default for Format {
    fn default() -> Self {
        Self::try_from("combined".to_owned()).expect("the format of this name is right")
    }
}

impl TryFrom<String> for Format {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = match text.as_str() {
            "common" => COMMON.to_owned(),
            // What may follow the user agent is read over.
            "combined" => format!("{COMMON} \"$http_referer\" \"$http_user_agent\""),
            _ => text,
        };
        let format = Self(parts(&text)?);
        if !format.0.contains(&Part::Field(Field::Status)) {
            return Err(format!("{text:?}: neither \"combined\", \"common\" nor a format with $status in it"));
        }
        format.prove().map_err(|problem| format!("{text:?}: {problem}"))?;
        Ok(format)
    }
}

fn parts(text: &str) -> Result<Vec<Part>, String> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find('$') {
        if at > 0 {
            parts.push(Part::Literal(rest[..at].to_owned()));
        } else if matches!(parts.last(), Some(Part::Field(_))) {
            return Err(format!("{text:?}: two fields with nothing between them cannot be told apart"));
        }
        let (name, after) = name(&rest[at + 1..]).ok_or_else(|| {
            format!(
                "{text:?}: a field is written $name or ${{name}}, and behind this $ there is no name: {:?}",
                &rest[at..]
            )
        })?;
        parts.push(Part::Field(field(name)));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
}

/// The field's name behind a `$`, and what follows it.
fn name(text: &str) -> Option<(&str, &str)> {
    let (name, after) = match text.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None => text.split_at(text.find(|c: char| !is_of_name(c)).unwrap_or(text.len())),
    };
    (!name.is_empty() && name.chars().all(is_of_name)).then_some((name, after))
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn field(name: &str) -> Field {
    match name {
        "request" => Field::Request,
        "request_method" => Field::Method,
        "request_uri" | "uri" => Field::Path,
        "status" => Field::Status,
        "body_bytes_sent" | "bytes_sent" => Field::Bytes,
        "request_time" => Field::Seconds,
        "request_time_ms" => Field::Millis,
        "request_time_us" => Field::Micros,
        "time_local" => Field::LocalTime,
        name if name.starts_with("upstream_") => Field::Upstream,
        _ => Field::Other,
    }
}

impl Field {
    /// What it may well hold, in a request whose line is then read back.
    fn example(self) -> &'static str {
        match self {
            Self::Request => "GET /a HTTP/1.1",
            Self::Method => "GET",
            Self::Path => "/a",
            Self::Status => "200",
            Self::Bytes => "512",
            Self::Seconds => "0.25",
            Self::Millis => "250",
            Self::Micros => "250000",
            Self::Upstream => "0.125",
            Self::LocalTime => "23/Nov/2026:10:00:00 +0000",
            // What seldom follows a field in a format.
            Self::Other => "~",
        }
    }
}

impl Format {
    /// Reads a line that is filled in by it: what does not come back comes back of no line.
    fn prove(&self) -> Result<(), String> {
        let (mut line, mut expected) = (String::new(), Request::default());
        for part in &self.0 {
            match part {
                Part::Literal(text) if text.contains(['\n', '\r']) => {
                    return Err("a line break in it, which no line has".to_owned());
                }
                Part::Literal(text) => line.push_str(text),
                Part::Field(field) => {
                    line.push_str(field.example());
                    expected.set(*field, field.example());
                }
            }
        }
        match self.read(&line).is_some_and(|found| found == expected) {
            true => Ok(()),
            false => Err(format!(
                "a line of it, such as {line:?}, cannot be taken apart: a field ends where what follows it in the format stands first"
            )),
        }
    }

    /// Reads a line; `None` if it is not of this format.
    pub(crate) fn read<'a>(&self, line: &'a str) -> Option<Request<'a>> {
        let (mut request, mut rest) = (Request::default(), line);
        let mut parts = self.0.iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Literal(text) => rest = rest.strip_prefix(text.as_str())?,
                Part::Field(field) => {
                    let end = match parts.peek() {
                        Some(Part::Literal(text)) => end(rest, text, *field)?,
                        // The request has blanks in it.
                        _ if *field == Field::Request => rest.len(),
                        _ => rest.find(' ').unwrap_or(rest.len()),
                    };
                    request.set(*field, &rest[..end])?;
                    rest = &rest[end..];
                }
            }
        }
        Some(request)
    }
}

/// Where a field ends that `literal` follows. A quote that a backslash escapes belongs to the field, and so does a blank in
/// a list.
fn end(text: &str, literal: &str, field: Field) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find(literal)?;
        let before = &text[..at];
        let is_within = match literal.as_bytes()[0] {
            b'"' => (before.len() - before.trim_end_matches('\\').len()) % 2 == 1,
            b' ' if field == Field::Upstream => {
                before.ends_with(',') || before.ends_with(" :") || text[at..].starts_with(" : ")
            }
            _ => false,
        };
        if !is_within {
            return Some(at);
        }
        from = at + 1;
    }
}

impl<'a> Request<'a> {
    fn set(&mut self, field: Field, text: &'a str) -> Option<()> {
        let number = || text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        match field {
            Field::Request => {
                let mut words = text.split(' ');
                (self.method, self.path) = (words.next()?, words.next().unwrap_or_default());
            }
            Field::Method => self.method = text,
            Field::Path => self.path = text,
            // nginx has 009 for a request of HTTP/0.9, and 000 for one that had no answer.
            Field::Status if text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit()) => {
                self.status = text.parse().ok()?
            }
            Field::Status => return None,
            // A dash for none.
            Field::Bytes => self.bytes = if text == "-" { 0.0 } else { number()? },
            Field::Seconds => self.seconds = number(),
            Field::Millis => self.seconds = number().map(|millis| millis / 1e3),
            Field::Micros => self.seconds = number().map(|micros| micros / 1e6),
            Field::Upstream | Field::LocalTime | Field::Other => {}
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(text: &str) -> Format {
        Format::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn combined_lines_are_read_as_nginx_and_apache_write_them() {
        let check = |line: &str, expected: Option<(&str, &str, u16, f64)>| {
            let format = Format::default();
            let found = format.read(line).map(|request| (request.method, request.path, request.status, request.bytes));
            assert_eq!(found, expected, "{line}");
        };
        let tail = "\"-\" \"curl/8\"";
        check(
            &format!("::1 - - [23/Nov/2026:10:00:00 +0000] \"GET /a?b=1 HTTP/1.1\" 200 512 {tail}"),
            Some(("GET", "/a?b=1", 200, 512.0)),
        );
        check(
            &format!("10.0.0.1 - joe [x] \"GET /\\\"q\\\" HTTP/1.1\" 304 - {tail} 0.004 more"),
            Some(("GET", "/\\\"q\\\"", 304, 0.0)),
        );
        check(&format!("10.0.0.1 - - [x] \"\" 400 0 {tail}"), Some(("", "", 400, 0.0)));
        check(&format!("10.0.0.1 - - [x] \"\\x16\\x03\" 400 0 {tail}"), Some(("\\x16\\x03", "", 400, 0.0)));
        check("10.0.0.1 - - [x] \"GET / HTTP/1.1\" abc 0 \"-\" \"-\"", None);
        check("10.0.0.1 - - [x] \"GET / HTTP/1.1\" 20", None);
        check("", None);
    }

    #[test]
    fn a_format_of_ones_own_tells_the_duration() {
        let check = |text: &str, line: &str, expected: Option<f64>| {
            assert_eq!(format(text).read(line).and_then(|request| request.seconds), expected, "{text}");
        };
        check("$status $request_time", "200 0.25", Some(0.25));
        check("$status $request_time_us", "200 2500", Some(0.0025));
        check("$status|$request_time_ms|$host", "200|25|x", Some(0.025));
        check("$status $request_time", "200 -", None);
        check("${status} ${request_time}s ${host}", "200 0.25s x", Some(0.25));
    }

    #[test]
    fn formats_that_cannot_work_are_refused() {
        let check = |text: &str, ok| assert_eq!(Format::try_from(text.to_owned()).is_ok(), ok, "{text}");
        check("combined", true);
        check("$request_time", false);
        check("$status$request_time", false);
        check("combine", false);
        // A name in braces, or none.
        check("${status}", true);
        check("${status}ms $host", true);
        for text in [
            "$status $",
            "$status $$",
            "$status ${}",
            "$status ${host",
            "$status ${a-b}",
            "$status $-x",
            "$status|$ $host",
        ] {
            check(text, false);
        }
        // Fields that no line can fill.
        check("$status\n$host", false);
        check("${status}0", false);
        check("${host}x$status", true);
        check("$time_local $status", false);
        check("[$time_local] $status", true);
        check("$request $status", false);
        check("$status $request", true);
        check("$bytes_sent${status}", false);
        check("$request_method$uri $status", false);
    }

    #[test]
    fn a_quote_ends_a_field_unless_a_backslash_escapes_it() {
        let check = |line: &str, expected: Option<(&str, u16)>| {
            let format = format("\"$request\" $status \"$http_referer\" \"$http_user_agent\" $bytes_sent");
            assert_eq!(format.read(line).map(|request| (request.path, request.status)), expected, "{line}");
        };
        check(r#""GET /a\\" 400 "-" "-" 1"#, Some((r"/a\\", 400)));
        check(r#""GET /a\" 400 "-" "-" 1"#, None);
        check(r#""GET /a" 200 "http://x/\\" "ua" 1"#, Some(("/a", 200)));
        check(r#""GET /a" 200 "http://x/\" "ua" 1"#, None);
        check(r#""GET /a" 200 "http://x/\\\\" "ua\"" 1"#, Some(("/a", 200)));
        check(r#""GET /a\\\" 400 "-" "-" 1"#, None);
        check(r#""GET /a\" 200 \"" 400 "-" "-" 1"#, Some((r#"/a\""#, 400)));
    }

    #[test]
    fn lists_of_upstreams_stand_beside_other_fields() {
        let check = |list: &str| {
            let format = format("$status $upstream_addr $upstream_response_time $request_time $bytes_sent");
            let line = format!("200 {list} {list} 0.25 512");
            assert_eq!(
                format.read(&line).map(|request| (request.seconds, request.bytes)),
                Some((Some(0.25), 512.0)),
                "{line}"
            );
        };
        for list in ["0.1", "-", "0.1, 0.2", "0.1 : 0.2", "0.1, 0.2 : 0.3, -", "unix:/a : [::1]:80", "-, 0.1 : -"] {
            check(list);
        }
    }

    #[test]
    fn a_status_has_three_digits() {
        let check = |text: &str, expected: Option<u16>| {
            assert_eq!(
                format("$status $uri").read(&format!("{text} /")).map(|request| request.status),
                expected,
                "{text}"
            );
        };
        for (text, status) in [("009", 9), ("000", 0), ("999", 999), ("499", 499)] {
            check(text, Some(status));
        }
        for text in ["9", "1000", "+20", "-", "2x0", ""] {
            check(text, None);
        }
    }
}
