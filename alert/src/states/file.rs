//! A state file, the evaluator's or the notifier's: opened, put aside if it is damaged, and opened again after a failure.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{Database, DatabaseError, ReadableDatabase, StorageError, TableDefinition, TableError};
use weir_sample::Reading;

use super::backend::{Backend, StateFile};
use super::error::StateError;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const FORMAT: u64 = 1;

/// Memory for pages; states of 100,000 alerts take about 40 MB.
const CACHE_BYTES: usize = 16 << 20;

/// A database that is there, or was lost to a failure and is opened again when it is next needed.
#[derive(Debug)]
pub(crate) struct StateDatabase {
    file: StateFile,
    database: Slot,
}

/// A place for a database, which those have too who only read.
type Slot = Arc<Mutex<Option<Arc<Database>>>>;

/// Why a file could not be opened as it is.
enum Refusal {
    Damaged(String),
    Other(StateError),
}

impl StateDatabase {
    /// As [`open_database`].
    pub(crate) fn open(file: StateFile) -> Result<(Self, Option<PathBuf>), StateError> {
        let (database, aside) = open_database(&file)?;
        Ok((Self { file, database: slot(database) }, aside))
    }

    pub(crate) fn in_memory() -> Result<Self, StateError> {
        let path = PathBuf::from("memory");
        let made = Database::builder().create_with_backend(redb::backends::InMemoryBackend::new());
        let failed = |error: DatabaseError| Refusal::Damaged(error.to_string()).into_error(&path);
        let database = slot(made.map_err(failed)?);
        Ok(Self { file: path.into(), database })
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Runs one transaction or reading. After a failure the file is opened anew at the next: redb takes nothing more from
    /// a file that has failed once.
    pub(crate) fn run<T>(
        &mut self,
        action: &'static str,
        act: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StateError> {
        let there = lock(&self.database).clone();
        let database = match there {
            Some(database) => database,
            None => {
                let again = Arc::new(try_open(&self.file).map_err(|refusal| refusal.into_error(self.path()))?);
                *lock(&self.database) = Some(again.clone());
                again
            }
        };
        let done = attempt(action, self.path(), || act(&database));
        if done.is_err() {
            *lock(&self.database) = None;
        }
        done
    }

    /// A way for others to read what is there, beside whoever writes.
    pub(crate) fn reader(&self) -> StateReader {
        StateReader { path: self.path().to_owned(), database: self.database.clone() }
    }
}

/// Reads a state file that another has open.
#[derive(Clone, Debug)]
pub(crate) struct StateReader {
    path: PathBuf,
    database: Slot,
}

impl StateReader {
    /// Runs one reading. Nothing is waited for.
    pub(crate) fn run<T>(&self, act: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, StateError> {
        let there = lock(&self.database).clone();
        let Some(database) = there else {
            let cause = "it has failed and is opened again".to_owned();
            return Err(StateError::Failed { action: "read", path: self.path.clone(), cause });
        };
        attempt("read", &self.path, || act(&database))
    }
}

fn attempt<T>(
    action: &'static str,
    path: &Path,
    act: impl FnOnce() -> Result<T, redb::Error>,
) -> Result<T, StateError> {
    let failed = |cause: String| StateError::Failed { action, path: path.to_owned(), cause };
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed("it is damaged".into())),
    }
}

fn slot(database: Database) -> Slot {
    Arc::new(Mutex::new(Some(Arc::new(database))))
}

fn lock(slot: &Slot) -> MutexGuard<'_, Option<Arc<Database>>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Refusal {
    fn into_error(self, path: &Path) -> StateError {
        match self {
            Self::Other(error) => error,
            Self::Damaged(cause) => StateError::Failed { action: "opened", path: path.to_owned(), cause },
        }
    }
}

/// Opens a file, or makes it. A damaged one is put aside first, under the name that comes back.
///
/// # Errors
/// A file that cannot be read, that another process has, or that a newer program wrote.
pub fn open_database(file: &StateFile) -> Result<(Database, Option<PathBuf>), StateError> {
    match try_open(file) {
        Ok(database) => return Ok((database, None)),
        Err(Refusal::Other(error)) => return Err(error),
        Err(Refusal::Damaged(_)) => {}
    }
    let aside = match file {
        StateFile::Disk(path) => {
            let aside = free_name(path);
            weir_files::rename(path, &aside)?;
            weir_files::sync_folder(path.parent().unwrap_or(Path::new(".")))?;
            aside
        }
        StateFile::Kept(kept) => {
            kept.set_length(0);
            PathBuf::from(kept.name())
        }
    };
    let database = try_open(file).map_err(|refusal| refusal.into_error(file.path()))?;
    Ok((database, Some(aside)))
}

fn try_open(file: &StateFile) -> Result<Database, Refusal> {
    let (other, path) = (|error| Refusal::Other(error), file.path());
    let backend = Backend::open(file).map_err(|error| match error.source.kind() {
        std::io::ErrorKind::WouldBlock => other(StateError::InUse { path: path.to_owned() }),
        _ => other(StateError::Open(error)),
    })?;
    let mut builder = Database::builder();
    // A file that was altered is then refused; without it redb trusts what it reads, and may panic.
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    let opened = catch_unwind(AssertUnwindSafe(|| builder.create_with_backend(backend)));
    let database = match opened {
        Ok(Ok(database)) => database,
        Ok(Err(DatabaseError::UpgradeRequired(found))) => return Err(other(newer(path, u64::from(found)))),
        Ok(Err(DatabaseError::Storage(StorageError::Io(error)))) if !is_damage(&error) => {
            return Err(other(StateError::Open(weir_files::Error::io("read", path)(error))));
        }
        Ok(Err(error)) => return Err(Refusal::Damaged(error.to_string())),
        Err(_) => return Err(Refusal::Damaged("it is no state file".into())),
    };
    match format_of(&database) {
        Ok(found) if found > FORMAT => Err(other(newer(path, found))),
        Ok(_) => Ok(database),
        Err(error) => {
            let cause = error.to_string();
            Err(other(StateError::Failed { action: "opened", path: path.to_owned(), cause }))
        }
    }
}

/// Whether the bytes are wrong, or too few; and not the disk that cannot give them.
fn is_damage(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof)
}

/// A table that the first write makes.
pub(super) fn there<T>(table: Result<T, TableError>) -> Result<Option<T>, redb::Error> {
    match table {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn newer(path: &Path, found: u64) -> StateError {
    StateError::Newer { path: path.to_owned(), found, known: FORMAT }
}

/// The format of a file; a new one gets this program's.
fn format_of(database: &Database) -> Result<u64, redb::Error> {
    let reading = database.begin_read()?;
    match reading.open_table(META) {
        Ok(meta) => {
            if let Some(format) = meta.get("format")? {
                return Ok(format.value());
            }
        }
        Err(redb::TableError::TableDoesNotExist(_)) => {}
        Err(error) => return Err(error.into()),
    }
    drop(reading);
    let writing = database.begin_write()?;
    writing.open_table(META)?.insert("format", FORMAT)?;
    writing.commit()?;
    Ok(FORMAT)
}

/// `states.redb.damaged`, `.damaged-2` and so on.
fn free_name(path: &Path) -> PathBuf {
    names_aside(path).find(|name| !name.exists()).unwrap_or_else(|| path.to_owned())
}

fn names_aside(path: &Path) -> impl Iterator<Item = PathBuf> {
    (1_u32..).map(|number| {
        let more = if number == 1 { String::new() } else { format!("-{number}") };
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".damaged{more}"));
        PathBuf::from(name)
    })
}

/// How many damaged files of this name were put aside and are still there, for a server's telemetry.
pub fn put_aside(file: &StateFile) -> Reading {
    let path = file.path();
    let count = names_aside(path).take_while(|name| name.exists()).count() as f64;
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    Reading::gauge("weir_alert_state_files_put_aside", &[("file", &file)], count, PUT_ASIDE)
}

const PUT_ASIDE: &str = "Damaged state files that were put aside: what fired was told anew, silences are gone. Check the disk, then remove \
                         the files named .damaged.";
