//! The push side's part in a right time: whom it hears, whom it asks, and what it sends again.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use weir_sample::Timestamp;
use weir_wire::window_of;

use super::Push;
use crate::clock::Moment;
use crate::uplink::heard::Heard;

const LAST_OPINION: Duration = Duration::from_secs(600);
/// Gateways refuse windows that end more than a minute past their clock; and a little more, as clocks that agree may differ.
const REFUSED_AHEAD: Duration = Duration::from_secs(65);
const TAKE_BACK_EVERY: Duration = Duration::from_secs(1);

impl Push {
    /// What was heard of gateways' clocks since the last call.
    pub(crate) fn heard_clocks(&mut self) -> Vec<Heard> {
        std::mem::take(&mut self.heard)
    }

    /// Gateways that are known.
    pub(crate) fn gateways(&self) -> usize {
        self.gateways.len()
    }

    /// Turns to another gateway, for what it says of the time; ever less often.
    pub(crate) fn ask_another(&mut self) {
        let ((due, pause), now) = (self.next_opinion, Instant::now());
        if self.gateways.len() > 1 && now >= due {
            self.next_opinion = (now + pause, (pause * 2).min(LAST_OPINION));
            self.gateways.move_on();
            (self.socket, self.stream) = (None, None);
        }
    }

    /// Windows that a wrong clock has put so far into the future that gateways refuse them are sent again as earlier ones: as
    /// much earlier as time is set, or as it takes for them to have ended.
    pub(crate) fn take_back(&mut self, time: Timestamp, set_earlier_by: Duration) {
        let now = Instant::now();
        // What the disk cannot be told of would come back by a restart.
        if self.spool_fails || now.saturating_duration_since(self.taken_back) < TAKE_BACK_EVERY {
            return;
        }
        self.taken_back = now;
        let withdrawn = self.sender.withdraw(now, time.plus(REFUSED_AHEAD));
        let Some(newest) = withdrawn.iter().filter_map(|entry| window_of(&entry.payload)).max() else { return };
        let intervals =
            newest.end().since(time).max(set_earlier_by).as_millis().div_ceil(newest.interval().as_millis());
        let by = newest.interval() * u32::try_from(intervals).unwrap_or(u32::MAX);
        tracing::warn!(
            batches = withdrawn.len(),
            earlier_by_s = by.as_secs_f64(),
            "windows of the future are sent again as earlier ones"
        );
        for entry in withdrawn {
            let again = self.sender.number_again(&entry, by);
            if let Some(spool) = &mut self.spool {
                spool.replace((entry.epoch, entry.seq));
            }
            self.keep(again);
            if let Some(spool) = &mut self.spool {
                spool.acked(&entry);
            }
        }
    }

    pub(super) fn hear_clock(&mut self, gateway: Option<SocketAddr>, server_time: Option<Timestamp>) {
        if let (Some(gateway), Some(server)) = (gateway, server_time) {
            self.heard.push(Heard { gateway, server, since_boot: Moment::now().since_boot });
        }
    }
}
