//! What an agent's token allows and enforces.
//!
//! The token is checked where the session key is given, and the batches come later, perhaps by another gateway: so
//! the grant travels through the queue before them, as a record of its own kind.
//!
//! ```text
//! 0 format 1    1 series at most u64, all ones for no limit    9 for each label: name, value; each a length u16 and its bytes
//! ```

/// Limits and labels of one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// The most series; `None` leaves it to the server's limits.
    pub max_series: Option<usize>,
    /// Labels that every series of the agent gets.
    pub labels: Vec<(String, String)>,
}

const FORMAT: u8 = 1;

impl Grant {
    /// The payload of the record that tells it. Labels too long for any series are left out.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        out.extend(self.max_series.map_or(u64::MAX, |most| most as u64).to_le_bytes());
        let whole = |text: &str| u16::try_from(text.len()).is_ok();
        for (name, value) in self.labels.iter().filter(|(name, value)| whole(name) && whole(value)) {
            for text in [name, value] {
                out.extend((text.len() as u16).to_le_bytes());
                out.extend(text.as_bytes());
            }
        }
        out
    }

    /// Reads what [`Grant::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&FORMAT, rest) = bytes.split_first()? else { return None };
        let (most, mut rest) = rest.split_first_chunk()?;
        let most = u64::from_le_bytes(*most);
        let mut labels = Vec::new();
        while !rest.is_empty() {
            labels.push((text(&mut rest)?, text(&mut rest)?));
        }
        Some(Self { max_series: (most != u64::MAX).then_some(most as usize), labels })
    }
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let (length, tail) = rest.split_first_chunk()?;
    let (text, tail) = tail.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    *rest = tail;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_comes_back_and_a_cut_one_does_not() {
        for max_series in [None, Some(1), Some(1_000_000)] {
            let grant =
                Grant { max_series, labels: vec![("env".into(), "prod".into()), ("team".into(), "a b".into())] };
            let bytes = grant.encode();
            assert_eq!(Grant::decode(&bytes).as_ref(), Some(&grant));
            (0..bytes.len()).for_each(|cut| assert_ne!(Grant::decode(&bytes[..cut]).as_ref(), Some(&grant)));
        }
        assert_eq!(Grant::decode(&Grant::default().encode()), Some(Grant::default()));
    }
}
