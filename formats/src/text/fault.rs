//! Why a line says nothing, and where in the text that is.

/// Why a line cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A byte belongs to no character.
    #[error("the line is not UTF-8")]
    Utf8,
    /// There is only a name.
    #[error("a sample has a name and a value")]
    NoValue,
    /// The metric's name holds what no name may hold, or there is none.
    #[error("the metric's name is not legal: letters, digits, _ and : are, with no digit first")]
    Name,
    /// It stands before the braces and between them.
    #[error("the metric's name comes twice")]
    NameTwice,
    /// What stands between braces is no label.
    #[error("a label is written name=\"value\"")]
    Label,
    /// A label's name holds what no name may hold.
    #[error("a label's name is not legal: letters, digits and _ are, with no digit first")]
    LabelName,
    /// Which of two values counts is open.
    #[error("a label comes twice")]
    LabelTwice,
    /// A label's value does not end.
    #[error("a label's value has no closing quote")]
    Unclosed,
    /// A comma has no label before it.
    #[error("a comma stands between labels or behind the last, and nowhere else")]
    Comma,
    /// Neither another label nor the end follows.
    #[error("a label is followed by a comma or by }}")]
    AfterLabel,
    /// The value is none.
    #[error("the value is no number")]
    Value,
    /// The time is none.
    #[error("the timestamp is no number")]
    Time,
    /// The time is one that no clock shows.
    #[error("the timestamp is not of the years 1 to 9999: milliseconds, and in OpenMetrics seconds")]
    TimeRange,
    /// Something follows the time.
    #[error("something follows the timestamp")]
    TooLong,
    /// What follows ` # ` is no exemplar.
    #[error("an exemplar is written # {{name=\"value\"}} number, and perhaps a timestamp")]
    Exemplar,
    /// A histogram of an export is none.
    #[error("a histogram is written # WEIR_HISTOGRAM name{{label=\"value\"}}, its bytes in base64 and a timestamp")]
    Distribution,
    /// Something follows the line `# EOF`.
    #[error("something follows # EOF")]
    AfterEnd,
    /// The line `# EOF` is missing.
    #[error("the text is OpenMetrics and does not end with # EOF: it may have been cut short")]
    NoEnd,
    /// Whoever asks needs a time, and it is not there.
    #[error("the timestamp is missing")]
    NoTime,
}

/// What is wrong, and where; lines and columns count from one, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct Fault {
    /// Its line.
    pub line: usize,
    /// Its column.
    pub column: usize,
    /// What is wrong there.
    pub what: Malformed,
}
