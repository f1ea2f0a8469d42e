//! A layout resolved once: which columns of which groups the values of a row go to.

use std::sync::Arc;

use crate::head::group::Span;
use crate::head::placing::Place;
use crate::index::GroupId;

/// Columns of the store in the order in which a caller gives values. Cheap to clone and to keep.
#[derive(Clone, Debug)]
pub struct Rows {
    pub(crate) parts: Arc<[Part]>,
    pub(crate) width: u32,
}

/// The columns that fall into one group.
#[derive(Debug)]
pub(crate) struct Part {
    pub group: GroupId,
    /// The group's generation when it was resolved; see [`crate::Error::StaleRows`].
    pub generation: u32,
    pub spans: Box<[Span]>,
}

impl Rows {
    /// Puts together where each position goes.
    pub(crate) fn new(places: &[Place]) -> Self {
        let mut parts: Vec<(Place, Vec<Span>)> = Vec::new();
        for (position, place) in places.iter().enumerate() {
            let at = parts.iter().rposition(|(other, _)| other.group == place.group).unwrap_or_else(|| {
                parts.push((*place, Vec::new()));
                parts.len() - 1
            });
            extend(&mut parts[at].1, position as u32, place.column);
        }
        let part = |(place, spans): (Place, Vec<Span>)| Part {
            group: place.group,
            generation: place.generation,
            spans: spans.into(),
        };
        Self { parts: parts.into_iter().map(part).collect(), width: places.len() as u32 }
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.width as usize
    }

    /// The part and column of a position.
    pub(crate) fn find(&self, position: usize) -> Option<(&Part, usize)> {
        let within = |span: &&Span| (span.position..span.position + u32::from(span.count)).contains(&(position as u32));
        self.parts.iter().find_map(|part| {
            let span = part.spans.iter().find(within)?;
            Some((part, usize::from(span.column) + position - span.position as usize))
        })
    }
}

fn extend(spans: &mut Vec<Span>, position: u32, column: u8) {
    if let Some(last) = spans.last_mut() {
        let next = (last.position + u32::from(last.count), u16::from(last.column) + u16::from(last.count));
        if next == (position, u16::from(column)) {
            last.count += 1;
            return;
        }
    }
    spans.push(Span { position, column, count: 1 });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_spans() {
        let homes = [(1, 0), (1, 1), (2, 9), (1, 2), (1, 1)];
        let rows = Rows::new(&homes.map(|(group, column)| Place { group, generation: group * 10, column }));
        let spans =
            |part: usize| rows.parts[part].spans.iter().map(|s| (s.position, s.column, s.count)).collect::<Vec<_>>();
        assert_eq!(spans(0), [(0, 0, 2), (3, 2, 1), (4, 1, 1)]);
        assert_eq!((spans(1), rows.parts[1].generation), (vec![(2, 9, 1)], 20));
        let find = |position| rows.find(position).map(|(part, column)| (part.group, column));
        assert_eq!((find(3), find(4), find(2), find(5)), (Some((1, 2)), Some((1, 1)), Some((2, 9)), None));
    }
}
