//! A state file of a term, as its engine wants it.

use std::io;
use std::sync::Arc;

use weir_alert::states::{Kept, StateFile};
use weir_queue::kafka::Term;

#[derive(Debug)]
struct OfTerm {
    term: Arc<Term>,
    name: &'static str,
}

/// The file of this name, as the leaders before have left it.
pub(super) fn file(term: &Arc<Term>, name: &'static str) -> StateFile {
    StateFile::Kept(Arc::new(OfTerm { term: term.clone(), name }))
}

impl Kept for OfTerm {
    fn name(&self) -> &str {
        self.name
    }

    fn length(&self) -> u64 {
        self.term.length(self.name)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> bool {
        self.term.read(self.name, offset, out)
    }

    fn write(&self, offset: u64, data: &[u8]) {
        self.term.write(self.name, offset, data);
    }

    fn set_length(&self, length: u64) {
        self.term.set_length(self.name, length);
    }

    fn sync(&self) -> Result<(), io::Error> {
        self.term.sync(self.name).map_err(io::Error::other)
    }
}
