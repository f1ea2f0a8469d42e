//! Keys and tokens: read if nobody else can read them.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::Error;

/// Why a secret is not used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] Error),
    /// Others can read it, or change it.
    #[error(
        "{} has mode {mode:03o}: a key or token that others can read is none; make it its owner's with `chmod 600 {}`",
        path.display(), path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// The text of a file that its owner alone may read.
///
/// What root lets a service's group read is fine: no other way leads from root to a service, and packages, Kubernetes' secrets and
/// systemd's credentials (whose group is root's, though the service reads them) take it.
///
/// # Errors
/// [`SecretError::Open`] if others may read or write it, or what the file system says.
pub fn read_secret(path: &Path) -> Result<String, SecretError> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let meta = file.metadata().map_err(Error::io("look at", path))?;
    if !is_private(meta.mode(), (meta.uid(), meta.gid()), geteuid().as_raw()) {
        return Err(SecretError::Open { path: path.to_owned(), mode: meta.mode() & 0o777 });
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(Error::io("read", path))?;
    Ok(text)
}

fn is_private(mode: u32, (owner, group): (u32, u32), reader: u32) -> bool {
    const ROOT: u32 = 0;
    let given = owner == ROOT && (group != ROOT || reader != ROOT);
    let others = if given { 0o037 } else { 0o077 };
    mode & others == 0
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_that_others_may_read_is_refused_with_what_mends_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        crate::create_whole(&path, b"s", 0o600).unwrap();
        assert_eq!(read_secret(&path).unwrap(), "s");
        for open in [0o640, 0o604, 0o620, 0o666] {
            set_permissions(&path, Permissions::from_mode(open)).unwrap();
            let error = read_secret(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("`chmod 600 {}`", path.display())), "{error}");
            assert!(error.contains(&format!("{open:03o}")), "{error}");
        }
        let gone = read_secret(&folder.path().join("gone")).unwrap_err().to_string();
        assert!(gone.contains("gone"), "{gone}");
    }

    #[test]
    fn root_may_give_a_secret_to_the_group_of_a_service() {
        let (root, service) = (0, 990);
        let (given, credential, own) = ((root, service), (root, root), (service, service));
        for reader in [root, service] {
            assert!(is_private(0o100_640, given, reader), "a package's file");
            assert!(!is_private(0o660, given, reader) && !is_private(0o644, given, reader));
            assert!(!is_private(0o640, own, reader), "whoever owns it can close it");
        }
        assert!(is_private(0o440, credential, service) && !is_private(0o440, credential, root));
    }
}
