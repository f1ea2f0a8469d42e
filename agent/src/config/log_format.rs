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
        let parts = parts(&text)?;
        match parts.contains(&Part::Field(Field::Status)) {
            true => Ok(Self(parts)),
            false => Err(format!("{text:?}: neither \"combined\", \"common\" nor a format with $status in it")),
        }
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
        let after = &rest[at + 1..];
        let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
        parts.push(Part::Field(field(&after[..end])));
        rest = &after[end..];
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
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
        _ => Field::Other,
    }
}

impl Format {
    /// Reads a line; `None` if it is not of this format.
    pub(crate) fn read<'a>(&self, line: &'a str) -> Option<Request<'a>> {
        let (mut request, mut rest) = (Request::default(), line);
        let mut parts = self.0.iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Literal(text) => rest = rest.strip_prefix(text.as_str())?,
                Part::Field(field) => {
                    let end = match parts.peek() {
                        Some(Part::Literal(text)) => end(rest, text)?,
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

/// Where a field ends that `literal` follows. A quote that a backslash stands before belongs to the field.
fn end(text: &str, literal: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find(literal)?;
        if !(literal.starts_with('"') && text[..at].ends_with('\\')) {
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
            Field::Status => self.status = text.parse().ok().filter(|status| (100..=999).contains(status))?,
            // A dash for none.
            Field::Bytes => self.bytes = if text == "-" { 0.0 } else { number()? },
            Field::Seconds => self.seconds = number(),
            Field::Millis => self.seconds = number().map(|millis| millis / 1e3),
            Field::Micros => self.seconds = number().map(|micros| micros / 1e6),
            Field::Other => {}
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
    }

    #[test]
    fn formats_that_cannot_work_are_refused() {
        let check = |text: &str, ok| assert_eq!(Format::try_from(text.to_owned()).is_ok(), ok, "{text}");
        check("combined", true);
        check("$request_time", false);
        check("$status$request_time", false);
        check("combine", false);
    }
}
