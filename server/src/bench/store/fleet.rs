//! A fleet's samples, the same in every run: what each program that is measured gets.
//!
//! Half of a host's series are counters, two fifths of which hardly ever count; a quarter are gauges of two decimals,
//! 15 % gauges of bytes in steps of 4 KiB, the rest walk slowly. Every series has seven labels.

use weir_sample::{Kind, Series};

/// Series of one host. The first half are counters.
pub(super) const PER_HOST: usize = 100;
pub(super) const COUNTERS: usize = PER_HOST / 2;

/// Hosts whose rows are made at a time: few enough to stay in the CPU's cache until they are stored.
const STRETCH: usize = 64;

/// One value per series of a host: of a counter the delta.
pub(super) type Row = [f64; PER_HOST];

/// The hosts, and where their gauges are.
pub(super) struct Fleet {
    hosts: Vec<Host>,
    random: Random,
    /// Hosts that others replace at each step, and what is due of them.
    replaced_per_step: f64,
    due: f64,
    replaced: usize,
}

struct Host {
    number: usize,
    gauges: [i32; PER_HOST - COUNTERS],
}

impl Fleet {
    pub(super) fn new(hosts: usize, replaced_per_step: f64) -> Self {
        let mut random = Random(1);
        let mut host = |number| Host { number, gauges: std::array::from_fn(|_| random.below(10_000) as i32) };
        let hosts = (0..hosts).map(&mut host).collect();
        Self { hosts, random, replaced_per_step, due: 0.0, replaced: 0 }
    }

    /// The number of the host in each place.
    pub(super) fn numbers(&self) -> impl Iterator<Item = usize> {
        self.hosts.iter().map(|host| host.number)
    }

    /// Puts other hosts in the place of those that are due, and tells the places and the new numbers.
    pub(super) fn churn(&mut self) -> Vec<(usize, usize)> {
        let mut changed = Vec::new();
        self.due += self.replaced_per_step;
        while self.due >= 1.0 {
            self.due -= 1.0;
            let (place, number) = (self.replaced % self.hosts.len(), self.hosts.len() + self.replaced);
            self.replaced += 1;
            self.hosts[place].number = number;
            changed.push((place, number));
        }
        changed
    }

    /// The next row of every host, some hosts at a time, with the place of the first of them.
    pub(super) fn step<E>(&mut self, mut each: impl FnMut(usize, &[Row]) -> Result<(), E>) -> Result<(), E> {
        let mut rows = [[0.0; PER_HOST]; STRETCH];
        for (at, hosts) in self.hosts.chunks_mut(STRETCH).enumerate() {
            for (host, row) in hosts.iter_mut().zip(&mut rows) {
                host.fill(row, &mut self.random);
            }
            each(at * STRETCH, &rows[..hosts.len()])?;
        }
        Ok(())
    }
}

impl Host {
    fn fill(&mut self, row: &mut Row, random: &mut Random) {
        for (at, value) in row.iter_mut().enumerate() {
            let draw = random.next();
            *value = match at {
                0..20 => f64::from(u8::from(draw & 0xff == 0)),
                20..50 => (draw & 0x3ff) as f64,
                _ => {
                    let walk = &mut self.gauges[at - COUNTERS];
                    let (step, scale) = match at {
                        50..75 => ((draw & 0xff) as i32 - 127, (1.0, 100.0)),
                        75..90 => (if draw & 7 == 0 { (draw >> 8 & 0x1f) as i32 - 15 } else { 0 }, (4_096.0, 1.0)),
                        _ => ((draw & 0x7) as i32 - 3, (1.0, 1_000.0)),
                    };
                    *walk = (*walk + step).abs();
                    f64::from(*walk) * scale.0 / scale.1
                }
            };
        }
    }
}

/// The series of a host.
pub(super) fn columns(host: usize) -> Vec<(Series, Kind)> {
    let (name, rack) = (format!("host-{host:06}.example.net"), format!("r{}", host / 40));
    let (zone, pool) = (format!("zone-{}", host % 3), format!("pool-{}", host % 50));
    let series = |at: usize| {
        let device = format!("device-{}", at % 4);
        let labels = [
            ("host", name.as_str()),
            ("rack", rack.as_str()),
            ("zone", zone.as_str()),
            ("pool", pool.as_str()),
            ("region", "north"),
            ("os", "linux"),
            ("device", device.as_str()),
        ];
        let kind = if at < COUNTERS { Kind::Counter } else { Kind::Gauge };
        (Series::new(&metric(at), labels), kind)
    };
    (0..PER_HOST).map(series).collect()
}

/// A pattern of metric names that covers so many series of a fleet, if it has as many.
pub(super) fn names_of(series: usize, hosts: usize) -> String {
    let names: Vec<String> = (0..series.div_ceil(hosts).min(PER_HOST)).map(metric).collect();
    names.join("|")
}

fn metric(at: usize) -> String {
    format!("bench_metric_{at:02}")
}

/// A xorshift generator: fast, and the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_fleets_are_the_same_hosts_and_samples() {
        let course = || {
            let (mut fleet, mut seen) = (Fleet::new(100, 0.4), Vec::new());
            for _ in 0..5 {
                let replaced = fleet.churn();
                fleet
                    .step(|first, rows| {
                        seen.push((replaced.clone(), first, rows.to_vec()));
                        Ok::<_, ()>(())
                    })
                    .unwrap();
            }
            (fleet.numbers().collect::<Vec<_>>(), seen)
        };
        let (numbers, seen) = course();
        assert_eq!((numbers.clone(), seen.clone()), course());
        assert_eq!((numbers[0], numbers[1], numbers[2]), (100, 101, 2));
        assert_eq!(seen.iter().map(|(_, _, rows)| rows.len()).sum::<usize>(), 500);
    }
}
