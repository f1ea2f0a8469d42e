//! One thread's open window: datagrams in, a part per window out.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use weir_sample::{Event, Series, Timestamp, Value, Window};
use weir_statsd::{Aggregator, Refused};

use super::{Counters, Network, StatsdConfig};

/// What one thread saw of a window.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) window: Window,
    pub(crate) points: Vec<Point>,
    pub(crate) events: Vec<Event>,
}

/// What one thread saw of a series in a window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) series: Series,
    pub(crate) value: Value,
    /// The second in which a gauge was heard, if that was in the window; its end for all others.
    pub(crate) at: Timestamp,
}

/// Aggregates the lines of one socket. It is told the time and never waits.
pub(crate) struct Gatherer {
    networks: Vec<Network>,
    /// The address that was allowed last: mostly the next datagram's too.
    allowed: Option<IpAddr>,
    interval: Duration,
    aggregator: Aggregator,
    window: Window,
    parts: flume::Sender<Part>,
    /// Threads that send to `parts`.
    senders: usize,
    counters: Arc<Counters>,
    /// Whether the open window has shown a bad line in the log.
    shown: bool,
    held: bool,
}

/// Bytes of a bad line that the log shows.
const SHOWN_BYTES: usize = 200;

impl Gatherer {
    pub(crate) fn new(
        config: &StatsdConfig,
        senders: usize,
        parts: flume::Sender<Part>,
        counters: Arc<Counters>,
        now: Timestamp,
    ) -> Self {
        Self {
            networks: config.networks.clone(),
            allowed: None,
            interval: config.interval,
            aggregator: Aggregator::with_telemetry(config.aggregator.clone(), Arc::clone(&counters.lines)),
            window: Window::containing(now, config.interval),
            parts,
            senders,
            counters,
            shown: false,
            held: false,
        }
    }

    /// Takes in the datagrams of one receive call. Those received before the window's end was seen count in it.
    pub(crate) fn ingest<'a>(&mut self, datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>, now: Timestamp) {
        self.turn(now);
        self.aggregator.hear_at(now);
        let Self { networks, allowed, aggregator, shown, .. } = self;
        let (mut taken, mut refused) = (0, 0);
        let datagrams = datagrams.filter_map(|(peer, datagram)| {
            let ip = peer.ip();
            if *allowed != Some(ip) {
                if !networks.iter().any(|network| network.contains(ip)) {
                    refused += 1;
                    return None;
                }
                *allowed = Some(ip);
            }
            taken += 1;
            Some(datagram)
        });
        aggregator.receive_all(datagrams, |refused| show(refused, shown));
        self.counters.datagrams.fetch_add(taken + refused, Relaxed);
        if refused > 0 {
            self.counters.refused_networks.fetch_add(refused, Relaxed);
        }
    }

    /// Hands on the window if it has ended. While earlier parts still wait for the queue it stays open instead: its
    /// sums are then told with a later window, and memory stays bounded by the aggregator's.
    pub(crate) fn turn(&mut self, now: Timestamp) {
        if self.window.contains(now) {
            return;
        }
        if self.parts.len() + self.senders > self.parts.capacity().unwrap_or(usize::MAX) {
            if !std::mem::replace(&mut self.held, true) {
                self.counters.held_windows.fetch_add(1, Relaxed);
            }
            return;
        }
        let next = Window::containing(now, self.interval);
        // The one that has just ended, which after a wait, a sleep or a step of the clock is not the one opened.
        let ended = Window::ending(next.start(), next.interval().as_millis() as u32);
        self.close(ended);
        (self.window, self.shown, self.held) = (next, false, false);
    }

    /// Hands on what the open window has so far.
    pub(crate) fn finish(mut self, now: Timestamp) {
        self.turn(now);
        let window = Window::containing(now, self.interval);
        self.close(window);
    }

    fn close(&mut self, window: Window) {
        let mut points = Vec::with_capacity(self.aggregator.series());
        self.aggregator.close_each(window, |series, value, heard| {
            let at = heard.map_or(window.end(), |heard| heard.clamp(window.start(), window.end()));
            points.push(Point { series: series.clone(), value, at });
        });
        // The publisher outlives all who send to it.
        let _ = self.parts.send(Part { window, points, events: self.aggregator.drain_events() });
    }
}

/// Logs one bad line per window: enough to find the client, too little to fill a disk.
#[cold]
fn show(refused: Refused<'_>, shown: &mut bool) {
    if !std::mem::replace(shown, true) {
        let cut = Refused { line: &refused.line[..refused.line.len().min(SHOWN_BYTES)], ..refused };
        tracing::warn!(refused = %cut, "a StatsD line was refused; further ones of this window are counted only");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "127.0.0.1:4000";

    fn gatherer(room: usize) -> (Gatherer, flume::Receiver<Part>, Arc<Counters>) {
        let (parts, received) = flume::bounded(room);
        let (config, counters) = (StatsdConfig::at("127.0.0.1:0".parse().unwrap()), Arc::<Counters>::default());
        (Gatherer::new(&config, 1, parts, Arc::clone(&counters), secs(1_000)), received, counters)
    }

    fn secs(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn hear(gatherer: &mut Gatherer, peer: &str, lines: &str, now: Timestamp) {
        gatherer.ingest(std::iter::once((peer.parse().unwrap(), lines.as_bytes())), now);
    }

    fn points(part: &Part) -> Vec<String> {
        let mut points: Vec<String> =
            part.points.iter().map(|Point { series, value, .. }| format!("{series} {value:?}")).collect();
        points.sort();
        points
    }

    #[test]
    fn a_line_counts_in_the_window_it_came_in() {
        let (mut gatherer, parts, _) = gatherer(4);
        hear(&mut gatherer, PEER, "jobs:1|c\nload:3|g", secs(1_005));
        hear(&mut gatherer, PEER, "jobs:2|c", secs(1_010));
        let part = parts.try_recv().unwrap();
        assert_eq!(
            (part.window.end(), points(&part)),
            (secs(1_010), vec!["jobs Counter(1.0)".into(), "load Gauge(3.0)".into()])
        );
        gatherer.finish(secs(1_011));
        let part = parts.try_recv().unwrap();
        assert_eq!((part.window.end(), points(&part)), (secs(1_020), vec!["jobs Counter(2.0)".into()]));
        assert!(parts.is_disconnected());
    }

    #[test]
    fn a_gauge_knows_when_it_was_heard() {
        let (mut gatherer, parts, _) = gatherer(4);
        hear(&mut gatherer, PEER, "load:3|g\njobs:1|c", secs(1_003));
        hear(&mut gatherer, PEER, "load:+1|g\nidle:0|g", secs(1_006));
        hear(&mut gatherer, PEER, "jobs:1|c\nidle:1|g|T900", secs(1_010));
        let mut times: Vec<_> = parts.try_recv().unwrap().points.iter().map(|p| (p.series.to_string(), p.at)).collect();
        times.sort();
        let expected = [("idle", secs(1_006)), ("jobs", secs(1_010)), ("load", secs(1_006))];
        assert_eq!(times, expected.map(|(name, at)| (name.to_owned(), at)));
    }

    #[test]
    fn only_allowed_networks_are_heard() {
        let (mut gatherer, parts, counters) = gatherer(4);
        hear(&mut gatherer, PEER, "jobs:1|c", secs(1_001));
        hear(&mut gatherer, "192.0.2.1:1", "jobs:10|c", secs(1_001));
        hear(&mut gatherer, "[::ffff:127.0.0.2]:1", "jobs:100|c", secs(1_001));
        gatherer.finish(secs(1_002));
        assert_eq!(points(&parts.try_recv().unwrap()), ["jobs Counter(101.0)"]);
        assert_eq!((counters.datagrams.load(Relaxed), counters.refused_networks.load(Relaxed)), (3, 1));
    }

    #[test]
    fn a_window_that_cannot_be_handed_on_stays_open_and_loses_nothing() {
        let (mut gatherer, parts, counters) = gatherer(1);
        hear(&mut gatherer, PEER, "jobs:1|c", secs(1_001));
        hear(&mut gatherer, PEER, "jobs:2|c", secs(1_011));
        hear(&mut gatherer, PEER, "jobs:4|c", secs(1_021));
        hear(&mut gatherer, PEER, "jobs:8|c", secs(1_022));
        assert_eq!(counters.held_windows.load(Relaxed), 1);
        assert_eq!(points(&parts.try_recv().unwrap()), ["jobs Counter(1.0)"]);
        hear(&mut gatherer, PEER, "jobs:16|c", secs(1_035));
        let part = parts.try_recv().unwrap();
        assert_eq!((part.window.end(), points(&part)), (secs(1_030), vec!["jobs Counter(14.0)".into()]));
        let wait = std::thread::spawn(move || parts.iter().map(|part| points(&part)).collect::<Vec<_>>());
        gatherer.finish(secs(1_036));
        assert_eq!(wait.join().unwrap(), [["jobs Counter(16.0)"]]);
    }

    #[test]
    fn a_clock_that_goes_back_ends_the_window() {
        let (mut gatherer, parts, _) = gatherer(4);
        hear(&mut gatherer, PEER, "jobs:1|c", secs(5_000));
        parts.try_recv().unwrap();
        hear(&mut gatherer, PEER, "jobs:2|c", secs(1_001));
        let part = parts.try_recv().unwrap();
        assert_eq!((part.window.end(), points(&part)), (secs(1_000), vec!["jobs Counter(1.0)".into()]));
    }

    #[test]
    fn bad_lines_cost_only_themselves() {
        let (mut gatherer, parts, counters) = gatherer(4);
        hear(&mut gatherer, PEER, "jobs:1|c\nrubbish\njobs:x|c\njobs:2|c", secs(1_001));
        gatherer.finish(secs(1_002));
        assert_eq!(points(&parts.try_recv().unwrap()), ["jobs Counter(3.0)"]);
        assert_eq!(counters.lines.refused(weir_statsd::Reason::Malformed), 1);
        assert_eq!(counters.lines.refused(weir_statsd::Reason::Value), 1);
    }
}
