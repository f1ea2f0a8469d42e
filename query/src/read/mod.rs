//! Reading: selectors ask a source for series, and windows move over their samples.

pub(crate) mod between;
pub(crate) mod reach;
pub(crate) mod samples;
pub(crate) mod select;
pub(crate) mod smoothed;
pub(crate) mod source;
pub(crate) mod subquery;
pub(crate) mod window;
