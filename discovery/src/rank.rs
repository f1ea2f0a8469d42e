//! Rendezvous hashing: everybody has an order of candidates of their own, and agrees with everybody else on who has which.

use std::cmp::Reverse;
use std::fmt::Display;

use xxhash_rust::xxh3::xxh3_64;

/// Puts candidates into the order of `who`, each known by its key. One that goes or comes moves only those who had it
/// first. Candidates of the same key become one.
pub fn rank<T, K: Display + PartialEq>(who: &impl Display, candidates: &mut Vec<T>, key: impl Fn(&T) -> K) {
    candidates.sort_by_cached_key(|candidate| Reverse(xxh3_64(format!("{who} {}", key(candidate)).as_bytes())));
    candidates.dedup_by(|a, b| key(a) == key(b));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(count: usize, who: usize) -> Vec<usize> {
        let mut candidates: Vec<usize> = (0..count).collect();
        rank(&format!("agent-{who}"), &mut candidates, |candidate| format!("10.0.0.{candidate}:8640"));
        candidates
    }

    #[test]
    fn shares_are_even_and_only_those_of_a_gone_candidate_move() {
        let mut shares = [0; 4];
        for who in 0..400 {
            let (all, fewer) = (ranked(4, who), ranked(3, who));
            shares[all[0]] += 1;
            let expected: Vec<usize> = all.into_iter().filter(|candidate| *candidate != 3).collect();
            assert_eq!(fewer, expected);
        }
        assert!(shares.iter().all(|share| (60..140).contains(share)), "{shares:?}");
    }

    #[test]
    fn the_same_key_stands_once() {
        let mut candidates = vec![1, 2, 1, 2, 1];
        rank(&"agent", &mut candidates, |candidate| *candidate);
        candidates.sort_unstable();
        assert_eq!(candidates, [1, 2]);
    }

    #[test]
    fn the_order_stays_from_version_to_version() {
        // Agents of two versions must agree with themselves, or an upgrade moves the fleet.
        assert_eq!([ranked(4, 0), ranked(4, 1)], [[1, 2, 3, 0], [0, 3, 2, 1]]);
    }
}
