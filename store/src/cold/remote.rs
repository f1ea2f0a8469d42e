//! What the store asks of an object store.

use std::io::{self, Read};

/// An object store, or a part of one that is ours alone. Its calls block; they are made by threads that may wait.
pub trait Remote: Send + Sync + std::fmt::Debug {
    /// Stores an object, in place of one of the same key. It is durable when this returns, and there whole or not at all.
    ///
    /// # Errors
    /// What the object store says, or what reading `body` does.
    fn put(&self, key: &str, body: &mut dyn Read) -> io::Result<()>;

    /// Reads `size` bytes of an object from `offset` on; fewer where it ends.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is no such object, or what the object store says.
    fn get_range(&self, key: &str, offset: u64, size: usize) -> io::Result<Vec<u8>>;

    /// Deletes an object; one that is gone already is as good.
    ///
    /// # Errors
    /// What the object store says.
    fn delete(&self, key: &str) -> io::Result<()>;

    /// Keys and sizes of the objects whose key begins with `folder` and a slash.
    ///
    /// # Errors
    /// What the object store says.
    fn list(&self, folder: &str) -> io::Result<Vec<(String, u64)>>;
}
