//! Samples as bytes. Every codec gives back the exact bits it was given.

pub(crate) mod bits;
pub(crate) mod frame;
pub(crate) mod rice;
pub(crate) mod sketch;
pub(crate) mod times;
