//! How the C library's allocator keeps memory.
#![allow(unsafe_code)]

/// Gives freed memory back to the system soon and keeps a single arena: for programs that are idle most of the time and
/// must stay small. Costs system calls when large blocks come and go. Does nothing with another C library than glibc.
pub fn keep_heap_small() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in
        [(libc::M_MMAP_THRESHOLD, THRESHOLD_BYTES), (libc::M_TRIM_THRESHOLD, THRESHOLD_BYTES), (libc::M_ARENA_MAX, 1)]
    {
        // SAFETY: mallopt reads two integers and changes how later allocations are made, not those that live.
        unsafe { libc::mallopt(parameter, value) };
    }
}

/// Set by hand, or the first large block that is freed would raise both for good.
#[cfg(target_env = "gnu")]
const THRESHOLD_BYTES: libc::c_int = 64 << 10;
