//! The manifest of a backup: which files it has, and which object each is.

use crate::{Error, Remote};

/// Folder of the manifests and of what is sent with each backup.
pub(crate) const SNAPSHOTS: &str = "snapshots";

/// Folder of the objects that are files of events, and what paths of such files begin with.
pub(crate) const EVENTS: &str = "events";

/// A million files have a shorter one.
const LONGEST_MANIFEST: usize = 256 << 20;

/// First line of a manifest; its number rises when an older program could not restore from it.
const MANIFEST: &str = "weir-backup 1";

/// The first line of one that has files of events.
const WITH_EVENTS: &str = "weir-backup 2";

/// One file of a backup. A block's key tells its content, and any other object's checksum stands beside it.
pub(crate) struct Item {
    pub path: String,
    pub key: String,
    pub size: u64,
    pub checksum: u32,
}

/// Names of the backups that count, oldest first if their names rise.
///
/// # Errors
/// What the object store says.
pub fn backups(source: &dyn Remote) -> Result<Vec<String>, Error> {
    let listed = source.list(SNAPSHOTS).map_err(Error::remote("list", SNAPSHOTS))?;
    let name = |key: &str| Some(key.strip_prefix(SNAPSHOTS)?.strip_prefix('/')?.strip_suffix("/manifest")?.to_owned());
    let mut names: Vec<String> = listed.iter().filter_map(|(key, _)| name(key)).collect();
    names.sort();
    Ok(names)
}

pub(crate) fn manifest_key(name: &str) -> String {
    format!("{SNAPSHOTS}/{name}/manifest")
}

pub(super) fn manifest(items: &[Item]) -> String {
    let lines = items.iter().map(|Item { path, key, size, checksum }| format!("{path} {key} {size} {checksum:08x}\n"));
    let has_events = items.iter().any(|item| item.path.starts_with(EVENTS));
    let first = if has_events { WITH_EVENTS } else { MANIFEST };
    let body: String = std::iter::once(format!("{first}\n")).chain(lines).collect();
    format!("{body}end {:08x}\n", crc32c::crc32c(body.as_bytes()))
}

fn parse_manifest(text: &str) -> Option<Vec<Item>> {
    let at = text.trim_end().rfind('\n')? + 1;
    let (body, end) = text.split_at(at);
    let sum = u32::from_str_radix(end.trim_end().strip_prefix("end ")?, 16).ok()?;
    let mut lines = body.lines();
    if sum != crc32c::crc32c(body.as_bytes())
        || !lines.next().is_some_and(|first| [MANIFEST, WITH_EVENTS].contains(&first))
    {
        return None;
    }
    let item = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        let (path, key, size) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
        let checksum = u32::from_str_radix(&words.next()?, 16).ok()?;
        let inside = !path.starts_with('/') && !path.split('/').any(|part| part == "..");
        inside.then_some(Item { path, key, size, checksum })
    };
    lines.map(item).collect()
}

/// The files of a backup.
pub(crate) fn read_manifest(source: &dyn Remote, name: &str) -> Result<Vec<Item>, Error> {
    let key = manifest_key(name);
    let text = source.get_range(&key, 0, LONGEST_MANIFEST).map_err(Error::remote("read", &key))?;
    let items = std::str::from_utf8(&text).ok().and_then(parse_manifest);
    items.ok_or_else(|| Error::Damaged { path: key.into(), what: "manifest" })
}
