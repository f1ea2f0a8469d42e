//! Which of many names are wanted: a list of patterns.

use serde::Deserialize;

/// Patterns in order; the first that matches a name decides, and a name that none matches is taken. `*` stands for any
/// text; a leading `!` refuses.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Choice(Vec<String>);

impl Choice {
    pub(crate) fn new(patterns: &[&str]) -> Self {
        Self(patterns.iter().map(|pattern| (*pattern).to_owned()).collect())
    }

    /// Whether the name is wanted.
    pub(crate) fn allows(&self, name: &str) -> bool {
        for pattern in &self.0 {
            let (taken, pattern) = pattern.strip_prefix('!').map_or((true, pattern.as_str()), |rest| (false, rest));
            if matches(pattern, name) {
                return taken;
            }
        }
        true
    }
}

/// Parts between stars must follow one another; the first and last are anchored.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(head) else { return false };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pattern_that_matches_decides() {
        let check = |patterns: &[&str], name: &str, taken| {
            assert_eq!(Choice::new(patterns).allows(name), taken, "{patterns:?} {name}");
        };
        check(&[], "a", true);
        check(&["!veth*"], "veth12", false);
        check(&["!veth*"], "eth0", true);
        check(&["eth0", "!*"], "eth0", true);
        check(&["eth0", "!*"], "eth1", false);
        check(&["!/var/lib/*/overlay*/merged"], "/var/lib/docker/overlay2/x/merged", false);
        check(&["!/var/lib/*/overlay*/merged"], "/var/lib/docker/overlay2/x", true);
        check(&["!a*a"], "a", true);
        check(&["!*"], "", false);
    }
}
