//! Later arrivals laid over earlier ones.

/// A run of samples in rising order of time with another laid over it; where both have a timestamp, `over` stands.
pub(crate) fn overlay<V>(
    times: &mut Vec<i64>,
    values: &mut Vec<V>,
    over: Vec<(i64, V)>,
    mut join: impl FnMut(&mut V, V),
) {
    let Some(&(first, _)) = over.first() else { return };
    let split = times.partition_point(|&time| time < first);
    let (old_times, old_values) = (times.split_off(split), values.split_off(split));
    let mut old = old_times.into_iter().zip(old_values).peekable();
    for (time, value) in over {
        while let Some((earlier, before)) = old.next_if(|&(other, _)| other < time) {
            times.push(earlier);
            values.push(before);
        }
        if let Some((_, mut same)) = old.next_if(|&(other, _)| other == time) {
            join(&mut same, value);
            times.push(time);
            values.push(same);
        } else if times.last() == Some(&time) {
            join(values.last_mut().expect("as many values as timestamps"), value);
        } else {
            times.push(time);
            values.push(value);
        }
    }
    for (time, value) in old {
        times.push(time);
        values.push(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn the_later_arrival_stands(base in prop::collection::btree_map(0..50i64, 0..9, 0..30), over in prop::collection::vec((0..50i64, 10..19), 0..30)) {
            let mut expected: BTreeMap<i64, i32> = base.clone();
            expected.extend(over.iter().copied());
            let (mut times, mut values): (Vec<_>, Vec<_>) = base.into_iter().unzip();
            let mut sorted = over;
            sorted.sort_by_key(|&(time, _)| time);
            overlay(&mut times, &mut values, sorted, |old, new| *old = new);
            prop_assert_eq!(times.into_iter().zip(values).collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
        }
    }
}
