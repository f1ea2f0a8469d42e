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
    /// As media types and `Accept` headers name it; what is unknown is the default.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "allow-utf-8" => Self::AllowUtf8,
            "dots" => Self::Dots,
            "values" => Self::Values,
            _ => Self::Underscores,
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
