//! Locks that know their place in the order in which a thread takes them. A debug build panics where that order is not
//! kept, before it could wait for itself; a release build has nothing of it but a byte per lock.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The store's locks in the order in which a thread takes them: whoever holds one takes only such as stand below it, and
/// never two of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// One call of maintenance, to its end; in it stands when idle series were last looked for.
    Maintenance,
    /// One move of blocks to the object store, to its end.
    Moving,
    /// One checkpoint on its way to disk; in it stands the number of the last one.
    Checkpoint,
    /// Rows and changes of the set of blocks share it; a cut, and forgetting idle series, have it alone.
    Gate,
    /// The set of blocks that stands.
    Blocks,
    /// One shard of the head; never two.
    Shard,
    /// Labels of all shards.
    Index,
    /// Files of the slabs.
    Slabs,
    /// Files that no checkpoint will name.
    Obsolete,
    /// Stubs whose objects are to be deleted.
    Condemned,
    /// Blocks that are left as they are because they are damaged.
    Damaged,
    /// Stretches of blocks that were reduced.
    Reduced,
    /// Labels of blocks, decoded.
    Labels,
    /// Damaged pages of one file.
    Quarantined,
    /// Stretches of cold blocks, cached.
    Cached,
    /// Why writes are refused.
    Refusal,
}

/// A value that one thread at a time has. A thread that panicked leaves it as it was.
#[derive(Debug)]
pub(crate) struct Lock<T> {
    rank: Rank,
    value: Mutex<T>,
}

/// A value that many threads read, or one changes.
#[derive(Debug)]
pub(crate) struct SharedLock<T> {
    rank: Rank,
    value: RwLock<T>,
}

/// A lock that is held.
pub(crate) struct Guard<G> {
    guard: G,
    _place: Place,
}

/// A [`Lock`] that is held.
pub(crate) type Locked<'a, T> = Guard<MutexGuard<'a, T>>;

/// A [`SharedLock`] that is held for reading.
pub(crate) type Shared<'a, T> = Guard<RwLockReadGuard<'a, T>>;

impl<T> Lock<T> {
    pub(crate) const fn new(rank: Rank, value: T) -> Self {
        Self { rank, value: Mutex::new(value) }
    }

    pub(crate) fn lock(&self) -> Locked<'_, T> {
        let place = Place::enter(self.rank);
        Guard { guard: self.value.lock().unwrap_or_else(PoisonError::into_inner), _place: place }
    }
}

impl<T> SharedLock<T> {
    pub(crate) const fn new(rank: Rank, value: T) -> Self {
        Self { rank, value: RwLock::new(value) }
    }

    pub(crate) fn read(&self) -> Shared<'_, T> {
        let place = Place::enter(self.rank);
        Guard { guard: self.value.read().unwrap_or_else(PoisonError::into_inner), _place: place }
    }

    pub(crate) fn write(&self) -> Guard<RwLockWriteGuard<'_, T>> {
        let place = Place::enter(self.rank);
        Guard { guard: self.value.write().unwrap_or_else(PoisonError::into_inner), _place: place }
    }
}

impl<G: Deref> Deref for Guard<G> {
    type Target = G::Target;

    fn deref(&self) -> &Self::Target {
        &self.guard
    }
}

impl<G: DerefMut> DerefMut for Guard<G> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.guard
    }
}

/// Marks a rank as held by this thread.
struct Place(#[cfg(debug_assertions)] Rank);

#[cfg(debug_assertions)]
std::thread_local! {
    /// The ranks that this thread holds, a bit each.
    static HELD: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

#[cfg(debug_assertions)]
impl Place {
    fn enter(rank: Rank) -> Self {
        let held = HELD.get();
        assert!(held >> rank as u32 == 0, "{rank:?} is locked while it or a lock below it is held: {held:#b}");
        HELD.set(held | 1 << rank as u32);
        Self(rank)
    }
}

#[cfg(debug_assertions)]
impl Drop for Place {
    fn drop(&mut self) {
        HELD.set(HELD.get() & !(1 << self.0 as u32));
    }
}

#[cfg(not(debug_assertions))]
impl Place {
    const fn enter(_: Rank) -> Self {
        Self()
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    #[test]
    fn locks_are_taken_downwards_and_given_back_in_any_order() {
        let (index, slabs) = (SharedLock::new(Rank::Index, 1), Lock::new(Rank::Slabs, 2));
        for _ in 0..2 {
            let (above, mut below) = (index.read(), slabs.lock());
            *below += *above;
            drop(above);
            drop(below);
        }
        let mut above = index.write();
        *above += *slabs.lock();
        drop(above);
        assert_eq!((*index.read(), HELD.get()), (5, 1 << Rank::Index as u32));
        assert_eq!(HELD.get(), 0);
    }

    #[test]
    #[should_panic(expected = "Index is locked while")]
    fn a_lock_above_the_one_held_is_refused() {
        let (index, slabs) = (SharedLock::new(Rank::Index, ()), Lock::new(Rank::Slabs, ()));
        let _below = slabs.lock();
        index.read();
    }

    #[test]
    #[should_panic(expected = "Shard is locked while")]
    fn two_locks_of_one_rank_are_refused() {
        let shards = [Lock::new(Rank::Shard, ()), Lock::new(Rank::Shard, ())];
        let _one = shards[0].lock();
        shards[1].lock();
    }
}
