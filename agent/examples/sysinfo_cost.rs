//! What reading a host through sysinfo costs: CPU per collection and resident memory. The agent's own reading tells the
//! same of itself at /metrics (`weir_agent_collect_seconds`, `weir_agent_resident_bytes`); docs/decisions/0003 compares.

use std::time::Instant;

use sysinfo::{Components, Disks, Networks, ProcessRefreshKind, ProcessesToUpdate, System};

const ROUNDS: u32 = 200;

fn main() -> Result<(), sysinfo::Error> {
    let (mut system, mut disks) = (System::new()?, Disks::new_with_refreshed_list()?);
    let (mut networks, mut parts) = (Networks::new_with_refreshed_list()?, Components::new_with_refreshed_list()?);
    println!("empty: {} KiB resident", resident_kib());
    let mut figures = 0;
    let mut collect = |processes: bool| {
        system.refresh_cpu_all();
        system.refresh_memory();
        disks.refresh(true);
        networks.refresh(true);
        parts.refresh(true);
        let load = System::load_average().is_ok();
        if processes {
            system.refresh_processes_specifics(ProcessesToUpdate::All, true, ProcessRefreshKind::nothing());
        }
        figures = system.cpus().len() + 8 + disks.len() * 4 + networks.len() * 6 + parts.len();
        std::hint::black_box((load, &system, &disks, &networks));
    };
    for (name, processes) in [("without processes", false), ("with processes", true)] {
        collect(processes);
        let began = Instant::now();
        (0..ROUNDS).for_each(|_| collect(processes));
        let each = began.elapsed() / ROUNDS;
        println!("{name}: {} µs a collection, {} KiB resident", each.as_micros(), resident_kib());
    }
    println!("{figures} figures");
    Ok(())
}

fn resident_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4
}
