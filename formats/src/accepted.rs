//! What a reader of metrics takes, as its `Accept` header says: text or protobuf, and how names are escaped in it.

use crate::delimited::MEDIA_TYPE;
use crate::text::Escaping;

/// The message that families are in, and how they follow one another: the only ones that are written.
const MESSAGE: &str = "io.prometheus.client.MetricFamily";
const ENCODING: &str = "delimited";

/// The media type of families, by how names are escaped.
macro_rules! protobuf {
    ($escaping:literal) => {
        concat!(
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=",
            $escaping
        )
    };
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Families of metrics in protobuf, the only form that has native histograms; else the text format.
    pub is_protobuf: bool,
    /// What becomes of names that are no words.
    pub escaping: Escaping,
}

impl Accepted {
    /// What an `Accept` header likes best of what can be written, the first of those that it likes as well; plain text where it
    /// names nothing of it.
    pub fn of(accept: &str) -> Self {
        let ranges = accept.split(',').filter_map(Self::range);
        let best = ranges.reduce(|best, range| if range.0 > best.0 { range } else { best });
        best.map_or(Self::default(), |(_, accepted)| accepted)
    }

    /// One range of the header, and how much it is liked.
    fn range(text: &str) -> Option<(f64, Self)> {
        let mut parts = text.split(';').map(str::trim);
        let is_protobuf = match parts.next()? {
            "text/plain" | "text/*" | "*/*" => false,
            MEDIA_TYPE => true,
            _ => return None,
        };
        let (mut quality, mut escaping, mut is_known) = (1.0, Escaping::default(), !is_protobuf);
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match name.trim() {
                "q" => quality = value.parse().unwrap_or(0.0),
                "escaping" => escaping = Escaping::named(value),
                "proto" => is_known = value == MESSAGE,
                "encoding" if is_protobuf && value != ENCODING => return None,
                _ => {}
            }
        }
        // What is liked by nothing is refused.
        (is_known && quality > 0.0).then_some((quality, Self { is_protobuf, escaping }))
    }

    /// The media type of an answer.
    pub fn content_type(self) -> &'static str {
        match (self.is_protobuf, self.escaping) {
            (false, Escaping::AllowUtf8) => "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
            (false, Escaping::Underscores) => "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
            (false, Escaping::Dots) => "text/plain; version=0.0.4; charset=utf-8; escaping=dots",
            (false, Escaping::Values) => "text/plain; version=0.0.4; charset=utf-8; escaping=values",
            (true, Escaping::AllowUtf8) => protobuf!("allow-utf-8"),
            (true, Escaping::Underscores) => protobuf!("underscores"),
            (true, Escaping::Dots) => protobuf!("dots"),
            (true, Escaping::Values) => protobuf!("values"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_says_what_it_can_read() {
        let check = |accept: &str, is_protobuf: bool, escaping: Escaping| {
            let accepted = Accepted::of(accept);
            assert_eq!(accepted, Accepted { is_protobuf, escaping }, "{accept}");
            assert_eq!(accepted.content_type().starts_with(MEDIA_TYPE), is_protobuf);
        };
        check("", false, Escaping::Underscores);
        check("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", false, Escaping::Underscores);
        check("text/plain;version=1.0.0;escaping=values", false, Escaping::Values);
        check("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8", false, Escaping::Underscores);
        let text = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,\
            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        check(text, false, Escaping::AllowUtf8);
        check("text/plain;escaping=dots;q=0.1, text/plain;q=0.9", false, Escaping::Underscores);
        let families = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        check(&format!("{families},application/openmetrics-text;q=0.9,text/plain;q=0.5"), true, Escaping::Underscores);
        check(&format!("{families};escaping=allow-utf-8;q=0.7,{text}"), true, Escaping::AllowUtf8);
        check(&format!("{families};q=0.1,{text}"), false, Escaping::AllowUtf8);
        check(&format!("{families};q=0,text/plain;q=0"), false, Escaping::Underscores);
        check("application/vnd.google.protobuf;encoding=delimited", false, Escaping::Underscores);
        check(
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
            false,
            Escaping::Underscores,
        );
    }
}
