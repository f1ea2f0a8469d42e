//! Rows of the state file as bytes: a version, then numbers and texts, little-endian.

use std::sync::Arc;

use weir_query::LabelSet;

use super::alert::{Alert, Phase};

/// Version of every row of this program; a row of another is not read.
const VERSION: u8 = 1;

/// What is kept of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupRecord {
    /// The event time up to which it is evaluated.
    pub evaluated_to: i64,
    /// Events that it made.
    pub seq: u64,
    /// Time between its evaluations.
    pub interval_ms: i64,
}

impl GroupRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend(self.evaluated_to.to_le_bytes());
        out.extend(self.seq.to_le_bytes());
        out.extend(self.interval_ms.to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::of(bytes)?;
        Some(Self { evaluated_to: cursor.int()?, seq: cursor.int()? as u64, interval_ms: cursor.int()? })
    }
}

/// The key of an alert's row: group, rule, labels. Rows of one rule are neighbours.
pub(crate) fn alert_key(group: u64, rule: u64, labels: &LabelSet) -> Vec<u8> {
    [&group.to_be_bytes(), &rule.to_be_bytes(), labels.key().as_bytes()].concat()
}

/// The rule that a key tells.
pub(crate) fn rule_of_key(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(8..16)?.try_into().ok()?))
}

const NO_TIME: i64 = i64::MIN;

pub(crate) fn encode_alert(alert: &Alert) -> Vec<u8> {
    let mut out = vec![VERSION, u8::from(alert.phase == Phase::Firing)];
    let times = [Some(alert.active_at), Some(alert.fired_at), alert.missing_since, alert.late_since];
    times.into_iter().for_each(|time| out.extend(time.unwrap_or(NO_TIME).to_le_bytes()));
    out.extend(alert.value.to_bits().to_le_bytes());
    out.extend(alert.seq.to_le_bytes());
    put_text(&mut out, alert.labels.key());
    out.extend((alert.annotations.len() as u32).to_le_bytes());
    for (name, text) in alert.annotations.iter() {
        put_text(&mut out, name);
        put_text(&mut out, text);
    }
    out
}

pub(crate) fn decode_alert(bytes: &[u8]) -> Option<Alert> {
    let mut cursor = Cursor::of(bytes)?;
    let phase = if cursor.byte()? == 1 { Phase::Firing } else { Phase::Pending };
    let mut time = || Some(Some(cursor.int()?).filter(|time| *time != NO_TIME));
    let (active_at, fired_at, missing_since, late_since) = (time()??, time()??, time()?, time()?);
    let value = f64::from_bits(cursor.int()? as u64);
    let seq = cursor.int()? as u64;
    let labels = LabelSet::from_key(cursor.text()?);
    let annotations = (0..cursor.length()?).map(|_| Some((Arc::from(cursor.text()?), Box::from(cursor.text()?))));
    let annotations = annotations.collect::<Option<_>>()?;
    let told_at = i64::MIN;
    Some(Alert { labels, phase, active_at, fired_at, missing_since, late_since, value, annotations, seq, told_at })
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

/// Reads a row from its start; `None` where it ends too early.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        (*version == VERSION).then_some(Self(rest))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn int(&mut self) -> Option<i64> {
        Some(i64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn length(&mut self) -> Option<usize> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?) as usize)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were() {
        let group = GroupRecord { evaluated_to: -5, seq: 7, interval_ms: 15_000 };
        assert_eq!(GroupRecord::decode(&group.encode()), Some(group));
        let mut alert = Alert::new(LabelSet::new("", [("alertname", "Down"), ("host", "é")]), 1_000);
        assert_eq!(decode_alert(&encode_alert(&alert)).as_ref(), Some(&alert));
        alert.phase = Phase::Firing;
        (alert.fired_at, alert.missing_since, alert.late_since, alert.seq) = (2_000, Some(3_000), Some(0), 9);
        alert.annotations = [(Arc::from("summary"), Box::from("it is down"))].into();
        let bytes = encode_alert(&alert);
        assert_eq!(decode_alert(&bytes).as_ref(), Some(&alert));
        (0..bytes.len()).for_each(|end| assert_eq!(decode_alert(&bytes[..end]), None, "cut at {end}"));
        assert_eq!(decode_alert(&[&[9], &bytes[1..]].concat()), None, "of another version");
    }
}
