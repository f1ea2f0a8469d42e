//! The fleet keys that a gateway opens datagrams and signs sessions with, and the file they live in.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use weir_sample::{Reading, Timestamp};
use weir_wire::{FleetKey, FleetKeyLine, KeyState, format_fleet_keys, parse_fleet_keys};

use crate::watched::{FLEET_KEYS, Source, Watched};
use crate::{Error, secret_file};

/// How long a new key waits before it signs, so that every gateway has read it before it meets its first datagram.
pub const SETTLE: Duration = Duration::from_secs(60);

/// What a key outlives its last session by: agents and gateways may differ in their clocks.
const MARGIN: Duration = Duration::from_secs(600);

/// A file of fleet keys, mode 0600.
#[derive(Clone, Debug)]
pub struct FleetKeyFile {
    path: PathBuf,
}

/// What a rotation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The id of the new key.
    pub added: u16,
    /// Ids of keys that can no longer have a living session, or that were revoked.
    pub removed: Vec<u16>,
}

/// What a rotation does with the keys that were there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldKeys {
    /// They stay until the last session they may have signed has expired; sessions live at most this long.
    Outlive(Duration),
    /// They go at once, and every session with them: for a key that has leaked.
    Revoke,
}

impl FleetKeyFile {
    /// The file at this path, with one fresh key if there was no file.
    pub fn open_or_create(path: impl Into<PathBuf>, now: Timestamp) -> Result<Self, Error> {
        let path = path.into();
        match Self::create(&path, now) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => Self::open(path),
            created => created,
        }
    }

    /// A new file with one fresh key; an error if there is one already.
    pub fn create(path: impl Into<PathBuf>, now: Timestamp) -> Result<Self, Error> {
        let path = path.into();
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            weir_files::create_folder(folder)?;
        }
        secret_file::create_secret_file(&path, &format_fleet_keys(&[fresh(1, now)?]))?;
        Ok(Self { path })
    }

    /// The file at this path, which must be there and in order.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let file = Self { path: path.into() };
        file.list()?;
        Ok(file)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every key of the file, oldest first.
    pub fn list(&self) -> Result<Vec<FleetKeyLine>, Error> {
        let text = weir_files::read_secret(&self.path)?;
        let mut keys = parse_fleet_keys(&text).map_err(|problem| Error::content(&self.path, problem))?;
        keys.sort_by_key(|line| line.created);
        Ok(keys)
    }

    /// Adds a key that will sign from [`SETTLE`] on, and drops those that are no longer of use.
    pub fn rotate(&self, now: Timestamp, old: OldKeys) -> Result<Rotated, Error> {
        let _held = secret_file::lock(&self.path)?;
        let before = self.list()?;
        let id = free_id(&before).ok_or_else(|| Error::content(&self.path, "every key id is taken"))?;
        let mut keys: Vec<FleetKeyLine> = match old {
            OldKeys::Revoke => Vec::new(),
            OldKeys::Outlive(lifetime) => {
                let alive = |at: &usize| retires(&before, *at, lifetime).is_none_or(|end| now < end);
                (0..before.len()).filter(alive).map(|at| retired(&before[at])).collect()
            }
        };
        let kept = |line: &FleetKeyLine| keys.iter().any(|other| other.key.id == line.key.id);
        let removed = before.iter().filter(|line| !kept(line)).map(|line| line.key.id).collect();
        keys.push(fresh(id, now)?);
        secret_file::replace_secret_file(&self.path, &format_fleet_keys(&keys))?;
        Ok(Rotated { added: id, removed })
    }
}

/// When the last session of the key at this place has surely expired; `None` while nothing newer signs. Keys come
/// oldest first.
pub fn retires(keys: &[FleetKeyLine], at: usize, lifetime: Duration) -> Option<Timestamp> {
    let successor = keys.get(at + 1)?;
    Some(created(successor).plus(SETTLE).plus(lifetime).plus(MARGIN))
}

/// The key that signs: the newest that has settled, or the oldest while none has. Keys come oldest first.
pub fn signing(keys: &[FleetKeyLine], now: Timestamp) -> Option<&FleetKeyLine> {
    let settled = |line: &&FleetKeyLine| created(line).plus(SETTLE) <= now;
    let active = |line: &&FleetKeyLine| line.state == KeyState::Active;
    let newest = keys.iter().rev().filter(settled);
    newest.clone().find(active).or_else(|| newest.clone().next()).or_else(|| keys.first())
}

fn created(line: &FleetKeyLine) -> Timestamp {
    Timestamp::from_secs(i64::try_from(line.created).unwrap_or(i64::MAX / 1_000).min(i64::MAX / 1_000))
}

fn fresh(id: u16, now: Timestamp) -> Result<FleetKeyLine, Error> {
    let key = FleetKey { id, secret: secret_file::random()? };
    Ok(FleetKeyLine { key, created: u64::try_from(now.millis() / 1_000).unwrap_or(0), state: KeyState::Active })
}

fn retired(line: &FleetKeyLine) -> FleetKeyLine {
    FleetKeyLine { state: KeyState::Retiring, ..line.clone() }
}

/// The id after the newest key's, so that ids tell the order of rotations; around the end, the next one not taken.
fn free_id(keys: &[FleetKeyLine]) -> Option<u16> {
    let last = keys.last().map_or(0, |line| line.key.id);
    let mut candidates = (1..=u16::MAX).map(|step| last.wrapping_add(step));
    candidates.find(|id| *id != 0 && keys.iter().all(|line| line.key.id != *id))
}

/// The keys in force, from a file that is watched.
pub struct FleetKeys(Watched<FleetKeyFile>);

impl FleetKeys {
    /// Loads the file's keys.
    pub fn watch(file: FleetKeyFile) -> Result<Self, Error> {
        Ok(Self(Watched::open(file)?))
    }

    /// The file behind them.
    pub fn file(&self) -> &FleetKeyFile {
        self.0.source()
    }

    /// The key that a datagram's header names.
    pub fn key(&self, id: u16) -> Option<FleetKey> {
        self.0.current().iter().find(|line| line.key.id == id).map(|line| line.key.clone())
    }

    /// The key that signs new sessions now.
    pub fn signing(&self, now: Timestamp) -> Option<FleetKey> {
        signing(&self.0.current(), now).map(|line| line.key.clone())
    }

    /// Grows with each reload: derived keys cached under an older generation must be derived anew.
    pub fn generation(&self) -> u64 {
        self.0.generation()
    }

    /// Loads the file again; on an error the keys in force stay.
    pub fn reload(&self) -> Result<(), Error> {
        self.0.reload()
    }

    /// Loads the file again if it has changed; `true` if new keys are in force.
    pub fn reload_if_changed(&self) -> Result<bool, Error> {
        self.0.reload_if_changed()
    }

    /// Telemetry.
    pub fn readings(&self) -> Vec<Reading> {
        let keys = self.0.current();
        let count = |state| keys.iter().filter(|line| line.state == state).count() as f64;
        let gauge = |state, value| Reading::gauge("weir_fleet_keys", &[("state", state)], value, KEYS_HELP);
        let mut readings = vec![gauge("active", count(KeyState::Active)), gauge("retiring", count(KeyState::Retiring))];
        readings.extend(self.0.readings());
        readings
    }
}

impl Source for FleetKeyFile {
    type Loaded = Vec<FleetKeyLine>;

    const WHAT: &'static str = FLEET_KEYS;

    fn files(&self) -> Vec<PathBuf> {
        vec![self.path.clone()]
    }

    fn load(&self) -> Result<Self::Loaded, Error> {
        self.list()
    }
}

const KEYS_HELP: &str = "Fleet keys in force. Retiring keys go at the rotation after their last session has expired.";
