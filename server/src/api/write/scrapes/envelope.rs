//! The body of `POST /v1/scrapes`: looks at targets, one behind the other.
//!
//! ```text
//! 0 version 1    for each look: target 16 bytes, length u32, payload as `ScrapeWriter` makes it    (little-endian)
//! ```

use weir_sink::Scrape;
use weir_wire::AgentId;

/// A look as it came.
#[derive(Debug, PartialEq)]
pub(super) struct Sent<'a> {
    pub target: AgentId,
    pub scrape: Scrape,
    pub payload: &'a [u8],
}

const VERSION: u8 = 1;

/// Reads a body.
///
/// # Errors
/// It is none, in words.
pub(super) fn read(body: &[u8]) -> Result<Vec<Sent<'_>>, &'static str> {
    let (&version, mut rest) = body.split_first().ok_or("it is empty")?;
    if version != VERSION {
        return Err("it is of another version than 1");
    }
    let mut looks = Vec::new();
    while !rest.is_empty() {
        let (target, more) = rest.split_first_chunk().ok_or(CUT)?;
        let (length, more) = more.split_first_chunk().ok_or(CUT)?;
        let (payload, more) = more.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(CUT)?;
        let (scrape, _) = Scrape::read(payload).ok_or("a look in it cannot be read")?;
        looks.push(Sent { target: AgentId(*target), scrape, payload });
        rest = more;
    }
    Ok(looks)
}

const CUT: &str = "it breaks off within a look";

#[cfg(test)]
pub(super) fn written(looks: &[(AgentId, Vec<u8>)]) -> Vec<u8> {
    let mut body = vec![VERSION];
    for (target, payload) in looks {
        body.extend(target.0);
        body.extend((payload.len() as u32).to_le_bytes());
        body.extend(payload);
    }
    body
}

#[cfg(test)]
mod tests {
    use weir_sample::Timestamp;
    use weir_sink::{Outcome, ScrapeWriter};

    use super::*;

    #[test]
    fn a_body_is_read_whole_or_refused() {
        let scrape = Scrape { time: Timestamp(1_000), interval_ms: 15_000, outcome: Outcome::Seen };
        let payload = ScrapeWriter::default().finish(scrape).unwrap();
        let body = written(&[(AgentId([1; 16]), payload.clone()), (AgentId([2; 16]), payload.clone())]);
        let looks = read(&body).unwrap();
        let targets: Vec<_> = looks.iter().map(|look| (look.target.0[0], look.scrape, look.payload)).collect();
        assert_eq!(targets, [(1, scrape, &payload[..]), (2, scrape, &payload[..])]);
        let first = 1 + 20 + payload.len();
        let sound: Vec<usize> = (0..body.len()).filter(|cut| read(&body[..*cut]).is_ok()).collect();
        assert_eq!(sound, [1, first], "no look, and one");
        assert!(read(&[&[2], &body[1..]].concat()).is_err());
    }
}
