//! Tiers: samples as they came, and one point a minute or an hour in their place.

pub(crate) mod coding;
pub(crate) mod column;
pub(crate) mod hint;
pub(crate) mod overlay;
pub(crate) mod points;
pub(crate) mod resolution;
pub(crate) mod run;
