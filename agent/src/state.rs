//! What an agent keeps on disk to stay itself: its id, and the last epoch it has used.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use weir_files::{FolderLock, LockError};
use weir_sample::Timestamp;
use weir_wire::{AgentId, Epoch};

/// Who this agent is, in this run.
pub(crate) struct State {
    pub(crate) agent: AgentId,
    pub(crate) epoch: Epoch,
    /// The folder that keeps it; `None`: memory alone does.
    kept: Option<Kept>,
}

struct Kept {
    folder: PathBuf,
    _lock: FolderLock,
}

impl State {
    /// Takes the folder's identity, or makes one, and starts a new epoch. A disk that will not have it is no reason to stop:
    /// then the agent is somebody new, in memory alone, since an epoch that is not on disk could be used twice.
    ///
    /// # Errors
    /// Another agent runs on the folder.
    pub(crate) fn begin(folder: &Path, now: Timestamp) -> Result<Self> {
        let failure = match FolderLock::acquire(folder) {
            Ok(lock) => match begin(folder, now) {
                Ok((agent, epoch)) => {
                    let kept = Some(Kept { folder: folder.to_owned(), _lock: lock });
                    return Ok(Self { agent, epoch, kept });
                }
                Err(error) if error.downcast_ref::<weir_files::Error>().is_none() => return Err(error),
                Err(error) => error,
            },
            Err(LockError::Taken { owner }) => {
                let taken = LockError::Taken { owner };
                bail!("state folder {}: {taken}; give each agent its own --state", folder.display())
            }
            Err(error) => error.into(),
        };
        tracing::error!(
            error = format!("{failure:#}"),
            "the state folder cannot be written: running from memory, with a new identity and without the spool; mend the \
             disk and restart"
        );
        Ok(Self { agent: AgentId(random()?), epoch: Epoch::next(None, now, number()?), kept: None })
    }

    /// The folder, if what is in it is this agent's.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.kept.as_ref().map(|kept| kept.folder.as_path())
    }

    /// Starts another epoch of this run, if it can be kept.
    pub(crate) fn next_epoch(&mut self, now: Timestamp) -> Result<Epoch> {
        let epoch = Epoch::next(Some(self.epoch), now, number()?);
        if let Some(folder) = self.folder() {
            keep(folder, self.agent, epoch)?;
        }
        self.epoch = epoch;
        Ok(epoch)
    }
}

/// Reads the agent's identity from its state folder, or makes one, and starts a new epoch. It is on disk before it is used:
/// an epoch must never be used twice.
fn begin(folder: &Path, now: Timestamp) -> Result<(AgentId, Epoch)> {
    weir_files::create_folder(folder)?;
    let path = folder.join("identity");
    let (agent, previous) = match weir_files::read_if_there(&path)? {
        Some(bytes) => match parse(&bytes) {
            Some(known) => known,
            None => {
                let aside = folder.join("identity.damaged");
                weir_files::replace(&aside, &bytes, MODE)?;
                tracing::error!(
                    aside = %aside.display(),
                    "the identity is damaged and was set aside: the agent is somebody new; put the file of a backup in its \
                     place to be who it was"
                );
                (AgentId(random()?), None)
            }
        },
        None => (AgentId(random()?), None),
    };
    let epoch = Epoch::next(previous, now, number()?);
    keep(folder, agent, epoch)?;
    Ok((agent, epoch))
}

fn keep(folder: &Path, agent: AgentId, epoch: Epoch) -> Result<(), weir_files::Error> {
    weir_files::replace(&folder.join("identity"), format!("{agent} {}\n", epoch.0).as_bytes(), MODE)
}

fn number() -> Result<u16> {
    Ok(u16::from_be_bytes(random()?))
}

/// Nobody else need know the id.
const MODE: u32 = 0o600;

fn parse(bytes: &[u8]) -> Option<(AgentId, Option<Epoch>)> {
    let (agent, epoch) = std::str::from_utf8(bytes).ok()?.trim().split_once(' ')?;
    Some((agent.parse().ok()?, Some(Epoch(epoch.parse().ok()?))))
}

/// Random bytes from the kernel.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    use std::io::Read;
    let mut bytes = [0; N];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("reading /dev/urandom")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use weir_files::fault::{Disk, Fault};

    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    #[test]
    fn an_epoch_that_was_begun_is_not_begun_again_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, state) = (Disk::under(folder.path()), folder.path().join("deep/state"));
        let first = begin(&state, NOW).unwrap();
        disk.crash();
        // The clock stood still, too.
        let second = begin(&state, NOW).unwrap();
        assert_eq!(second.0, first.0);
        assert!(second.1 > first.1, "{first:?} {second:?}");
    }

    #[test]
    fn an_epoch_that_cannot_be_kept_is_not_begun() {
        let folder = tempfile::tempdir().unwrap();
        let first = begin(folder.path(), NOW).unwrap();
        let disk = Disk::under(folder.path());
        for operations in 0.. {
            disk.fail_after(operations, Fault::NoSpace);
            let outcome = begin(folder.path(), NOW);
            disk.heal();
            match outcome {
                Err(_) => assert!(begin(folder.path(), NOW).is_ok_and(|(agent, _)| agent == first.0)),
                Ok(_) => {
                    assert!(operations > 1);
                    return;
                }
            }
        }
    }

    #[test]
    fn a_damaged_identity_is_set_aside_and_another_one_made() {
        for damaged in [&b"\xff 1"[..], b"", b"11111111-1111-4111-8111-111111111111", b"x 7\n"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("identity");
            std::fs::write(&path, damaged).unwrap();
            let (agent, epoch) = begin(folder.path(), NOW).unwrap();
            assert_eq!(std::fs::read(folder.path().join("identity.damaged")).unwrap(), damaged);
            let (again, next) = begin(folder.path(), NOW).unwrap();
            assert!(again == agent && next > epoch);
        }
    }

    #[test]
    fn a_second_agent_on_a_folder_is_refused_and_told_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = State::begin(folder.path(), NOW).unwrap();
        let Err(error) = State::begin(folder.path(), NOW) else { panic!("two agents on one folder") };
        assert!(error.to_string().contains(&format!("in use by process {}", std::process::id())), "{error}");
        drop(first);
        State::begin(folder.path(), NOW).unwrap();
    }

    #[test]
    fn a_disk_that_takes_nothing_makes_the_agent_somebody_new() {
        let folder = tempfile::tempdir().unwrap();
        let first = State::begin(folder.path(), NOW).unwrap();
        assert_eq!(first.folder(), Some(folder.path()));
        drop(first);
        let (known, _) = begin(folder.path(), NOW).unwrap();
        let disk = Disk::under(folder.path());
        disk.fail_after(0, Fault::NoSpace);
        let lost = State::begin(folder.path(), NOW).unwrap();
        assert!(lost.folder().is_none() && lost.agent != known);
        let mut lost = lost;
        let epoch = lost.epoch;
        assert!(lost.next_epoch(NOW).unwrap() > epoch);
        disk.heal();
        drop(lost);
        assert_eq!(State::begin(folder.path(), NOW).unwrap().agent, known);
        // A folder that is none, as good as one on a disk that is read-only.
        let file = folder.path().join("identity");
        assert!(State::begin(&file, NOW).unwrap().folder().is_none());
    }

    #[test]
    fn an_epoch_that_cannot_be_kept_leaves_the_run_in_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = State::begin(folder.path(), NOW).unwrap();
        let (disk, epoch) = (Disk::under(folder.path()), state.epoch);
        disk.fail_after(0, Fault::NoSpace);
        assert!(state.next_epoch(NOW).is_err() && state.epoch == epoch);
        disk.heal();
        let next = state.next_epoch(NOW).unwrap();
        drop(state);
        assert!(next > epoch && State::begin(folder.path(), NOW).unwrap().epoch > next);
    }
}
