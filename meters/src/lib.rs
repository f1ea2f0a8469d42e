//! What this process uses of its machine, and what it may use: CPU, memory, threads, open files; and what time it is.
//!
//! Figures of the kernel and of control groups enter; ratios and readings leave. Nothing here waits or starts a thread:
//! who wants a figure kept fresh looks now and then.

pub mod clock;
mod cpu;
mod load;
mod memory;
pub mod process;
mod quota;

pub use cpu::{Cpu, CpuMeter, used_by_this_thread};
pub use load::{Load, LoadMeter};
pub use memory::Memory;
