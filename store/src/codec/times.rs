//! Timestamps as runs of equal distance: a regular series costs a few bytes however long it is.

use crate::bytes::{Input, put_signed, put_varint};
use crate::error::Damaged;

/// Appends the distances from `before` on as pairs of distance and run length. The count is not written.
pub(crate) fn encode(out: &mut Vec<u8>, before: i64, times: &[i64]) {
    let (mut previous, mut at) = (before, 0);
    while at < times.len() {
        let distance = times[at].wrapping_sub(previous);
        let mut run = 1;
        while at + run < times.len() && times[at + run].wrapping_sub(times[at + run - 1]) == distance {
            run += 1;
        }
        put_signed(out, distance);
        put_varint(out, run as u64);
        at += run;
        previous = times[at - 1];
    }
}

/// Reads `count` timestamps that follow `before` and appends them.
pub(crate) fn decode(input: &mut Input<'_>, before: i64, count: usize, times: &mut Vec<i64>) -> Result<(), Damaged> {
    let (mut previous, mut left) = (before, count);
    while left > 0 {
        let distance = input.signed()?;
        let run = input.varint()? as usize;
        if run == 0 || run > left {
            return Err(Damaged("run of timestamps"));
        }
        times.extend((1..=run as i64).map(|step| previous.wrapping_add(distance.wrapping_mul(step))));
        previous = previous.wrapping_add(distance.wrapping_mul(run as i64));
        left -= run;
    }
    Ok(())
}

/// Any number of timestamps on their own.
pub(crate) fn encode_all(out: &mut Vec<u8>, times: &[i64]) {
    put_varint(out, times.len() as u64);
    encode(out, 0, times);
}

/// Reads what [`encode_all`] wrote, if it is no more than `most` timestamps.
pub(crate) fn decode_all(input: &mut Input<'_>, most: usize) -> Result<Vec<i64>, Damaged> {
    let count = input.varint()? as usize;
    if count > most {
        return Err(Damaged("too many timestamps"));
    }
    let mut times = Vec::with_capacity(count);
    decode(input, 0, count, &mut times)?;
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn timestamps_come_back(times: Vec<i64>) {
            let mut out = Vec::new();
            encode_all(&mut out, &times);
            prop_assert_eq!(decode_all(&mut Input(&out), times.len()), Ok(times));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = decode_all(&mut Input(&bytes), 1000);
        }
    }

    #[test]
    fn regular_timestamps_are_small() {
        let times: Vec<i64> = (0..720).map(|i| 1_795_000_000_000 + i * 10_000).collect();
        let mut out = Vec::new();
        encode_all(&mut out, &times);
        assert!(out.len() <= 16, "{}", out.len());
    }
}
