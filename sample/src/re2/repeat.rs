//! Repetitions: `*`, `+`, `?` and counts in braces.

/// Largest count, nested counts multiplied.
pub(super) const MAX_COUNT: u32 = 1_000;

/// One repetition.
pub(super) struct Repeat {
    pub(super) text: String,
    /// The copies that it stands for; 1 where it is not counted.
    pub(super) copies: u32,
}

impl Repeat {
    pub(super) fn of(c: char) -> Self {
        Self { text: c.to_string(), copies: 1 }
    }
}

/// The counts after a `{` and what follows them; `None` if these are no counts, which makes the brace a literal.
pub(super) fn repeat(after: &str) -> Result<Option<(Repeat, &str)>, String> {
    let Some((counts, rest)) = after.split_once('}') else { return Ok(None) };
    let (low, high) = counts.split_once(',').map_or((counts, None), |(low, high)| (low, Some(high)));
    let Some(low_count) = count(low) else { return Ok(None) };
    let high_count = match high {
        None => Some(low_count),
        Some("") => None,
        Some(high) => match count(high) {
            Some(count) => Some(count),
            None => return Ok(None),
        },
    };
    let largest = high_count.unwrap_or(low_count);
    if low_count > MAX_COUNT || largest > MAX_COUNT || largest < low_count {
        return Err(format!("invalid repeat count {{{counts}}}"));
    }
    Ok(Some((Repeat { text: format!("{{{counts}}}"), copies: largest.max(1) }, rest)))
}

/// A number without leading zeros; what has too many digits is too large.
fn count(digits: &str) -> Option<u32> {
    let legal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    (legal && !leading_zero).then(|| digits.parse().unwrap_or(u32::MAX))
}
