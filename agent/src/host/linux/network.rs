//! Network interfaces, connection tracking, and the sockets' TCP and UDP counters.

use std::path::{Path, PathBuf};

use rustix::param::page_size;

use super::{Collector, Points};
use crate::config::Choice;
use crate::proc::{ProcFile, field, number};

/// Interfaces.
pub(super) struct Network {
    devices: ProcFile,
    choice: Choice,
    tracking: PathBuf,
}

impl Network {
    pub(super) fn new(root: &Path, choice: &Choice) -> Self {
        let tracking = root.join("proc/sys/net/netfilter");
        Self { devices: file(root, "dev"), choice: choice.clone(), tracking }
    }
}

/// In a container that sees the host's files, the host's network is that of its first process.
fn file(root: &Path, name: &str) -> ProcFile {
    let folder = if root == Path::new("/") { "/proc/net/" } else { "/proc/1/net/" };
    ProcFile::new(root, &format!("{folder}{name}"))
}

impl Collector for Network {
    fn collect(&mut self, points: &mut Points<'_>) {
        for line in self.devices.read().lines() {
            // An alias has a colon in its name: `tun10:1:`.
            let Some((name, rest)) = line.rsplit_once(':') else { continue };
            if !self.choice.allows(name.trim()) {
                continue;
            }
            let mut values = [f64::NAN; 16];
            for (slot, text) in values.iter_mut().zip(rest.split_ascii_whitespace()) {
                *slot = text.parse().unwrap_or(f64::NAN);
            }
            for (direction, from) in [("receive", 0), ("transmit", 8)] {
                let labels = [("network_interface_name", name.trim()), ("network_io_direction", direction)];
                points.counter("system_network_io_bytes_total", &labels, values[from]);
                points.counter("system_network_packets_total", &labels, values[from + 1]);
                points.counter("system_network_errors_total", &labels, values[from + 2]);
                points.counter("system_network_dropped_total", &labels, values[from + 3]);
            }
        }
        if let Some(entries) = number(&self.tracking.join("nf_conntrack_count")) {
            points.gauge("system_network_tracked_connections", &[], entries);
            let limit = number(&self.tracking.join("nf_conntrack_max")).unwrap_or(f64::NAN);
            points.gauge("system_network_tracked_connections_limit", &[], limit);
        }
    }
}

/// Sockets and protocol counters.
pub(super) struct Sockets {
    counts: ProcFile,
    protocols: ProcFile,
    extended: ProcFile,
}

impl Sockets {
    pub(super) fn new(root: &Path) -> Self {
        Self { counts: file(root, "sockstat"), protocols: file(root, "snmp"), extended: file(root, "netstat") }
    }
}

impl Collector for Sockets {
    fn collect(&mut self, points: &mut Points<'_>) {
        counts(self.counts.read(), points);
        table(self.protocols.read(), points);
        table(self.extended.read(), points);
    }
}

/// `TCP: inuse 4 orphan 0 tw 1 alloc 4 mem 307`
fn counts(text: &str, points: &mut Points<'_>) {
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let transport = match words.next() {
            Some("TCP:") => "tcp",
            Some("UDP:") => "udp",
            _ => continue,
        };
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            let value = value.parse().unwrap_or(f64::NAN);
            let state = match name {
                "inuse" => "in_use",
                "orphan" => "orphan",
                "tw" => "time_wait",
                "alloc" => "allocated",
                // In pages.
                "mem" => {
                    let labels = [("network_transport", transport)];
                    points.gauge("system_network_socket_memory_bytes", &labels, value * page_size() as f64);
                    continue;
                }
                _ => continue,
            };
            let labels = [("network_transport", transport), ("network_connection_state", state)];
            points.gauge("system_network_connections_count", &labels, value);
        }
    }
}

/// Pairs of lines, names and values: `Tcp: RtoAlgorithm …` and `Tcp: 1 …`.
fn table(text: &str, points: &mut Points<'_>) {
    let mut lines = text.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let Some((protocol, names)) = names.split_once(": ") else { continue };
        let wanted = PROTOCOL_COUNTERS.iter().filter(|counter| counter.0 == protocol);
        for (_, name, metric, label) in wanted {
            let Some(at) = names.split(' ').position(|found| found == *name) else { continue };
            let value = field(values, at + 1).unwrap_or(f64::NAN);
            match *metric {
                ESTABLISHED => points.gauge(metric, label, value),
                _ => points.counter(metric, label, value),
            }
        }
    }
}

type Labels = &'static [(&'static str, &'static str)];

const ESTABLISHED: &str = "system_network_connections_established";
const TCP_SEGMENTS: &str = "system_network_tcp_segments_total";
const TCP_OPENS: &str = "system_network_tcp_opens_total";
const UDP_DATAGRAMS: &str = "system_network_udp_datagrams_total";
const UDP_ERRORS: &str = "system_network_udp_errors_total";

/// The kernel's protocol and name, and what they are here.
const PROTOCOL_COUNTERS: [(&str, &str, &str, Labels); 19] = [
    ("Tcp", "CurrEstab", ESTABLISHED, &[]),
    ("Tcp", "ActiveOpens", TCP_OPENS, &[("network_connection_direction", "active")]),
    ("Tcp", "PassiveOpens", TCP_OPENS, &[("network_connection_direction", "passive")]),
    ("Tcp", "AttemptFails", "system_network_tcp_failed_attempts_total", &[]),
    ("Tcp", "InSegs", TCP_SEGMENTS, &[("network_io_direction", "receive")]),
    ("Tcp", "OutSegs", TCP_SEGMENTS, &[("network_io_direction", "transmit")]),
    ("Tcp", "RetransSegs", "system_network_tcp_retransmits_total", &[]),
    ("Tcp", "InErrs", "system_network_tcp_receive_errors_total", &[]),
    ("Tcp", "OutRsts", "system_network_tcp_resets_sent_total", &[]),
    ("Tcp", "EstabResets", "system_network_tcp_resets_total", &[]),
    ("Udp", "InDatagrams", UDP_DATAGRAMS, &[("network_io_direction", "receive")]),
    ("Udp", "OutDatagrams", UDP_DATAGRAMS, &[("network_io_direction", "transmit")]),
    ("Udp", "NoPorts", UDP_ERRORS, &[("error_type", "no_port")]),
    ("Udp", "InErrors", UDP_ERRORS, &[("error_type", "receive")]),
    ("Udp", "RcvbufErrors", UDP_ERRORS, &[("error_type", "receive_buffer")]),
    ("Udp", "SndbufErrors", UDP_ERRORS, &[("error_type", "send_buffer")]),
    ("TcpExt", "ListenOverflows", "system_network_tcp_listen_overflows_total", &[]),
    ("TcpExt", "ListenDrops", "system_network_tcp_listen_drops_total", &[]),
    ("TcpExt", "TCPSynRetrans", "system_network_tcp_syn_retransmits_total", &[]),
];
