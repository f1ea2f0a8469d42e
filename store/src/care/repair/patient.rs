//! A store under repair: where its damaged files go, and what is said of them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::Error;
use crate::cold::Cold;

/// Report of a repair, one line per item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Parts brought back or tidied up.
    pub mended: Vec<String>,
    /// Parts that are gone: which series, which time.
    pub lost: Vec<String>,
}

/// A store under repair.
pub(super) struct Patient<'a> {
    pub folder: &'a Path,
    pub cold: Arc<Cold>,
    pub report: Repaired,
}

/// Folder of damaged files.
pub(super) const QUARANTINE: &str = "quarantine";

/// Folder of files that are being written anew.
pub(super) const REPAIRED: &str = "repaired";

impl Patient<'_> {
    pub(super) fn mended(&mut self, line: String) {
        self.report.mended.push(line);
    }

    pub(super) fn lost(&mut self, line: String) {
        self.report.lost.push(line);
    }

    /// Keeps a damaged file under its name. It stays where it is, too, until another takes its place.
    pub(super) fn quarantine(&mut self, path: &Path) -> Result<(), Error> {
        let kept = self.folder.join(QUARANTINE).join(path.file_name().unwrap_or_default());
        weir_files::remove(&kept)?;
        fs::hard_link(path, &kept).map_err(Error::io("keep", path))?;
        self.mended(format!("{} is kept as {}", path.display(), kept.display()));
        Ok(())
    }
}

/// An instant as it is asked for: seconds since 1970.
pub(super) fn instant(millis: i64) -> String {
    format!("{}.{:03} s", millis.div_euclid(1_000), millis.rem_euclid(1_000))
}
