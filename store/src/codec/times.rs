//! Timestamps as runs of equal distance: a regular series costs a few bytes however long it is.

use super::rice;
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

/// Any number of timestamps on their own. Those that jitter are told as how far each is from where it should be.
pub(crate) fn encode_all(out: &mut Vec<u8>, times: &[i64]) {
    let start = out.len();
    put_varint(out, times.len() as u64);
    encode(out, 0, times);
    // Runs take more than three bytes a timestamp where hardly two distances are the same.
    if times.len() >= LEAST_JITTER && out.len() - start > 2 * times.len() {
        let jitter = encode_jitter(times);
        if jitter.len() < out.len() - start {
            out.truncate(start);
            out.extend_from_slice(&jitter);
        }
    }
}

/// In place of a count, which then follows: the timestamps jitter.
const JITTER: u64 = 0;

/// Fewer timestamps are not worth a second look.
const LEAST_JITTER: usize = 8;

/// Count, the first timestamp, the mean distance, and from what the rest are told: 0 from an even course, which suits a clock
/// that is read late now and then; 1 from the one before, which suits a pause between two readings.
fn encode_jitter(times: &[i64]) -> Vec<u8> {
    let (first, last) = (times[0], times[times.len() - 1]);
    let step = last.wrapping_sub(first) / (times.len() as i64 - 1);
    let code = |course: u8| {
        let mut out = Vec::with_capacity(2 * times.len());
        put_varint(&mut out, JITTER);
        put_varint(&mut out, times.len() as u64);
        put_signed(&mut out, first);
        put_signed(&mut out, step);
        out.push(course);
        let (mut expected, mut off) = (first, Vec::with_capacity(times.len()));
        for &time in &times[1..] {
            expected = expected.wrapping_add(step);
            off.push(time.wrapping_sub(expected));
            expected = if course == 0 { expected } else { time };
        }
        rice::encode(&mut out, &off);
        out
    };
    let (even, chained) = (code(0), code(1));
    if even.len() <= chained.len() { even } else { chained }
}

fn decode_jitter(input: &mut Input<'_>, most: usize) -> Result<Vec<i64>, Damaged> {
    let count = input.varint()? as usize;
    if count == 0 || count > most {
        return Err(Damaged("number of timestamps"));
    }
    let (first, step, course) = (input.signed()?, input.signed()?, input.u8()?);
    let mut times = Vec::with_capacity(count);
    times.push(first);
    let mut expected = first;
    rice::decode(input, count - 1, |off| {
        expected = expected.wrapping_add(step);
        let time = expected.wrapping_add(off);
        times.push(time);
        expected = if course == 0 { expected } else { time };
    })?;
    Ok(times)
}

/// Reads what [`encode_all`] wrote, if it is no more than `most` timestamps.
pub(crate) fn decode_all(input: &mut Input<'_>, most: usize) -> Result<Vec<i64>, Damaged> {
    let count = input.varint()? as usize;
    if count as u64 == JITTER {
        return if input.is_empty() { Ok(Vec::new()) } else { decode_jitter(input, most) };
    }
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
        fn jitter_comes_back_small(step in 1_000i64..60_000, off in prop::collection::vec(0i64..256, 120), chained: bool) {
            let mut times = vec![1_795_000_000_000];
            for (at, off) in (1..).zip(&off) {
                let expected = if chained { times[times.len() - 1] + step } else { times[0] + at * step };
                times.push(expected + off);
            }
            let mut out = Vec::new();
            encode_all(&mut out, &times);
            prop_assert!(out.len() < 121 * 10 / 8 + 16, "{}", out.len());
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
