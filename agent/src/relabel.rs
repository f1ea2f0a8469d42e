//! Relabelling as Prometheus has it: rules that keep, drop and rewrite series by their labels.

use std::collections::HashMap;

use regex_lite::Regex;
use serde::Deserialize;
use weir_sample::re2::{Engine, anchored};
use weir_sample::{Series, SeriesBuilder, Value};

/// One rule; the metric's name is the label `__name__`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    #[serde(default)]
    action: Action,
    #[serde(default)]
    source_labels: Vec<String>,
    #[serde(default = "separator")]
    separator: String,
    #[serde(default)]
    regex: Anchored,
    #[serde(default)]
    target_label: String,
    #[serde(default = "first_group")]
    replacement: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    /// Sets the target label where the sources match.
    #[default]
    Replace,
    /// Drops what does not match.
    Keep,
    /// Drops what matches.
    Drop,
    /// Takes labels away whose name matches.
    LabelDrop,
    /// Takes labels away whose name does not match.
    LabelKeep,
}

/// A regular expression that must match the whole text.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Anchored(Regex);

impl TryFrom<String> for Anchored {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let translated = anchored(&text, Engine::Lite).map_err(|error| format!("regex {text:?}: {error}"))?;
        Regex::new(&translated).map(Self).map_err(|error| format!("regex {text:?}: {error}"))
    }
}

impl Default for Anchored {
    fn default() -> Self {
        Self::try_from("(.*)".to_owned()).expect("this one is right")
    }
}

/// Rules that read the same are the same.
impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        let parts = |rule: &Self| format!("{rule:?}");
        parts(self) == parts(other)
    }
}

fn separator() -> String {
    ";".into()
}

fn first_group() -> String {
    "$1".into()
}

/// What the rules make of a series; `None` if they drop it.
pub(crate) fn relabel(rules: &[Rule], series: &Series) -> Option<Series> {
    let mut labels: Vec<(String, String)> = vec![(NAME.to_owned(), series.name().to_owned())];
    labels.extend(series.labels().map(|(name, value)| (name.to_owned(), value.to_owned())));
    for rule in rules {
        if !rule.apply(&mut labels) {
            return None;
        }
    }
    let name = labels.iter().find(|(label, _)| label == NAME).map(|(_, name)| name.as_str())?;
    let mut builder = SeriesBuilder::new(name);
    for (label, value) in labels.iter().filter(|(label, _)| !label.starts_with("__")) {
        builder.label(label, value);
    }
    Some(builder.build())
}

const NAME: &str = "__name__";

impl Rule {
    /// Whether the series is kept.
    fn apply(&self, labels: &mut Vec<(String, String)>) -> bool {
        let value = |name: &String| labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value);
        let source = self.source_labels.iter().map(value).collect::<Vec<_>>().join(&self.separator);
        let regex = &self.regex.0;
        match self.action {
            Action::Keep => return regex.is_match(&source),
            Action::Drop => return !regex.is_match(&source),
            Action::LabelDrop => labels.retain(|(label, _)| label == NAME || !regex.is_match(label)),
            Action::LabelKeep => labels.retain(|(label, _)| label == NAME || regex.is_match(label)),
            Action::Replace => {
                let Some(groups) = regex.captures(&source) else { return true };
                let mut text = String::new();
                groups.expand(&self.replacement, &mut text);
                labels.retain(|(label, _)| *label != self.target_label);
                if !text.is_empty() && !self.target_label.is_empty() {
                    labels.push((self.target_label.clone(), text));
                }
            }
        }
        true
    }
}

/// Points under rules, each series worked out once.
pub(crate) struct Relabelled {
    rules: Vec<Rule>,
    known: HashMap<Series, Option<Series>>,
    last: usize,
}

impl Relabelled {
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        Self { rules, known: HashMap::new(), last: 0 }
    }

    /// How many points there were last time.
    pub(crate) fn len(&self) -> usize {
        self.last
    }

    /// The points by their new series; those that become one series are merged.
    pub(crate) fn apply(&mut self, points: Vec<(Series, Value)>) -> Vec<(Series, Value)> {
        self.last = points.len();
        if self.rules.is_empty() {
            return points;
        }
        if self.known.len() > 4 * points.len() + 1_024 {
            self.known.clear();
        }
        let mut kept: HashMap<Series, Value> = HashMap::with_capacity(points.len());
        for (series, value) in points {
            let new = self.known.entry(series).or_insert_with_key(|series| relabel(&self.rules, series)).clone();
            let Some(new) = new else { continue };
            match kept.get_mut(&new) {
                Some(held) => held.merge(value),
                None => _ = kept.insert(new, value),
            }
        }
        kept.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Rules {
        relabel: Vec<Rule>,
    }

    fn rules(text: &str) -> Vec<Rule> {
        toml::from_str::<Rules>(text).unwrap().relabel
    }

    #[test]
    fn rules_keep_drop_and_rewrite() {
        let series = Series::new("http_requests", [("path", "/users/7"), ("code", "200")]);
        let check = |text: &str, expected: Option<&str>| {
            let found = relabel(&rules(&format!("[[relabel]]\n{text}")), &series);
            assert_eq!(found.map(|series| series.to_string()).as_deref(), expected, "{text}");
        };
        let same = Some(r#"http_requests{code="200",path="/users/7"}"#);
        check("action = 'keep'\nsource_labels = ['__name__']\nregex = 'http_.*'", same);
        check("action = 'keep'\nsource_labels = ['__name__']\nregex = 'http_'", None);
        check("action = 'drop'\nsource_labels = ['code', 'path']\nregex = '2..;/users/\\d'", None);
        check("action = 'labeldrop'\nregex = 'pa.*'", Some(r#"http_requests{code="200"}"#));
        check("action = 'labelkeep'\nregex = 'pa.*'", Some(r#"http_requests{path="/users/7"}"#));
        check(
            "source_labels = ['path']\nregex = '/(\\w+)/.*'\ntarget_label = 'route'\nreplacement = '/${1}/:id'",
            Some(r#"http_requests{code="200",path="/users/7",route="/users/:id"}"#),
        );
        check("target_label = 'code'\nreplacement = ''", Some(r#"http_requests{path="/users/7"}"#));
        check(
            "source_labels = ['__name__']\ntarget_label = '__name__'\nreplacement = 'app_$1'",
            Some(r#"app_http_requests{code="200",path="/users/7"}"#),
        );
        check("source_labels = ['none']\nregex = 'x'\ntarget_label = 'code'\nreplacement = 'y'", same);
    }

    #[test]
    fn series_that_become_one_are_merged() {
        let mut relabelled = Relabelled::new(rules("[[relabel]]\naction = 'labeldrop'\nregex = 'core'"));
        let point = |core: &str| (Series::new("x", [("core", core)]), Value::Counter(2.0));
        assert_eq!(relabelled.apply(vec![point("0"), point("1")]), [(Series::named("x"), Value::Counter(4.0))]);
    }

    #[test]
    fn expressions_are_those_of_re2() {
        let check = |regex: &str, text: &str, expected: bool| {
            assert_eq!(Anchored::try_from(regex.to_owned()).unwrap().0.is_match(text), expected, "{regex} on {text}");
        };
        check("/x/{id}", "/x/{id}", true);
        check("[d&&e]", "&", true);
        check(r"[\D\W\S]+", "-é", true);
        check(r"[^\D]", "5", true);
        check(r"[^\W]", "^", false);
        check(r"\Qa.b\E", "aab", false);
        ["x**", "x{1001}", "(?x)a", r"\pN"].iter().for_each(|refused| {
            assert!(Anchored::try_from((*refused).to_owned()).is_err(), "{refused}");
        });
    }

    #[test]
    fn a_wrong_expression_is_refused() {
        let error = toml::from_str::<Rules>("[[relabel]]\nregex = '('").err().unwrap().to_string();
        assert!(error.contains("regex \"(\""), "{error}");
    }
}
