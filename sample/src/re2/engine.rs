//! Rust's engines, which know different classes.

/// The engine that will read the translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The crate `regex`: Unicode classes, nested classes.
    Full,
    /// The crate `regex-lite`: ASCII classes alone.
    Lite,
}
