//! Names for readers that know letters, digits, `_` and `:` only, as Prometheus 3 escapes them.

use std::borrow::Cow;

use weir_sample::legal_metric_name;

/// What becomes of a name that is no word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escaping {
    /// It stands as it is, in quotes.
    AllowUtf8,
    /// Each other character is `_`.
    #[default]
    Underscores,
    /// A dot is `_dot_`, `_` is `__`, each other character `__`.
    Dots,
    /// `U__`, and each other character by its number, so that the name can be had back.
    Values,
}

const VALUES: &str = "U__";

impl Escaping {
    /// What an `Accept` header asks of text: the parameter `escaping` of the text format that it likes best.
    pub fn accepted(accept: &str) -> Self {
        let ranges = accept.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            if !matches!(parts.next()?, "text/plain" | "text/*" | "*/*") {
                return None;
            }
            let (mut quality, mut escaping) = (1.0, Self::default());
            for (name, value) in parts.filter_map(|part| part.split_once('=')) {
                match name.trim() {
                    "q" => quality = value.trim().parse().unwrap_or(0.0),
                    "escaping" => escaping = Self::named(value.trim().trim_matches('"')),
                    _ => {}
                }
            }
            Some((quality, escaping))
        });
        // The first of those that it likes as well.
        let best = ranges.reduce(|best: (f64, Self), range| if range.0 > best.0 { range } else { best });
        best.map_or(Self::default(), |(_, escaping)| escaping)
    }

    fn named(name: &str) -> Self {
        match name {
            "allow-utf-8" => Self::AllowUtf8,
            "dots" => Self::Dots,
            "values" => Self::Values,
            _ => Self::Underscores,
        }
    }

    /// The type of an answer in the text format.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::AllowUtf8 => "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
            Self::Underscores => "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
            Self::Dots => "text/plain; version=0.0.4; charset=utf-8; escaping=dots",
            Self::Values => "text/plain; version=0.0.4; charset=utf-8; escaping=values",
        }
    }

    /// A metric's or a label's name.
    pub fn name(self, name: &str) -> Cow<'_, str> {
        let is_word = legal_metric_name(name) == name;
        if self == Self::AllowUtf8 || is_word && self != Self::Dots {
            return Cow::Borrowed(name);
        }
        let mut escaped = String::from(if self == Self::Values { VALUES } else { "" });
        for (at, c) in name.char_indices() {
            match (self, c) {
                (Self::Dots | Self::Values, '_') => escaped.push_str("__"),
                (Self::Dots, '.') => escaped.push_str("_dot_"),
                _ if c.is_ascii_alphabetic() || matches!(c, '_' | ':') || c.is_ascii_digit() && at > 0 => {
                    escaped.push(c)
                }
                (Self::Values, c) => escaped.push_str(&format!("_{:x}_", u32::from(c))),
                (Self::Dots, _) => escaped.push_str("__"),
                _ => escaped.push('_'),
            }
        }
        Cow::Owned(escaped)
    }
}

/// The name that was escaped by its values; any other, and one that no name is escaped to, stands for itself.
pub fn unescaped(name: &str) -> Cow<'_, str> {
    let plain = name.strip_prefix(VALUES).and_then(of_values);
    plain.map_or(Cow::Borrowed(name), Cow::Owned)
}

fn of_values(mut rest: &str) -> Option<String> {
    let mut plain = String::with_capacity(rest.len());
    while let Some(at) = rest.find('_') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.find('_')?;
        plain.push(match &rest[..end] {
            "" => '_',
            digits if digits.len() <= 6 => char::from_u32(u32::from_str_radix(digits, 16).ok()?)?,
            _ => return None,
        });
        rest = &rest[end + 1..];
    }
    plain.push_str(rest);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_escaped_as_prometheus_does() {
        let check = |name: &str, expected: [&str; 4]| {
            let all = [Escaping::AllowUtf8, Escaping::Underscores, Escaping::Dots, Escaping::Values];
            assert_eq!(all.map(|escaping| escaping.name(name).into_owned()), expected);
        };
        check(
            "no:escaping_required",
            ["no:escaping_required", "no:escaping_required", "no:escaping__required", "no:escaping_required"],
        );
        check(
            "mysystem.prod.west.cpu.load",
            [
                "mysystem.prod.west.cpu.load",
                "mysystem_prod_west_cpu_load",
                "mysystem_dot_prod_dot_west_dot_cpu_dot_load",
                "U__mysystem_2e_prod_2e_west_2e_cpu_2e_load",
            ],
        );
        check(
            "http.status:sum",
            ["http.status:sum", "http_status:sum", "http_dot_status:sum", "U__http_2e_status:sum"],
        );
        check(
            "label with \u{100}_",
            ["label with \u{100}_", "label_with___", "label__with______", "U__label_20_with_20__100___"],
        );
        check("9a", ["9a", "_a", "__a", "U___39_a"]);
    }

    #[test]
    fn a_reader_says_what_it_can_read() {
        let check = |accept: &str, expected| assert_eq!(Escaping::accepted(accept), expected, "{accept}");
        check("", Escaping::Underscores);
        check("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", Escaping::Underscores);
        check("text/plain;version=1.0.0;escaping=values", Escaping::Values);
        check("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8", Escaping::Underscores);
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,\
            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        check(prometheus, Escaping::AllowUtf8);
        check("text/plain;escaping=dots;q=0.1, text/plain;q=0.9", Escaping::Underscores);
    }

    #[test]
    fn what_is_no_escaped_name_stands_for_itself() {
        for name in ["U__a_2e", "U__a_zz_b", "U__a_ffffffff_", "U__d800_", "a_2e_b", "U_"] {
            assert_eq!(unescaped(name), name);
        }
        assert_eq!(unescaped("U__k6_2e_a__b"), "k6.a_b");
    }

    proptest! {
        #[test]
        fn a_name_comes_back_from_its_values(name in "[a-z_.:9 é]{1,12}") {
            let escaped = Escaping::Values.name(&name);
            // A word that begins as if it were escaped is Prometheus' own ambiguity.
            prop_assert_eq!(unescaped(&escaped), name.as_str());
        }
    }
}
