//! Durations and sizes of a file: `"30s"`, `"7d"`, `"64MiB"`, in every key alike. A key that has its unit in its name, as all once had,
//! takes a number in that unit too.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{Error, Visitor};
use weir_sample::{read_duration, read_size};

/// What a number stands for, in milliseconds or bytes.
#[derive(Clone, Copy)]
struct Unit {
    name: &'static str,
    size: u64,
    read: fn(&str) -> Option<u64>,
    such_as: &'static str,
}

fn millis_of(text: &str) -> Option<u64> {
    // Nothing needs no unit.
    let duration = if text == "0" { Ok(std::time::Duration::ZERO) } else { read_duration(text) };
    duration.ok().and_then(|duration| u64::try_from(duration.as_millis()).ok())
}

const TIME: &str = "a duration such as \"30s\", \"15m\" or \"7d\"";
const SIZE: &str = "a size such as \"64MiB\" or \"1GiB\"";

macro_rules! units {
    ($($(#[$doc:meta])* $name:ident: $unit:literal, $size:expr, $read:expr, $such_as:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) fn $name<'de, D: Deserializer<'de>, T: TryFrom<u64>>(from: D) -> Result<T, D::Error> {
            let unit = Unit { name: $unit, size: $size, read: $read, such_as: $such_as };
            from.deserialize_any(Whole { unit, number: PhantomData })
        }
    )*};
}
units! {
    /// Milliseconds.
    millis: "milliseconds", 1, millis_of, TIME;
    /// Seconds.
    seconds: "seconds", 1_000, millis_of, TIME;
    /// Hours.
    hours: "hours", 3_600_000, millis_of, TIME;
    /// Bytes.
    bytes: "bytes", 1, read_size, SIZE;
    /// Units of 2^20 bytes.
    mebibytes: "MiB", 1 << 20, read_size, SIZE;
}

/// Bytes of a key that may be left out.
pub(crate) fn some_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    bytes(from).map(Some)
}

struct Whole<T> {
    unit: Unit,
    number: PhantomData<T>,
}

impl<T: TryFrom<u64>> Visitor<'_> for Whole<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, or a whole number of {}", self.unit.such_as, self.unit.name)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        let taken = u64::try_from(number).ok().and_then(|number| T::try_from(number).ok());
        taken.ok_or_else(|| E::custom(format!("{number} is not a number of {} that is taken here", self.unit.name)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let Unit { name, size, read, such_as } = self.unit;
        let small = read(text).ok_or_else(|| E::custom(format!("{text:?} is not {such_as}")))?;
        if !small.is_multiple_of(size) {
            return Err(E::custom(format!("{text:?} is no whole number of {name}, which this key is kept in")));
        }
        T::try_from(small / size).map_err(|_| E::custom(format!("{text:?} is more than is taken here")))
    }
}

/// Keys of a file whose numbers have no unit but the one in the key's name, as they stand in it.
pub(crate) fn old_keys(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(table) = text.parse::<toml::Table>() {
        gather(&table, "", &mut found);
    }
    found
}

fn gather(table: &toml::Table, path: &str, found: &mut Vec<String>) {
    const ENDS: [&str; 5] = ["_s", "_h", "_ms", "_mb", "_bytes"];
    for (key, value) in table {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value {
            toml::Value::Table(table) => gather(table, &path, found),
            toml::Value::Integer(_) if ENDS.iter().any(|end| key.ends_with(end)) => found.push(path),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::config::Config;

    #[test]
    fn durations_and_sizes_are_written_alike_and_numbers_go_on() {
        let check = |new: &str, old: &str| {
            let [new, old] =
                [new, old].map(|text| toml::from_str::<Config>(text).map_err(|error| format!("{text}: {error}")));
            assert_eq!(format!("{:?}", new.unwrap()), format!("{:?}", old.unwrap()));
        };
        check("sink.lateness = '1m30s'", "sink.lateness_s = 90");
        check("sink.checkpoint_interval_s = '2m'", "sink.checkpoint_interval_s = 120");
        check("sink.forget_agents_after = '1w'", "sink.forget_agents_after_h = 168");
        check("sink.forget_jobs_after = '3h'", "sink.forget_jobs_after_h = 3");
        check("store.raw_retention = '14d'", "store.raw_retention_h = 336");
        check("store.minute_retention = '0'", "store.minute_retention_h = 0");
        check("store.hour_retention = '2y'", "store.hour_retention_h = 17520");
        check("store.idle_after = '5h'", "store.idle_after_h = 5");
        check("gateway.memory = '256MiB'", "gateway.memory_bytes = 268435456");
        check("gateway.disk = '10GiB'", "gateway.disk_bytes = 10737418240");
        check("gateway.receive_buffer = '4MiB'", "gateway.receive_buffer_bytes = 4194304");
        check("gateway.clock_ahead = '5m'", "gateway.clock_ahead_s = 300");
        check("gateway.drain = '10s'", "gateway.drain_s = 10");
        check("statsd.receive_buffer = '4MiB'", "statsd.receive_buffer_bytes = 4194304");
        check("query.max_memory = '2GiB'", "query.max_memory_mb = 2048");
        check("query.max_memory_of_all = '4GiB'", "query.max_memory_of_all_mb = 4096");
        check("query.max_label = '1KiB'", "query.max_label_bytes = 1024");
        check("query.max_answer = '64MiB'", "query.max_answer_mb = 64");
        check("query.timeout = '30s'", "query.timeout_s = 30");
        check("query.cache = '0'", "query.cache_mb = 0");
        check("queue.max_behind = '1m'", "queue.max_behind_s = 60");
        check("identity.session_lifetime = '1h'", "identity.session_lifetime_s = 3600");
    }

    #[test]
    fn what_is_no_such_number_is_told_with_what_is() {
        #[derive(Debug, Deserialize)]
        struct Keys {
            #[serde(default, deserialize_with = "seconds")]
            time: u32,
            #[serde(default, deserialize_with = "mebibytes")]
            size: u8,
        }
        let check = |text: &str, told: &str| {
            let error = toml::from_str::<Keys>(text).map(|keys| (keys.time, keys.size)).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        };
        check("time = '30'", "\"30\" is not a duration such as \"30s\"");
        check("time = '1500ms'", "no whole number of seconds");
        check("time = -1", "-1 is not a number of seconds");
        check("time = true", "a duration such as");
        check("time = '1000y'", "more than is taken here");
        check("size = '64MB'", "\"64MB\" is not a size such as \"64MiB\"");
        check("size = '256MiB'", "more than is taken here");
        check("size = 256", "256 is not a number of MiB");
    }

    #[test]
    fn old_keys_are_found_where_they_stand() {
        let text = "sink.lateness_s = 3\n[store]\nraw_retention_h = '7d'\n[query]\ncache_mb = 1\nmax_series = 2\n";
        assert_eq!(old_keys(text), ["query.cache_mb", "sink.lateness_s"]);
        assert!(old_keys("[").is_empty());
    }
}
