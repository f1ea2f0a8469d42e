//! With which matchers a server is asked of alerts.

use anyhow::{Result, anyhow};
use weir_alert::routing::Matcher;
use weir_alert::routing::matcher::read_several;

/// Matchers of arguments, each one or several: `team=db`, `severity=~"page|warn",env!=dev`. A name alone is an alert's, as amtool
/// has it.
pub(super) fn matchers(arguments: &[String]) -> Result<Vec<Matcher>> {
    let mut all = Vec::new();
    for argument in arguments {
        let is_name = !argument.is_empty() && argument.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ':');
        let text = if is_name { format!("alertname={argument}") } else { argument.clone() };
        all.extend(read_several(&text).map_err(|why| anyhow!("bad matcher: {why}"))?);
    }
    Ok(all)
}

/// `{a="b", c="d"}`
pub(super) fn written<'l>(labels: impl IntoIterator<Item = (&'l String, &'l str)>) -> String {
    let labels: Vec<String> = labels.into_iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", labels.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_matchers_and_a_word_alone_is_an_alert() {
        let check = |arguments: &[&str], expected: &str| {
            let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
            let read = matchers(&arguments).map(|all| all.iter().map(Matcher::to_string).collect::<Vec<_>>().join(" "));
            assert_eq!(read.unwrap_or_else(|why| why.to_string()), expected);
        };
        check(&[], "");
        check(&["QueueFull", "team=db"], r#"alertname="QueueFull" team="db""#);
        check(&[r#"team=~"db|web",env!=dev"#], r#"team=~"db|web" env!="dev""#);
        check(&["a=~("], "bad matcher: bad regular expression \"(\": unclosed group");
    }
}
