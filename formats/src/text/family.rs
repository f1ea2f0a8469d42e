//! Families of metrics: what the names that belong to one mean.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// What the values of a name say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// They only ever grow, but for resets.
    Cumulative,
    /// They go up and down.
    Momentary,
    /// When the family was made: OpenMetrics' `_created`.
    Created,
}

/// What a sample is of its histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A bucket; its label `le` is the upper end.
    Bucket,
    /// The sum of all that was observed.
    Sum,
    /// How many were observed.
    Count,
}

/// The types of families that have been told so far.
#[derive(Debug, Default)]
pub struct Families<K>(HashMap<K, Type>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Counter,
    Histogram,
    Summary,
    Other,
}

impl<K: Borrow<str> + Eq + Hash> Families<K> {
    /// Learns a type; one that was told before is forgotten.
    pub fn learn(&mut self, family: K, kind: &str) {
        let kind = match kind {
            "counter" => Type::Counter,
            "histogram" => Type::Histogram,
            "summary" => Type::Summary,
            _ => Type::Other,
        };
        self.0.insert(family, kind);
    }

    /// What a name means, by its own type or by its family's; one without a type is momentary.
    pub fn meaning(&self, name: &str) -> Meaning {
        if let Some(kind) = self.0.get(name) {
            return if *kind == Type::Counter { Meaning::Cumulative } else { Meaning::Momentary };
        }
        for (ending, types, meaning) in ENDINGS {
            let Some(kind) = name.strip_suffix(ending).and_then(|family| self.0.get(family)) else { continue };
            return if types.contains(kind) { *meaning } else { Meaning::Momentary };
        }
        Meaning::Momentary
    }

    /// The histogram of which a name is a part, if its family is one.
    pub fn part<'n>(&self, name: &'n str) -> Option<(&'n str, Part)> {
        if self.0.contains_key(name) {
            return None;
        }
        let parts = [("_bucket", Part::Bucket), ("_sum", Part::Sum), ("_count", Part::Count)];
        let (family, part) = parts.iter().find_map(|(ending, part)| Some((name.strip_suffix(ending)?, *part)))?;
        (self.0.get(family) == Some(&Type::Histogram)).then_some((family, part))
    }
}

/// How names of a family end, the types of family in which they do, and what they then mean.
const ENDINGS: &[(&str, &[Type], Meaning)] = &[
    ("_total", &[Type::Counter], Meaning::Cumulative),
    ("_bucket", &[Type::Histogram], Meaning::Cumulative),
    ("_count", &[Type::Histogram, Type::Summary], Meaning::Cumulative),
    ("_sum", &[Type::Histogram, Type::Summary], Meaning::Cumulative),
    ("_created", &[Type::Counter, Type::Histogram, Type::Summary], Meaning::Created),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_what_its_type_or_that_of_its_family_says() {
        let mut families = Families::default();
        for (family, kind) in [
            ("a_total", "counter"),
            ("b", "counter"),
            ("h", "histogram"),
            ("h_sum", "gauge"),
            ("s", "summary"),
            ("g", "gauge"),
            ("i", "info"),
        ] {
            families.learn(family, kind);
        }
        let check = |names: &[&str], expected| {
            names.iter().for_each(|name| assert_eq!(families.meaning(name), expected, "{name}"));
        };
        check(&["a_total", "b", "b_total", "h_bucket", "h_count", "s_count", "s_sum"], Meaning::Cumulative);
        check(&["h", "h_sum", "s", "s_bucket", "g", "g_count", "g_created", "i", "u", "u_total"], Meaning::Momentary);
        check(&["b_created", "h_created", "s_created"], Meaning::Created);
        assert_eq!(families.part("h_bucket"), Some(("h", Part::Bucket)));
        assert_eq!(["h", "h_sum", "h_created", "s_count", "x_sum"].map(|name| families.part(name)), [None; 5]);
        families.learn("b", "gauge");
        assert_eq!(families.meaning("b"), Meaning::Momentary, "the last type counts");
    }
}
