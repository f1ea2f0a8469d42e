//! What an agent keeps on disk to stay itself: its id, and the last epoch it has used.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use weir_sample::Timestamp;
use weir_wire::{AgentId, Epoch};

/// Takes the agent's identity from its state folder, or makes one, and starts a new epoch.
pub(crate) fn begin(folder: &Path, now: Timestamp) -> Result<(AgentId, Epoch)> {
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let path = folder.join("identity");
    let (agent, previous) = match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text)
            .with_context(|| format!("{}: not an id and an epoch; delete it for a new identity", path.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (AgentId(random()?), None),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let [a, b] = random()?;
    let epoch = Epoch::next(previous, now, u16::from_be_bytes([a, b]));
    write(&path, &format!("{agent} {}\n", epoch.0)).with_context(|| format!("writing {}", path.display()))?;
    Ok((agent, epoch))
}

fn parse(text: &str) -> Option<(AgentId, Option<Epoch>)> {
    let (agent, epoch) = text.trim().split_once(' ')?;
    Some((agent.parse().ok()?, Some(Epoch(epoch.parse().ok()?))))
}

/// The new file is whole and on disk before it takes the old one's place: an epoch must never be used twice.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let draft = path.with_extension("draft");
    let mut file = std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
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
