//! Both notations as one: what the newer cannot read, or reads otherwise, is read as it always was.

use super::one::Matcher;
use super::{classic, utf8};

/// One matcher.
///
/// # Errors
/// What is wrong with it.
pub fn read_one(text: &str) -> Result<Matcher, String> {
    let newer = utf8::read(text).and_then(|all| match <[Matcher; 1]>::try_from(all) {
        Ok([one]) => Ok(one),
        Err(all) => Err(format!("{text}: expected 1 matcher, found {}", all.len())),
    });
    settled(newer, classic::read(text))
}

/// Any number of matchers: `a="b",c=~"d"`, with or without braces.
///
/// # Errors
/// What is wrong with the first bad one.
pub fn read_several(text: &str) -> Result<Vec<Matcher>, String> {
    settled(utf8::read(text), classic::read_several(text))
}

fn settled<T>(newer: Result<T, String>, older: Result<T, String>) -> Result<T, String> {
    match (newer, older) {
        (_, Ok(older)) => Ok(older),
        (Ok(newer), Err(_)) => Ok(newer),
        (Err(fault), Err(_)) => Err(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let read = read_several(text).map(|all| all.iter().map(Matcher::to_string).collect::<Vec<_>>().join(" "));
        assert_eq!(read.unwrap_or_else(|fault| format!("fault: {fault}")), expected, "{text}");
    }

    #[test]
    fn both_notations_are_read() {
        check("a=b", "a=\"b\"");
        check("{a=\"b\", c!=d,}", "a=\"b\" c!=\"d\"");
        check("a =~ \"x|y\"", "a=~\"x|y\"");
        check("a=\"b,c\",d!~e.*", "a=\"b,c\" d!~\"e.*\"");
        check("a=", "a=\"\"");
        check("a=b=c", "a=\"b=c\"");
        check("\"fóo bar\"=\"ü\"", "fóo bar=\"ü\"");
        check("größe=1", "größe=\"1\"");
        check("a=\"\\\"\\\\\\n\"", "a=\"\\\"\\\\\\n\"");
        check("", "");
        check("a", "fault: a: expected a label name, an operator such as '=' and a value");
        check("a=~\"(\"", "fault: bad regular expression \"(\": unclosed group");
        check("=b", "fault: =b: expected a label name, an operator such as '=' and a value");
        assert!(read_one("a=b,c=d").is_ok_and(|one| one.value() == "b,c=d"), "one matcher takes all, as it always did");
        assert!(read_one("{ä=b,c=d}").is_err());
    }

    #[test]
    fn absent_is_empty_and_expressions_take_the_whole() {
        let matches = |text: &str, value: &str| read_one(text).unwrap().matches(value);
        assert!(matches("a=~\"b|c\"", "b") && !matches("a=~\"b|c\"", "bc"));
        assert!(matches("a!~b", "") && matches("a=~\"b?\"", "") && matches("a=\"\"", ""));
        assert!(matches("a=~\".*\"", "x\ny"));
    }

    #[test]
    fn a_matcher_has_the_shape_of_the_api() {
        let matcher: Matcher = serde_json::from_str(r#"{"name":"a","value":"b.*","isRegex":true}"#).unwrap();
        assert_eq!(matcher.to_string(), "a=~\"b.*\"");
        let json = serde_json::to_string(&read_one("a!=b").unwrap()).unwrap();
        assert_eq!(json, r#"{"name":"a","value":"b","isRegex":false,"isEqual":false}"#);
        assert!(serde_json::from_str::<Matcher>(r#"{"name":"a","value":"(","isRegex":true}"#).is_err());
    }
}
