//! What a reader will do with samples.

/// Use that a reader will put the samples to. Raw samples are the same for every hint; a point of a coarser tier is the
/// aggregate that the hint asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Hint {
    /// Look at every sample: of a coarser tier, the last one per point.
    #[default]
    Raw,
    /// Take increases or rates: of a coarser tier, a running total of the reset-corrected increase.
    Increase,
    /// Take the smallest or largest, not said which: of a coarser tier, the last one per point.
    Extremes,
    /// Take the smallest.
    Min,
    /// Take the largest.
    Max,
    /// Add up.
    Sum,
    /// Count: of a coarser tier, the number of samples per point, which the reader adds up.
    Count,
}
