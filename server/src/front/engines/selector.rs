//! What is asked of an engine, as text, and which series of a tier stand for what is asked.

use weir_backend::parts;
use weir_query::syntax::LabelMatcher;
use weir_query::{Hint, MatchOp, Matcher, NAME};

/// A selector as text.
pub(super) fn text(matchers: &[Matcher]) -> String {
    let condition = |matcher: &Matcher| {
        let (name, op, value) = (matcher.label().to_owned(), matcher.op(), matcher.value().to_owned());
        LabelMatcher { name, op, value }.to_string()
    };
    match matchers {
        [] => "{__name__!=\"\"}".into(),
        _ => format!("{{{}}}", matchers.iter().map(condition).collect::<Vec<_>>().join(",")),
    }
}

/// The part that a use of samples needs.
pub(super) fn part(hint: Hint) -> Option<&'static str> {
    match hint {
        Hint::Sum => Some(parts::SUM),
        Hint::Min => Some(parts::MIN),
        Hint::Max => Some(parts::MAX),
        Hint::Count => Some(parts::COUNT),
        Hint::Raw | Hint::Increase | Hint::Extremes => None,
    }
}

/// The name that is asked for, if it is one.
pub(super) fn name(matchers: &[Matcher]) -> Option<&str> {
    let mut named = matchers.iter().filter(|matcher| matcher.label() == NAME && matcher.op() == MatchOp::Equal);
    named.next().map(Matcher::value)
}

/// The same question for a part in place of the name itself.
pub(super) fn of_part(matchers: &[Matcher], name: &str, part: &str) -> Option<Vec<Matcher>> {
    let named = Matcher::new(NAME, MatchOp::Equal, &format!("{name}{part}")).ok()?;
    let is_name = |matcher: &Matcher| matcher.label() == NAME && matcher.op() == MatchOp::Equal;
    Some(matchers.iter().filter(|matcher| !is_name(matcher)).cloned().chain([named]).collect())
}

/// Whether a name is that of a part, which nobody asks for.
pub(super) fn is_part(name: &str) -> bool {
    parts::ALL.iter().any(|part| name.ends_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_text_that_every_engine_reads() {
        let matchers = [
            Matcher::new(NAME, MatchOp::Equal, "up").unwrap(),
            Matcher::new("a", MatchOp::NotRegex, "x\"\\d\n").unwrap(),
        ];
        assert_eq!(text(&matchers), r#"{__name__="up",a!~"x\"\\d\n"}"#);
        assert_eq!(text(&[]), r#"{__name__!=""}"#);
        assert_eq!(name(&matchers), Some("up"));
        let part = of_part(&matchers, "up", part(Hint::Max).unwrap()).unwrap();
        assert_eq!(text(&part), r#"{a!~"x\"\\d\n",__name__="up:max"}"#);
        assert!(is_part("up:max") && !is_part("up"));
    }
}
