//! Faults of the disk and the clock for one process, which knows nothing of them.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a process looks at before it writes, syncs or asks for the time.
pub struct Board {
    file: File,
    environment: [String; 2],
}

/// A field of the board, as shim.c has it.
#[derive(Clone, Copy)]
pub enum Switch {
    /// Milliseconds that the wall clock is ahead.
    ClockMs = 0,
    /// 1: syncs of a queue's files fail, 2: of a store's, 3: both.
    SyncFails = 8,
    /// The same of writes.
    WriteFails = 16,
}

impl Board {
    /// A board without faults for the process of this name.
    pub fn new(folder: &Path, name: &str) -> Self {
        let path = folder.join(format!("{name}.board"));
        let file = File::options().create(true).truncate(true).read(true).write(true).open(&path).unwrap();
        file.write_all_at(&[0; 24], 0).unwrap();
        let preload = format!("LD_PRELOAD={}", shim(folder).display());
        Self { file, environment: [preload, format!("WEIR_SOAK_BOARD={}", path.display())] }
    }

    /// What the process is to be started with; `env` takes it as arguments.
    pub fn environment(&self) -> &[String] {
        &self.environment
    }

    /// Sets a fault; zero heals it.
    pub fn set(&self, switch: Switch, value: i64) {
        self.file.write_all_at(&value.to_le_bytes(), switch as u64).unwrap();
    }
}

/// Makes the shim, unless it is there. The compiler is the one that links Rust programs.
fn shim(folder: &Path) -> PathBuf {
    let (source, shim) = (folder.join("shim.c"), folder.join("shim.so"));
    if !shim.exists() {
        std::fs::write(&source, include_str!("shim.c")).unwrap();
        let mut compiler = Command::new("cc");
        let made = compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&shim).arg(&source).arg("-ldl").status();
        assert!(made.is_ok_and(|status| status.success()), "cc does not make the shim");
    }
    shim
}
