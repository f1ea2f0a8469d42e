//! Files: pages of series, the slabs and blocks made of them, and what is written atomically.

pub(crate) mod block;
pub(crate) mod blocks;
pub(crate) mod checkpoint;
pub(crate) mod labels;
pub(crate) mod merge;
pub(crate) mod page;
pub(crate) mod pages;
pub(crate) mod slab;
pub(crate) mod stub;
