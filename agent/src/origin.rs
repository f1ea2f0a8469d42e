//! Where series come from: the labels that all of this agent's own series carry.

use std::collections::BTreeMap;

use weir_sample::{Series, SeriesBuilder, legal_label_name};

/// The host label, and the operator's labels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    host: String,
    labels: BTreeMap<String, String>,
}

impl Origin {
    pub(crate) fn new(host: &str, labels: &BTreeMap<String, String>) -> Self {
        let legal = |(name, value): (&String, &String)| (legal_label_name(name).into_owned(), value.clone());
        Self { host: host.to_owned(), labels: labels.iter().map(legal).collect() }
    }

    /// A series from here. Its own labels win over the operator's; the host label is always this host's.
    pub(crate) fn series<'a>(&self, name: &str, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Series {
        let mut builder = SeriesBuilder::new(name);
        for (label, value) in &self.labels {
            builder.label(label, value);
        }
        for (label, value) in labels {
            builder.label(label, value);
        }
        builder.label("host", &self.host).build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_labels_win_over_the_operators_and_the_host_over_all() {
        let labels = [("role", "db"), ("dc", "fra")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let origin = Origin::new("a", &labels.into());
        let series = origin.series("x", [("role", "web"), ("host", "b")]);
        assert_eq!(series.to_string(), r#"x{dc="fra",host="a",role="web"}"#);
    }
}
