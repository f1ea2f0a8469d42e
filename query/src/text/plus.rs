//! The sign `+`, which changes no value but is allowed before numbers and vectors alone.

/// The query with `-` in the place of each sign `+`, if it has one: it has the same types, and the parser, which forgets
/// the sign `+`, checks them.
pub(super) fn as_minus(text: &str) -> Option<String> {
    let mut signed = text.as_bytes().to_vec();
    let mut found = false;
    for at in (0..signed.len()).filter(|&at| text.as_bytes()[at] == b'+') {
        if is_sign(&text[..at]) {
            signed[at] = b'-';
            found = true;
        }
    }
    found.then(|| String::from_utf8(signed).ok()).flatten()
}

/// Whether a `+` after this text has no left side.
fn is_sign(before: &str) -> bool {
    let before = before.trim_end();
    let word = before.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or_default();
    let operator = ["and", "or", "unless", "atan2", "bool"].iter().any(|operator| word.eq_ignore_ascii_case(operator));
    // In `1e+5` the sign belongs to a number.
    operator || before.is_empty() || before.ends_with(['(', ',', '+', '-', '*', '/', '%', '^', '=', '<', '>'])
}

#[cfg(test)]
mod tests {
    use super::as_minus;

    #[test]
    fn signs_are_told_from_operators() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(as_minus(text).as_deref(), expected, "{text}");
        check("+up[5m]", Some("-up[5m]"));
        check("up + +up", Some("up + -up"));
        check("sum(+x) or +y", Some("sum(-x) or -y"));
        check("up + 1e+5", None);
        check("up > bool + 1", Some("up > bool - 1"));
    }
}
