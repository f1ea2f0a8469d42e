//! The section `[store.cold]` of `weir.toml`: where old blocks go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Deserializer, de::Error};
use weir_store::ColdConfig;

use crate::clock::duration;
use crate::objects::Objects;

/// Where old blocks go. Takes effect at a restart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColdSettings {
    /// A folder, as in `file:///mnt/cold`, or a bucket, as in `s3://bucket/prefix`. One store's alone.
    pub url: String,
    /// Age at which blocks move. Default `3d`. Blocks are merged for a day (`1m`: 8 days, `1h`: 32 days) before that.
    #[serde(default = "three_days", deserialize_with = "age")]
    pub after: Duration,
    /// What is kept on disk of what was fetched. Default `1GiB`; `0` keeps nothing.
    #[serde(default = "one_gib", deserialize_with = "size")]
    pub cache: u64,
    /// What `AWS_…` variables say too: `region`, `endpoint`, `access_key_id`, `allow_http`, …
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

const fn three_days() -> Duration {
    Duration::from_secs(3 * 86_400)
}

const fn one_gib() -> u64 {
    1 << 30
}

fn age<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    duration(&String::deserialize(from)?).map_err(D::Error::custom)
}

fn size<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    bytes(&String::deserialize(from)?).map_err(D::Error::custom)
}

/// A size as an operator writes it: `512MiB`, `1GiB`, `0`.
fn bytes(text: &str) -> Result<u64, String> {
    weir_sample::read_size(text).ok_or_else(|| format!("{text:?} is no size: write 512MiB, 1GiB or 0"))
}

impl ColdSettings {
    /// What is wrong with them, if something is.
    pub(crate) fn check(&self) -> Result<(), String> {
        match ["file:///", "s3://"].iter().any(|scheme| self.url.starts_with(scheme)) {
            true => Ok(()),
            false => Err(format!("store.cold.url: {:?} must begin with file:/// or s3://", self.url)),
        }
    }

    /// Whether the file that they stand in is to be kept from others.
    pub(super) fn holds_a_secret(&self) -> bool {
        self.options.keys().any(|name| ["secret", "token"].iter().any(|word| name.to_lowercase().contains(word)))
    }

    /// Opens the object store.
    pub(crate) fn open(&self) -> Result<ColdConfig> {
        let remote =
            Arc::new(Objects::open(&self.url, &self.options).context("opening the object store of [store.cold]")?);
        Ok(ColdConfig { remote, after: self.after, cache_bytes: self.cache })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_with_their_units() {
        let read = |text: &str| toml::from_str::<ColdSettings>(text);
        let settings = read("url = 's3://b/p'\nafter = '12h'\ncache = '512MiB'\noptions.region = 'eu'").unwrap();
        assert_eq!((settings.after, settings.cache), (Duration::from_secs(43_200), 512 << 20));
        assert_eq!((settings.check(), settings.options["region"].as_str()), (Ok(()), "eu"));
        assert!(!settings.holds_a_secret());
        assert!(read("url = 's3://b'\noptions.aws_secret_access_key = 'x'").unwrap().holds_a_secret());
        let settings = read("url = 'mnt'").unwrap();
        assert_eq!((settings.after, settings.cache, settings.check().is_err()), (three_days(), one_gib(), true));
        for bad in ["after = '1d'", "url = 's3://b'\ncache = '1GB'", "url = 's3://b'\nage = '1d'"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!((bytes("0"), bytes("999999999TiB").is_err(), bytes("").is_err()), (Ok(0), true, true));
    }
}
