//! A body in lines, each with the number of its first.

/// The lines of a body; empty ones and comments are none.
pub struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
    /// Behind this a quote never closes.
    unclosed: bool,
}

/// The lines of a body.
pub fn lines(body: &[u8]) -> Lines<'_> {
    Lines { rest: body, number: 1, unclosed: false }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let end = self.end();
            let (line, rest) = self.rest.split_at(end);
            self.rest = rest.get(1..).unwrap_or_default();
            let number = self.number;
            self.number += 1 + line.iter().filter(|byte| **byte == b'\n').count();
            let line = line.trim_ascii();
            if !line.is_empty() && !line.starts_with(b"#") {
                return Some((number, line));
            }
        }
    }
}

impl Lines<'_> {
    /// Where the line ends: at a break outside of quotes, which count behind the first blank alone.
    fn end(&mut self) -> usize {
        let first = self.rest.iter().position(|byte| *byte == b'\n').unwrap_or(self.rest.len());
        if self.unclosed || self.rest.trim_ascii_start().starts_with(b"#") {
            return first;
        }
        let (mut at, mut in_fields, mut in_quotes, mut in_value) = (0, false, false, false);
        while at < self.rest.len() {
            match self.rest[at] {
                b'\\' => at += 1,
                b'\n' if !in_quotes => return at,
                b'"' if in_quotes => in_quotes = false,
                b'"' if in_value => in_quotes = true,
                b' ' if !in_quotes && at > 0 => in_fields = true,
                _ => {}
            }
            in_value = in_fields && self.rest.get(at) == Some(&b'=');
            at += 1;
        }
        self.unclosed = in_quotes;
        if in_quotes { first } else { self.rest.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_ends_a_line_unless_it_is_quoted() {
        let check = |body: &str, expected: &[(usize, &str)]| {
            let seen: Vec<_> =
                lines(body.as_bytes()).map(|(at, line)| (at, std::str::from_utf8(line).unwrap())).collect();
            assert_eq!(seen, expected, "{body:?}");
        };
        check("", &[]);
        check("\n\r\n # a \"\n", &[]);
        check("a b=1\r\nc d=2", &[(1, "a b=1"), (2, "c d=2")]);
        check("a b=\"x\ny\" 1\nc d=2\n", &[(1, "a b=\"x\ny\" 1"), (3, "c d=2")]);
        check("a b=\"x\\\"\n\" 1\nc d=2\n", &[(1, "a b=\"x\\\"\n\" 1"), (3, "c d=2")]);
        // Quotes are characters like others in measurements and tags.
        check("a,b=\"c d=1\ne f=2", &[(1, "a,b=\"c d=1"), (2, "e f=2")]);
        check("a b=\"x\nc d=2\ne f=3", &[(1, "a b=\"x"), (2, "c d=2"), (3, "e f=3")]);
        check("a b=1\\", &[(1, "a b=1\\")]);
    }
}
