//! What the families of a text tell of themselves: type, unit and help.

use std::collections::BTreeMap;

use weir_sample::{Metadata, MetricType};

use super::line::Line;

/// Families met so far, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Described(BTreeMap<String, Metadata>);

/// Families of one text: what is beyond is passed over, as a text is foreign and its samples have bounds of their own.
const MOST: usize = 20_000;

impl Described {
    /// Learns what a line tells. What is told twice, the last time counts.
    pub fn learn(&mut self, line: &Line<'_>) {
        match line {
            Line::Type { family, kind } => self.tell(family, |told| told.kind = MetricType::of_word(kind)),
            Line::Unit { family, unit } => self.tell(family, |told| told.unit = (*unit).to_owned()),
            Line::Help { family, help } => self.tell(family, |told| told.help = help.to_string()),
            Line::Sample(_) | Line::Nothing | Line::End => {}
        }
    }

    /// What a family tells, if there is room.
    pub(crate) fn put(&mut self, family: &str, told: Metadata) {
        self.tell(family, |known| *known = told);
    }

    /// Families that tell something.
    pub fn into_told(self) -> impl Iterator<Item = (String, Metadata)> {
        self.0.into_iter().filter(|(_, told)| !told.is_empty())
    }

    fn tell(&mut self, family: &str, change: impl FnOnce(&mut Metadata)) {
        if let Some(told) = self.0.get_mut(family) {
            change(told);
        } else if self.0.len() < MOST {
            change(self.0.entry(family.to_owned()).or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Form, Reader};

    #[test]
    fn families_tell_type_unit_and_help() {
        let text = "# HELP a_seconds Time \\\\ of\\na request.\n# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n\
            # HELP \"b.c\" B\n# HELP none\n# TYPE d untyped\n# a comment\nx 1\n# HELP b.c later\n# EOF\n";
        let (mut reader, mut described) = (Reader::new(Form::Text), Described::default());
        text.lines().for_each(|line| described.learn(&reader.read(line).unwrap()));
        let told = described
            .into_told()
            .map(|(family, Metadata { kind, unit, help })| format!("{family} {} [{unit}] {help}", kind.word()));
        let expected = ["a_seconds histogram [seconds] Time \\ of\na request.", "b.c unknown [] later"];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}
