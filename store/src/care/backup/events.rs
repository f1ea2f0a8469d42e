//! Files of events in a backup: `TENANT/DAY`, which only grow. Each is sent once as it is, under a name that tells its content.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::manifest::{EVENTS, Item};
use super::transferred::Transferred;
use crate::cold::{put_compared, summed};
use crate::{Error, Remote};

/// Sends the files that are not there yet, and lists all.
pub(super) fn send(
    folder: &Path,
    target: &dyn Remote,
    items: &mut Vec<Item>,
    done: &mut Transferred,
) -> Result<(), Error> {
    let listed = target.list(EVENTS).map_err(Error::remote("list", EVENTS))?;
    for tenant in numbers(folder)? {
        for day in numbers(&folder.join(&tenant))? {
            let (path, file) = (format!("{EVENTS}/{tenant}/{day}"), folder.join(&tenant).join(&day));
            let open = || match File::open(&file) {
                // One that is over is deleted while this runs.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                opened => opened.map(Some).map_err(Error::io("open", &file)),
            };
            let Some(opened) = open()? else { continue };
            let size = opened.metadata().map_err(Error::io("read", &file))?.len();
            let (_, checksum) = summed(opened.take(size)).map_err(Error::io("read", &file))?;
            let key = format!("{path}-{size}-{checksum:08x}");
            let item = Item { path, key, size, checksum };
            if listed.iter().any(|(key, size)| *key == item.key && *size == item.size) {
                done.there += 1;
            } else {
                let Some(opened) = open()? else { continue };
                let sent = put_compared(target, &item.key, &mut opened.take(size), || Ok(()))?;
                if sent != (item.size, item.checksum) {
                    return Err(Error::Damaged { path: file, what: "file that changes" });
                }
                done.count(&item);
            }
            items.push(item);
        }
    }
    Ok(())
}

/// Names in a folder that are numbers; none where there is no folder.
fn numbers(folder: &Path) -> Result<Vec<String>, Error> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    Ok(weir_files::names(folder)?.into_iter().filter(|name| name.parse::<u32>().is_ok()).collect())
}
