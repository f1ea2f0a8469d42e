//! Settings that cannot be wrong once they are read: each is checked where its text stands, so an error has a line.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use weir_sample::{read_duration, read_size};

/// Where to listen, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Listen {
    Off,
    At(SocketAddr),
}

impl Listen {
    /// The address, if not off.
    pub(crate) fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) => Some(address),
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            text => text.parse().map(Self::At).map_err(|_| {
                format!("{text:?} is neither an address with a port, such as \"127.0.0.1:8125\", nor \"off\"")
            }),
        }
    }
}

/// An address that only this host reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Loopback(pub SocketAddr);

impl FromStr for Loopback {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address: SocketAddr =
            text.parse().map_err(|_| format!("{text:?} is not an address with a port, such as \"127.0.0.1:8642\""))?;
        match address.ip().is_loopback() {
            true => Ok(Self(address)),
            false => {
                Err(format!("{text} asks for no password, so only on a loopback address: take 127.0.0.1 or [::1]"))
            }
        }
    }
}

/// By which way batches go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Transport {
    /// Sealed datagrams; TLS while they do not get through, if there is TLS.
    Auto,
    /// Sealed datagrams only.
    Udp,
    /// The TLS stream only.
    Tls,
}

/// Bytes, as `64MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        read_size(text)
            .map(Self)
            .ok_or_else(|| format!("{text:?} is not a size: a whole number and KiB, MiB or GiB, or 0"))
    }
}

/// The length of a window, which divides a day or an hour evenly or not, but is whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Interval(pub Duration);

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match seconds(text)? {
            seconds @ 1..=3_600 => Ok(Self(Duration::from_secs(seconds))),
            _ => Err(format!("{text}: between 1s and 1h")),
        }
    }
}

/// How long something may be idle; zero for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Idleness(pub Duration);

impl Idleness {
    /// The same in windows, at least one unless it is for ever.
    pub(crate) fn windows(self, interval: Duration) -> u32 {
        self.0.as_secs().div_ceil(interval.as_secs().max(1)) as u32
    }
}

impl FromStr for Idleness {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match seconds(text)? {
            seconds @ 0..=2_592_000 => Ok(Self(Duration::from_secs(seconds))),
            _ => Err(format!("{text}: at most 30d (720h), or 0s for ever")),
        }
    }
}

/// A file's mode, in octal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Mode(pub u32);

impl Default for Mode {
    /// Every user of the host may send, as by UDP.
    fn default() -> Self {
        Self(0o666)
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match u32::from_str_radix(text, 8) {
            Ok(mode) if mode <= 0o777 => Ok(Self(mode)),
            _ => Err(format!("{text:?} is not a mode in octal digits, such as \"0660\"")),
        }
    }
}

macro_rules! from_string {
    ($($name:ty)*) => {$(
        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }
    )*};
}
from_string!(Listen Loopback Interval Idleness Mode Size);

/// Seconds out of `90s`, `5m`, `1h30m` or `30d`.
fn seconds(text: &str) -> Result<u64, String> {
    let duration = read_duration(text).ok().filter(|duration| duration.subsec_nanos() == 0);
    let seconds = duration.map(|duration| duration.as_secs());
    seconds.ok_or_else(|| format!("{text:?} is not a time of whole seconds, such as \"10s\", \"5m\" or \"1h30m\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_and_bounds() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(text.parse::<Interval>().ok().map(|interval| interval.0.as_secs()), expected, "{text}");
        };
        check("10s", Some(10));
        check("5m", Some(300));
        check("1h", Some(3_600));
        check("1m30s", Some(90));
        check("1500ms", None);
        check("0s", None);
        check("2h", None);
        check("10", None);
        check("-1s", None);
        check("s", None);
        check("99999999999999999999s", None);
        check("9999999999999999d", None);
        assert_eq!("25s".parse::<Idleness>().unwrap().windows(Duration::from_secs(10)), 3);
        assert_eq!("0s".parse::<Idleness>().unwrap().windows(Duration::from_secs(10)), 0);
    }

    #[test]
    fn sizes_have_a_unit() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(text.parse::<Size>().ok().map(|size| size.0), expected, "{text}");
        };
        check("64MiB", Some(64 << 20));
        check("1KiB", Some(1_024));
        check("0", Some(0));
        check("64", None);
        check("64MB", None);
        check("99999999999999999GiB", None);
    }

    #[test]
    fn only_loopback_is_taken() {
        let check = |text: &str, ok| assert_eq!(text.parse::<Loopback>().is_ok(), ok, "{text}");
        check("127.0.0.1:1", true);
        check("[::1]:1", true);
        check("0.0.0.0:1", false);
        check("localhost:1", false);
    }
}
