//! Files: pages of series, the slabs and blocks made of them, and what is written atomically.

pub(crate) mod block;
pub(crate) mod files;
pub(crate) mod merge;
pub(crate) mod page;
pub(crate) mod pages;
pub(crate) mod slab;
