//! Events in the place of points: a batch whose key section is one byte that no packing has, and whose value section is a list.
//!
//! A receiver from before events opens, numbers and acknowledges such a batch as any other, then finds a key section that it
//! cannot read, counts it as undecodable, and goes on.
//!
//! ```text
//! value section: count, then for each: what it has (a byte) · title · text · status, or priority and alert type · time (zigzag)
//!                · host · source · aggregation key · tags: count, then name and value each
//! ```

use weir_sample::{CheckStatus, Event, EventKind, Window};

use super::encoder::put_head;
use super::{BatchHead, Decoder, Encoder, Totals};
use crate::DecodeError;
use crate::bytes::{Input, put_text, put_varint, put_zigzag};
use crate::decode_error::MAX_PLAIN_BYTES;

/// In the place of a key section's packing.
const EVENTS: [u8; 1] = [2];

/// Bits of what an event has.
const CHECK: u8 = 1;
const AT: u8 = 2;
const HOST: u8 = 4;
const SOURCE: u8 = 8;
const KEY: u8 = 16;
const CUT: u8 = 32;
const KNOWN: u8 = 63;

/// Of a text that does not fit this part is tried next.
const NEXT_TRY: (usize, usize) = (3, 4);

impl BatchHead<'_> {
    /// Whether events stand in the place of points.
    pub fn has_events(&self) -> bool {
        self.keys == EVENTS
    }
}

impl Decoder {
    /// Reads the events of a batch that has some.
    pub fn events(&mut self, head: &BatchHead<'_>) -> Result<Vec<Event>, DecodeError> {
        let mut input = Input(self.section(head.values)?);
        let count = input.count()?;
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(read(&mut input)?);
        }
        if input.0.is_empty() { Ok(events) } else { Err(DecodeError::Malformed("events")) }
    }
}

impl Encoder {
    /// Events as payloads of at most `max_bytes` each. Of one that fits none the end of its text is left out; one whose other
    /// words alone are too long is counted in the second result.
    pub fn encode_events(
        &mut self,
        window: Window,
        totals: &Totals,
        events: &[Event],
        max_bytes: usize,
    ) -> (Vec<Vec<u8>>, usize) {
        let (mut payloads, mut left_out) = (Vec::new(), 0);
        if !events.is_empty() {
            self.put_slice(window, totals, events, max_bytes, &mut payloads, &mut left_out);
        }
        (payloads, left_out)
    }

    fn put_slice(
        &mut self,
        window: Window,
        totals: &Totals,
        events: &[Event],
        max_bytes: usize,
        payloads: &mut Vec<Vec<u8>>,
        left_out: &mut usize,
    ) {
        if let Some(payload) = self.of_events(window, totals, events).filter(|payload| payload.len() <= max_bytes) {
            return payloads.push(payload);
        }
        if let [event] = events {
            return match self.of_cut(window, totals, event.clone(), max_bytes) {
                Some(payload) => payloads.push(payload),
                None => *left_out += 1,
            };
        }
        let (first, rest) = events.split_at(events.len() / 2);
        self.put_slice(window, totals, first, max_bytes, payloads, left_out);
        self.put_slice(window, totals, rest, max_bytes, payloads, left_out);
    }

    /// Cuts the text of an event until it fits.
    fn of_cut(&mut self, window: Window, totals: &Totals, mut event: Event, max_bytes: usize) -> Option<Vec<u8>> {
        while !event.text.is_empty() {
            event.cut_text((event.text.len() * NEXT_TRY.0 / NEXT_TRY.1).min(event.text.len() - 1));
            let payload = self.of_events(window, totals, std::slice::from_ref(&event));
            if let Some(payload) = payload.filter(|payload| payload.len() <= max_bytes) {
                return Some(payload);
            }
        }
        None
    }

    /// `None` if these are more than a receiver unpacks.
    fn of_events(&mut self, window: Window, totals: &Totals, events: &[Event]) -> Option<Vec<u8>> {
        let mut plain = Vec::new();
        put_varint(&mut plain, events.len() as u64);
        events.iter().for_each(|event| put(&mut plain, event));
        let mut out = Vec::new();
        put_head(&mut out, window, totals, &EVENTS);
        self.put_section(&mut out, &plain);
        (plain.len() <= MAX_PLAIN_BYTES).then_some(out)
    }
}

/// Appends one event, in the form that it has within a batch.
pub fn put_event(out: &mut Vec<u8>, event: &Event) {
    put(out, event);
}

/// Reads the one event that [`put_event`] wrote.
pub fn read_event(bytes: &[u8]) -> Result<Event, DecodeError> {
    let mut input = Input(bytes);
    let event = read(&mut input)?;
    if input.0.is_empty() { Ok(event) } else { Err(DecodeError::Malformed("event")) }
}

fn put(out: &mut Vec<u8>, event: &Event) {
    let Event { kind, title, text, at, host, source, aggregation_key, tags, is_cut } = event;
    let has = |bit, is: bool| if is { bit } else { 0 };
    out.push(
        has(CHECK, matches!(kind, EventKind::Check(_)))
            | has(AT, at.is_some())
            | has(HOST, host.is_some())
            | has(SOURCE, source.is_some())
            | has(KEY, aggregation_key.is_some())
            | has(CUT, *is_cut),
    );
    put_text(out, title);
    put_text(out, text);
    match kind {
        EventKind::Event { priority, alert_type } => [priority, alert_type].iter().for_each(|word| put_text(out, word)),
        EventKind::Check(status) => out.push(*status as u8),
    }
    at.iter().for_each(|at| put_zigzag(out, *at));
    [host, source, aggregation_key].into_iter().flatten().for_each(|word| put_text(out, word));
    put_varint(out, tags.len() as u64);
    tags.iter().flat_map(|(name, value)| [name, value]).for_each(|word| put_text(out, word));
}

fn read(input: &mut Input<'_>) -> Result<Event, DecodeError> {
    let has = input.byte()?;
    if has & !KNOWN != 0 {
        return Err(DecodeError::Malformed("event"));
    }
    let (title, text) = (input.text()?.to_owned(), input.text()?.to_owned());
    let kind = if has & CHECK != 0 {
        EventKind::Check(CheckStatus::of(input.byte()?).ok_or(DecodeError::Malformed("status"))?)
    } else {
        EventKind::Event { priority: input.text()?.to_owned(), alert_type: input.text()?.to_owned() }
    };
    let at = if has & AT != 0 { Some(input.zigzag()?) } else { None };
    let mut word = |bit| if has & bit != 0 { input.text().map(|word| Some(word.to_owned())) } else { Ok(None) };
    let (host, source, aggregation_key) = (word(HOST)?, word(SOURCE)?, word(KEY)?);
    let mut tags = Vec::new();
    for _ in 0..input.count()? {
        tags.push((input.text()?.to_owned(), input.text()?.to_owned()));
    }
    Ok(Event { kind, title, text, at, host, source, aggregation_key, tags, is_cut: has & CUT != 0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weir_sample::{Series, Timestamp, Value};

    use super::*;
    use crate::{Batch, decode};

    fn event(title: &str, text: String) -> Event {
        let kind = EventKind::Event { priority: "normal".into(), alert_type: "info".into() };
        let (at, host, source, aggregation_key) = (Some(-7), Some("web-1".into()), None, None);
        let tags = vec![("env".to_owned(), "prod".to_owned())];
        Event { kind, title: title.into(), text, at, host, source, aggregation_key, tags, is_cut: false }
    }

    /// Words that do not pack.
    fn noise(words: std::ops::Range<u64>) -> String {
        words.map(|at| format!("{:x} ", xxhash_rust::xxh3::xxh3_64(&at.to_le_bytes()))).collect()
    }

    fn window() -> Window {
        Window::ending(Timestamp::from_secs(1_700_000_010), 10_000)
    }

    fn read_all(payloads: &[Vec<u8>]) -> Vec<Event> {
        let mut decoder = Decoder::new();
        let mut of = |payload: &Vec<u8>| {
            let head = decoder.head(payload).unwrap();
            assert!(head.has_events() && head.window == window());
            decoder.events(&head).unwrap()
        };
        payloads.iter().flat_map(&mut of).collect()
    }

    #[test]
    fn events_take_as_many_payloads_as_they_need_and_come_in_order() {
        let events: Vec<Event> =
            (0..40).map(|at| event(&format!("deploy {at}"), noise(at * 7..at * 7 + at % 7))).collect();
        let (payloads, left_out) = Encoder::new().encode_events(window(), &Totals::default(), &events, 1_100);
        assert!(payloads.len() > 1 && payloads.iter().all(|payload| payload.len() <= 1_100));
        assert_eq!((read_all(&payloads), left_out), (events, 0));
    }

    #[test]
    fn a_text_that_fits_nowhere_is_cut_and_says_so_and_words_that_fit_nowhere_are_counted() {
        let (long, odd) = (event("trace", noise(0..1_000)), event(&noise(0..1_000), "text".into()));
        let (payloads, left_out) =
            Encoder::new().encode_events(window(), &Totals::default(), &[long.clone(), odd], 1_100);
        let [read] = read_all(&payloads).try_into().unwrap();
        assert_eq!(left_out, 1);
        assert!(read.is_cut && read.text.len() > 700 && long.text.starts_with(&read.text), "{}", read.text.len());
    }

    #[test]
    fn points_are_no_events_and_events_no_points() {
        let points = vec![(Series::named("a"), Value::Gauge(1.0))];
        let batch = Batch { window: window(), totals: Totals::default(), points };
        let of_points = Encoder::new().encode(&batch, usize::MAX).0.remove(0);
        assert!(!Decoder::new().head(&of_points).unwrap().has_events());
        let events = [event("a", "b".into())];
        let of_events = Encoder::new().encode_events(window(), &Totals::default(), &events, 1_000).0.remove(0);
        assert_eq!(decode(&of_events), Err(DecodeError::Malformed("packing")), "what a receiver from before them says");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            (title, text) in (".*", ".*"),
            at in proptest::option::of(any::<i64>()),
            words in proptest::array::uniform3(proptest::option::of(".{0,9}")),
            status in 0u8..6,
            tags in proptest::collection::vec((".{0,5}", ".{0,5}"), 0..4),
            is_cut: bool,
        ) {
            let [host, source, aggregation_key] = words;
            let kind = match CheckStatus::of(status) {
                Some(status) => EventKind::Check(status),
                None => EventKind::Event { priority: "low".into(), alert_type: title.clone() },
            };
            let event = Event { kind, title, text, at, host, source, aggregation_key, tags, is_cut };
            let mut bytes = Vec::new();
            put_event(&mut bytes, &event);
            prop_assert_eq!(read_event(&bytes), Ok(event));
            prop_assert!((0..bytes.len()).all(|cut| read_event(&bytes[..cut]).is_err()));
        }

        #[test]
        fn nothing_that_is_sent_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_event(&bytes);
        }
    }
}
