//! Samples as bytes. Every codec gives back the exact bits it was given.

pub(crate) mod bits;
pub(crate) mod frame;
pub(crate) mod histogram;
pub(crate) mod rice;
pub(crate) mod times;
