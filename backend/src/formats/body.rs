//! What every format comes to.

/// A body and what is said of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Body {
    pub bytes: Vec<u8>,
    /// Headers beside those of the configuration.
    pub headers: &'static [(&'static str, &'static str)],
    /// To be added to the address.
    pub query: String,
}
