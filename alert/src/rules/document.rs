//! A rule file as it is written: YAML with places, and no key that Prometheus does not know.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_saphyr::Spanned;

use super::fault::Faults;
use super::place::{Text, of_location};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) groups: Option<Vec<Spanned<GroupEntry>>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupEntry {
    pub(crate) name: Option<Text>,
    pub(crate) interval: Option<Text>,
    pub(crate) query_offset: Option<Text>,
    pub(crate) limit: Option<Spanned<i64>>,
    #[serde(default)]
    pub(crate) labels: Entries,
    pub(crate) rules: Option<Vec<Spanned<RuleEntry>>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleEntry {
    pub(crate) record: Option<Text>,
    pub(crate) alert: Option<Text>,
    pub(crate) expr: Option<Text>,
    #[serde(rename = "for")]
    pub(crate) hold: Option<Text>,
    pub(crate) keep_firing_for: Option<Text>,
    #[serde(default)]
    pub(crate) labels: Entries,
    #[serde(default)]
    pub(crate) annotations: Entries,
}

/// Labels or annotations in the order of the file.
#[derive(Default)]
pub(crate) struct Entries(pub(crate) Vec<(Text, Text)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names and texts")
            }

            fn visit_unit<E>(self) -> Result<Entries, E> {
                Ok(Entries::default())
            }

            fn visit_none<E>(self) -> Result<Entries, E> {
                Ok(Entries::default())
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Entries, D::Error> {
                deserializer.deserialize_map(Pairs)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some((name, text)) = map.next_entry::<Text, Option<Text>>()? {
                    let empty = || Spanned::new(String::new(), name.referenced, name.defined);
                    let text = text.unwrap_or_else(empty);
                    entries.push((name, text));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_option(Pairs)
    }
}

impl Document {
    /// Reads a file's text; a fault of the YAML itself is the only one told then.
    pub(crate) fn read(text: &str, faults: &mut Faults) -> Option<Self> {
        // A file without any value is a file without groups, as for Prometheus.
        if text.lines().all(|line| line.trim().is_empty() || line.trim().starts_with('#')) {
            return Some(Self { groups: None });
        }
        match serde_saphyr::from_str(text) {
            Ok(document) => Some(document),
            Err(error) => {
                let error = error.without_snippet();
                let place = error.location().map(of_location).unwrap_or_default();
                faults.error(place, said(error), "write it as Prometheus' documentation of rule files has it");
                None
            }
        }
    }
}

/// What the reader says, on one line and without the place that stands before it anyway.
fn said(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    first.split(" at line ").next().unwrap_or(first).trim_end_matches([',', ':']).to_owned()
}
