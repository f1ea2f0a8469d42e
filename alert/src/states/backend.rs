//! The state file under redb, reached through `files/` as all that lasts is.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use redb::StorageBackend;

#[derive(Debug)]
pub(crate) struct Backend {
    file: File,
    path: PathBuf,
}

impl Backend {
    pub(crate) fn open(path: &Path) -> Result<Self, weir_files::Error> {
        let is_new = !path.exists();
        let file = weir_files::open_or_create(path)?;
        // Two writers would tear it: whoever comes second is told.
        file.try_lock().map_err(|error| weir_files::Error::io("lock", path)(error.into()))?;
        if is_new {
            weir_files::sync_folder(path.parent().unwrap_or(Path::new(".")))?;
        }
        Ok(Self { file, path: path.to_owned() })
    }
}

fn io_error(error: weir_files::Error) -> io::Error {
    io::Error::new(error.source.kind(), error.to_string())
}

impl StorageBackend for Backend {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, length: u64) -> Result<(), io::Error> {
        weir_files::cut(&self.file, &self.path, length).map_err(io_error)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        weir_files::sync(&self.file, &self.path).map_err(io_error)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        weir_files::write_at(&self.file, &self.path, data, offset).map_err(io_error)
    }
}
