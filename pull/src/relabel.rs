//! Relabelling as Prometheus has it, with every action.

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use regex::Regex;
use serde::Deserialize;
use weir_sample::legal_label_name;
use weir_sample::re2::{Engine, anchored};

/// Labels by name; the metric's name is the label `__name__`.
pub(crate) type LabelSet = BTreeMap<String, String>;

/// One rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, try_from = "Written")]
pub(crate) struct Rule {
    action: Action,
    source_labels: Vec<String>,
    separator: String,
    regex: Anchored,
    modulus: u64,
    target_label: String,
    replacement: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    action: Action,
    #[serde(default)]
    source_labels: Vec<String>,
    separator: Option<String>,
    #[serde(default)]
    regex: Anchored,
    #[serde(default)]
    modulus: u64,
    #[serde(default)]
    target_label: String,
    replacement: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    /// Sets the target label where the sources match.
    #[default]
    Replace,
    Lowercase,
    Uppercase,
    /// Drops what does not match.
    Keep,
    /// Drops what matches.
    Drop,
    /// Drops where sources and target label are not the same.
    KeepEqual,
    /// Drops where they are.
    DropEqual,
    /// Sets the target label to the sources' hash.
    HashMod,
    /// Copies labels whose name matches to names made of it.
    LabelMap,
    LabelDrop,
    LabelKeep,
}

/// A regular expression that must match the whole text.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Anchored {
    regex: Regex,
    /// It is `.*` or `(.*)`, which most rules have.
    is_all: bool,
}

impl TryFrom<String> for Anchored {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let told = |error: String| format!("regex {text:?}: {error}");
        let translated = anchored(&text, Engine::Full).map_err(|error| told(error.to_string()))?;
        let regex = Regex::new(&translated).map_err(|error| told(error.to_string()))?;
        Ok(Self { regex, is_all: text == "(.*)" })
    }
}

impl Default for Anchored {
    fn default() -> Self {
        Self::try_from("(.*)".to_owned()).expect("this one is right")
    }
}

impl TryFrom<Written> for Rule {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        use Action::{DropEqual, HashMod, KeepEqual, LabelMap, Lowercase, Replace, Uppercase};

        let Written { action, source_labels, separator, regex, modulus, target_label, replacement } = written;
        let sets = matches!(action, Replace | Lowercase | Uppercase | HashMod | KeepEqual | DropEqual);
        if sets && target_label.is_empty() {
            return Err("this action has a target_label".into());
        }
        if action == HashMod && modulus == 0 {
            return Err("hashmod has a modulus above zero".into());
        }
        if sets && action != Replace && legal_label_name(&target_label) != target_label {
            return Err(format!("{target_label:?} is no label's name"));
        }
        let replacement = replacement.unwrap_or_else(|| "$1".into());
        if action == LabelMap && replacement.is_empty() {
            return Err("labelmap has a replacement, which makes the names".into());
        }
        let separator = separator.unwrap_or_else(|| ";".into());
        Ok(Self { action, source_labels, separator, regex, modulus, target_label, replacement })
    }
}

/// Applies rules in order; false if one of them drops what has the labels.
pub(crate) fn relabel(rules: &[Rule], labels: &mut LabelSet) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

impl Rule {
    fn apply(&self, labels: &mut LabelSet) -> bool {
        let is_match = |text: &str| self.regex.is_all || self.regex.regex.is_match(text);
        match self.action {
            Action::Replace => self.replace(labels),
            Action::Lowercase => self.set(labels, self.sources(labels).to_lowercase()),
            Action::Uppercase => self.set(labels, self.sources(labels).to_uppercase()),
            Action::Keep => return is_match(&self.sources(labels)),
            Action::Drop => return !is_match(&self.sources(labels)),
            Action::KeepEqual => return self.is_equal(labels),
            Action::DropEqual => return !self.is_equal(labels),
            Action::HashMod => {
                let hash: [u8; 16] = Md5::digest(self.sources(labels)).into();
                let low = hash[8..].iter().fold(0u64, |low, byte| low << 8 | u64::from(*byte));
                self.set(labels, (low % self.modulus).to_string());
            }
            Action::LabelMap => {
                let named = |(name, value): (&String, &String)| {
                    let captures = self.regex.regex.captures(name)?;
                    let mut target = String::new();
                    captures.expand(&self.replacement, &mut target);
                    Some((target, value.clone()))
                };
                let more: Vec<_> = labels.iter().filter_map(named).collect();
                labels.extend(more);
            }
            Action::LabelDrop => labels.retain(|name, _| !is_match(name)),
            Action::LabelKeep => labels.retain(|name, _| is_match(name)),
        }
        true
    }

    fn replace(&self, labels: &mut LabelSet) {
        let sources = self.sources(labels);
        let Some(captures) = self.regex.regex.captures(&sources) else { return };
        let (mut target, mut value) = (String::new(), String::new());
        captures.expand(&self.target_label, &mut target);
        captures.expand(&self.replacement, &mut value);
        if !target.is_empty() && legal_label_name(&target) == target {
            set(labels, target, value);
        }
    }

    fn sources(&self, labels: &LabelSet) -> String {
        let value = |name: &String| labels.get(name).map_or("", String::as_str);
        self.source_labels.iter().map(value).collect::<Vec<_>>().join(&self.separator)
    }

    fn is_equal(&self, labels: &LabelSet) -> bool {
        labels.get(&self.target_label).map_or("", String::as_str) == self.sources(labels)
    }

    fn set(&self, labels: &mut LabelSet, value: String) {
        set(labels, self.target_label.clone(), value);
    }
}

/// A label without a value is none.
fn set(labels: &mut LabelSet, name: String, value: String) {
    match value.is_empty() {
        true => _ = labels.remove(&name),
        false => _ = labels.insert(name, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(rules: &str) -> Option<String> {
        let rules: Vec<Rule> = serde_saphyr::from_str(rules).unwrap();
        let mut labels: LabelSet = [("__name__", "m"), ("a", "foo"), ("b", "bar"), ("c", "baz")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let kept = relabel(&rules, &mut labels);
        labels.remove("__name__");
        kept.then(|| labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(","))
    }

    /// Cases of Prometheus' own `relabel_test.go`, on other labels.
    #[test]
    fn every_action_does_what_prometheus_does() {
        let check = |rule: &str, expected: &str| assert_eq!(applied(rule).as_deref(), Some(expected), "{rule}");
        check(
            "[{source_labels: [a], regex: 'f(.*)', target_label: d, replacement: 'ch${1}-ch${1}'}]",
            "a=foo,b=bar,c=baz,d=choo-choo",
        );
        check(
            "[{source_labels: [a, b], regex: 'f(.*);(.*)r', target_label: a, replacement: 'b${1}${2}m'}]",
            "a=boobam,b=bar,c=baz",
        );
        check("[{source_labels: [a], regex: nothing, target_label: d}]", "a=foo,b=bar,c=baz");
        check("[{source_labels: [missing], target_label: a}]", "b=bar,c=baz");
        check("[{source_labels: [a, b], separator: '', target_label: a}]", "a=foobar,b=bar,c=baz");
        check("[{target_label: d, replacement: x}]", "a=foo,b=bar,c=baz,d=x");
        check(
            "[{source_labels: [a], regex: '(f).*', target_label: '${1}_x', replacement: y}]",
            "a=foo,b=bar,c=baz,f_x=y",
        );
        check("[{source_labels: [c], target_label: d, action: hashmod, modulus: 1000}]", "a=foo,b=bar,c=baz,d=976");
        check("[{action: labelmap, regex: '(b|c)', replacement: 'x_${1}'}]", "a=foo,b=bar,c=baz,x_b=bar,x_c=baz");
        check("[{action: labeldrop, regex: '(b.*)'}]", "a=foo,c=baz");
        check("[{action: labelkeep, regex: '(b|__name__)'}]", "b=bar");
        check("[{action: uppercase, source_labels: [a], target_label: a}]", "a=FOO,b=bar,c=baz");
        check("[{action: keepequal, source_labels: [a], target_label: a}]", "a=foo,b=bar,c=baz");
        check(
            "[{action: keep, source_labels: [a], regex: 'f.+'}, {action: drop, source_labels: [a], regex: o+}]",
            "a=foo,b=bar,c=baz",
        );
    }

    #[test]
    fn what_is_dropped_is_gone() {
        for rule in [
            "[{action: keep, source_labels: [a], regex: f}]",
            "[{action: drop, source_labels: [a], regex: 'f.*'}]",
            "[{action: keepequal, source_labels: [a], target_label: b}]",
            "[{action: dropequal, source_labels: [a], target_label: a}]",
        ] {
            assert_eq!(applied(rule), None, "{rule}");
        }
    }

    #[test]
    fn rules_that_cannot_work_are_refused() {
        let check = |rule: &str, fault: &str| {
            let error = serde_saphyr::from_str::<Vec<Rule>>(rule).unwrap_err().to_string();
            assert!(error.contains(fault), "{rule} gave {error}");
        };
        check("[{action: replace}]", "target_label");
        check("[{action: hashmod, target_label: a}]", "modulus");
        check("[{action: lowercase, source_labels: [a], target_label: '${1}'}]", "no label's name");
        check("[{regex: '(', target_label: a}]", "regex");
        check("[{action: explode, target_label: a}]", "unknown variant");
        check("[{regexp: a, target_label: a}]", "regexp");
    }
}
