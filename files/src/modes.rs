//! Who may read what is kept: its owner, and nobody else.

use rustix::fs::Mode;
use rustix::process::umask;

/// Mode of every file.
pub(crate) const OWNER_ONLY: u32 = 0o600;
/// Mode of every folder.
pub(crate) const OWNER_ENTERS: u32 = 0o700;

/// What libraries make for this program, such as an object store in a folder, is for its owner alone too. A `main` calls this
/// first, before there are threads.
pub fn keep_private() {
    umask(Mode::RWXG | Mode::RWXO);
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::io::Write;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::path::Path;

    use crate::{FolderLock, create, create_new, open_or_create, own_folder, replace, write_whole};

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
