//! What an agent keeps on disk to stay itself: its id, and the last epoch it has used.

use std::path::Path;

use anyhow::{Context, Result};
use weir_sample::Timestamp;
use weir_wire::{AgentId, Epoch};

/// Reads the agent's identity from its state folder, or makes one, and starts a new epoch. It is on disk before it is used:
/// an epoch must never be used twice.
pub(crate) fn begin(folder: &Path, now: Timestamp) -> Result<(AgentId, Epoch)> {
    weir_files::create_folder(folder)?;
    let path = folder.join("identity");
    let (agent, previous) = match weir_files::read_if_there(&path)? {
        Some(bytes) => parse(&bytes)
            .with_context(|| format!("{}: not an id and an epoch; delete it for a new identity", path.display()))?,
        None => (AgentId(random()?), None),
    };
    let [a, b] = random()?;
    let epoch = Epoch::next(previous, now, u16::from_be_bytes([a, b]));
    weir_files::replace(&path, format!("{agent} {}\n", epoch.0).as_bytes(), MODE)?;
    Ok((agent, epoch))
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
    fn a_damaged_identity_is_refused_with_its_mend() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("identity"), b"\xff 1").unwrap();
        let error = begin(folder.path(), NOW).unwrap_err().to_string();
        assert!(error.contains("delete it for a new identity"), "{error}");
    }
}
