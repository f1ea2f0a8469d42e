//! Where a store and its copies are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use weir_store::{Error, Remote, Store, StoreConfig};

use crate::config::Config;
use crate::objects::Objects;

#[derive(clap::Args)]
pub(crate) struct Folder {
    /// Folder of keys, queue and store, as in the server's configuration
    #[arg(long)]
    pub(super) data: PathBuf,
    /// The server's configuration, which says how long samples are kept and where cold blocks are; without it, as long as
    /// by default, and nowhere
    #[arg(long)]
    pub(super) config: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(crate) struct Address {
    /// file:///mnt/backup or s3://bucket/prefix; credentials, region and endpoint are those of AWS_… variables
    url: String,
}

impl Folder {
    pub(super) fn existing_store(&self) -> Result<PathBuf> {
        let store = self.store();
        if store.join("lock").exists() || store.join("checkpoint").exists() {
            Ok(store)
        } else {
            bail!("there is no store in {}", self.data.display())
        }
    }

    /// The store, made if there is none yet.
    pub(super) fn store_to_fill(&self) -> Result<PathBuf> {
        weir_files::own_folder(&self.data)?;
        Ok(self.store())
    }

    /// How the server opens the store, if its configuration is given; how one is opened by default, if not.
    pub(super) fn store_config(&self) -> Result<StoreConfig> {
        self.config.as_deref().map(Config::read).transpose()?.unwrap_or_default().store.open()
    }

    /// The object store of `[store.cold]`, if a configuration is given that has one.
    pub(super) fn cold(&self) -> Result<Option<Arc<dyn Remote>>> {
        Ok(self.store_config()?.cold.map(|cold| cold.remote))
    }

    /// DogStatsD's events, beside the store.
    pub(super) fn events(&self) -> PathBuf {
        self.data.join("events")
    }

    pub(super) fn store(&self) -> PathBuf {
        self.data.join("store")
    }
}

/// Opens a store that nobody else has open, with the state of its sink.
pub(super) fn open(folder: &Path, config: StoreConfig) -> Result<(Store, Vec<u8>)> {
    Store::open(folder, config).map_err(say_owner).context("opening the store")
}

/// A store that a server has open is asked through it.
pub(super) fn say_owner(error: Error) -> anyhow::Error {
    match error {
        Error::Locked { .. } => anyhow::anyhow!("{error}. {ONLINE}"),
        error => error.into(),
    }
}

const ONLINE: &str = "This works on a stopped server alone. A running one is asked by HTTP, here at its usual address: \
    samples by curl -G http://127.0.0.1:8641/api/v1/export --data-urlencode 'match[]=SELECTOR', sizes by curl \
    http://127.0.0.1:8641/metrics, all by weir query; a copy of it by weir store snapshot is as good";

impl Address {
    pub(super) fn open(&self) -> Result<Objects> {
        Objects::open(&self.url, &BTreeMap::new())
    }
}
