//! Coarser tiers: one point a minute or an hour in place of samples.

pub(crate) mod coding;
pub(crate) mod points;
pub(crate) mod run;
