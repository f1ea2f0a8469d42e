//! What expressions are worth.

/// What an expression's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// A value for each series at one instant.
    Vector,
    /// A number.
    Scalar,
    /// Samples of a range for each series.
    Matrix,
    /// A text.
    String,
}
