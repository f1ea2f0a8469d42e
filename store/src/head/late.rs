//! Samples that came after newer ones of their group, kept apart until the group is sealed.

/// One late sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Late {
    pub time: i64,
    pub value: f64,
    pub column: u8,
}

/// Samples kept one by one since the last seal, and how many times they had between them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scattered {
    pub samples: usize,
    pub times: usize,
}
