//! Matchers of routes and inhibition rules, in the three ways that they can be written.

use std::collections::BTreeMap;

use serde_saphyr::Spanned;

use super::fault::Faults;
use super::matcher::{Matcher, Operator, read_one};

/// `match`, `match_re` and `matchers` as one list; what is wrong is told.
pub(super) fn conditions(
    equal: &BTreeMap<String, Spanned<String>>,
    regex: &BTreeMap<String, Spanned<String>>,
    matchers: &[Spanned<String>],
    faults: &mut Faults<'_>,
) -> Vec<Matcher> {
    let equal = equal.iter().map(|(name, value)| (value, Matcher::new(name, Operator::Equal, &value.value)));
    let regex = regex.iter().map(|(name, value)| (value, Matcher::new(name, Operator::Regex, &value.value)));
    let listed = matchers.iter().map(|text| (text, read_one(&text.value)));
    let mut all = Vec::new();
    for (place, read) in equal.chain(regex).chain(listed) {
        match read {
            Ok(matcher) => all.push(matcher),
            Err(fault) => faults.on(place, fault),
        }
    }
    all.sort();
    all
}
