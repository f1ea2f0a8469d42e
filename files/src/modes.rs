//! Who may read what is kept: its owner, and nobody else.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::Mode;
use rustix::process::{geteuid, umask};

use crate::{Error, create_folder};

/// Mode of every file.
pub(crate) const OWNER_ONLY: u32 = 0o600;
/// Mode of every folder.
pub(crate) const OWNER_ENTERS: u32 = 0o700;

const STICKY: u32 = 0o1000;

/// What libraries make for this program, such as an object store in a folder, is for its owner alone too. A `main` calls this
/// first, before there are threads.
pub fn keep_private() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Makes a folder that only its owner may enter, or keeps others out of one that is there: files in it may be from a version
/// that let them in. A folder of somebody else's, or one that is for all like `/tmp`, stays as it is.
///
/// # Errors
/// What the file system says.
pub fn own_folder(folder: &Path) -> Result<(), Error> {
    create_folder(folder)?;
    let meta = fs::metadata(folder).map_err(Error::io("look at", folder))?;
    let open = meta.mode() & 0o077 != 0 && meta.mode() & STICKY == 0;
    if open && meta.uid() == geteuid().as_raw() {
        // A disk that may only be read has nothing to lose by it; whoever writes hears of it.
        let _ = fs::set_permissions(folder, Permissions::from_mode(OWNER_ENTERS));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::{FolderLock, create, create_new, open_or_create, replace, write_whole};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn whatever_is_made_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        let at = |name: &str| inner.join(name);
        FolderLock::acquire(&inner).unwrap();
        create(&at("made")).unwrap();
        create_new(&at("new")).unwrap();
        open_or_create(&at("opened")).unwrap();
        write_whole(&at("whole"), |file| file.write_all(b"x")).unwrap();
        replace(&at("public"), b"x", 0o644).unwrap();
        for made in [folder.path().join("a"), inner.clone()] {
            assert_eq!(mode(&made), 0o700, "{}", made.display());
        }
        for made in ["lock", "made", "new", "opened", "whole"] {
            assert_eq!(mode(&at(made)), 0o600, "{made}");
        }
        assert_eq!(mode(&at("public")), 0o644);
    }

    #[test]
    fn others_are_kept_out_of_a_folder_that_let_them_in() {
        let folder = tempfile::tempdir().unwrap();
        let open = |mode| fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
        open(0o755);
        own_folder(folder.path()).unwrap();
        assert_eq!(mode(folder.path()), 0o700);
        open(0o1777);
        own_folder(folder.path()).unwrap();
        assert_eq!(mode(folder.path()), 0o1777, "a folder for all stays one");
    }
}
