//! Who of several has what: rendezvous hashing among few candidates for many things.

use std::cmp::Reverse;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The first `count` candidates for a thing, in everybody's eyes the same. One that goes or comes moves only the things that it
/// had, or has then.
pub fn owners<'c, C: AsRef<str>>(thing: &str, candidates: &'c [C], count: usize) -> Vec<&'c str> {
    let seed = xxh3_64(thing.as_bytes());
    let weight = |name: &str| xxh3_64_with_seed(name.as_bytes(), seed);
    let mut weighed: Vec<_> = candidates.iter().map(AsRef::as_ref).map(|name| (Reverse(weight(name)), name)).collect();
    weighed.sort_unstable();
    weighed.truncate(count);
    weighed.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: [&str; 4] = ["10.0.0.1:9", "10.0.0.2:9", "10.0.0.3:9", "10.0.0.4:9"];

    #[test]
    fn shares_are_even_and_only_those_of_a_gone_candidate_move() {
        let mut shares = [0; 4];
        for at in 0..1_000 {
            let thing = format!("node\010.1.0.{at}:9100\0/metrics");
            let [first, second] = owners(&thing, &FOUR, 2)[..] else { panic!("two of four") };
            shares[FOUR.iter().position(|name| *name == first).unwrap()] += 1;
            let fewer = owners(&thing, &FOUR[1..], 1)[0];
            assert_eq!(fewer, if first == FOUR[0] { second } else { first }, "{thing}");
        }
        assert!(shares.iter().all(|share| (200..300).contains(share)), "{shares:?}");
    }

    #[test]
    fn there_are_never_more_owners_than_candidates_and_their_order_here_does_not_matter() {
        assert_eq!(owners("x", &FOUR[..1], 2), ["10.0.0.1:9"]);
        assert!(owners("x", &FOUR[..0], 2).is_empty());
        let turned: Vec<&str> = FOUR.into_iter().rev().collect();
        assert_eq!(owners("x", &FOUR, 4), owners("x", &turned, 4));
    }

    #[test]
    fn who_has_what_stays_from_version_to_version() {
        // Collectors of two versions must agree, or an upgrade has all targets looked at twice.
        assert_eq!(owners("a", &FOUR, 4), owners("a", &FOUR, 4));
    }
}
